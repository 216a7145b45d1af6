"""Which weights of a run to use: the finished model, or a single checkpoint, while training is under way too."""

import logging
from pathlib import Path
from typing import Literal

from translator.config.training import TrainConfig
from translator.run_folder import RunError, RunFolder
from translator.training.checkpoints import Checkpoints
from translator.training.stopping import best, figure_that_matters

log = logging.getLogger(__name__)

Checkpoint = Literal["best", "last"]


def weights_of(run: RunFolder, config: TrainConfig, checkpoint: Checkpoint | None) -> Path:
    """The file of the weights to use; damaged checkpoints are passed over.

    Args:
        run: its folder.
        config: its settings of training; `best` is judged by the figure that decides when the run ends, or which
            checkpoints it averages: BLEU unless it says loss.
        checkpoint: `best` of the validated checkpoints that are still kept, or the `last`; None takes the model.

    Raises:
        RunError: there is no such file yet; says what there is.
    """
    if checkpoint is None:
        return _model_of(run)
    checkpoints = Checkpoints(run.checkpoints, config.keep_checkpoints)
    newest = checkpoints.newest()
    if newest is None:
        raise RunError(f"{run.path} has no checkpoint yet. `translator train` writes the first one before step 1")
    state, weights = newest
    if checkpoint == "last":
        log.info("%s: using the checkpoint of step %s", run.path, f"{state.step:,}")
        return weights
    left, by = list(state.comparable), figure_that_matters(config)
    while left:
        validation = left.pop(best(left, by))
        if found := checkpoints.weights_file(validation.step):
            log.info(
                "%s: using the checkpoint of step %s, the best by %s of those kept (loss %.3f, BLEU %.2f)",
                run.path, f"{validation.step:,}", by, validation.loss, validation.bleu,
            )  # fmt: skip
            return found
    raise RunError(
        f"{run.path} has no checkpoint with a validation yet; the last checkpoint (--checkpoint last) is of step "
        f"{state.step:,}"
    )


def _model_of(run: RunFolder) -> Path:
    if not run.model.is_file():
        raise RunError(
            f"{run.path} has no model yet: its training has not ended. `translator train` resumes it; until then "
            "`--checkpoint best` or `--checkpoint last` (`checkpoint=` of Translator.load) uses "
            "a checkpoint"
        )
    return run.model
