"""Going on from a checkpoint: the same one at all workers, with the corpus as it is now."""

from translator.config.schema import Config
from translator.data.plan import Position
from translator.training.checkpoints import Checkpoints
from translator.training.errors import TrainingError
from translator.training.optimizer import Variables
from translator.training.state import TrainingState
from translator.training.workers import Workers


def restore(checkpoints: Checkpoints, model: Variables, optimizer: Variables, workers: Workers) -> TrainingState | None:
    """Goes back to the newest intact checkpoint, if there is one; the chief first, who sets damaged ones aside.

    Raises:
        TrainingError: the workers don't see the same checkpoints.
    """
    restored = None
    for turn in (True, False):
        if workers.chief == turn:
            restored = checkpoints.restore_newest(model, optimizer)
        workers.wait()
    step = -1 if restored is None else restored.step
    if [step] != workers.of_chief([step]):
        raise TrainingError(f"{checkpoints.folder} is not what worker 0 sees; all workers must share that disk")
    return restored


def take_up_corpus(restored: TrainingState, fingerprint: str, config: Config, checkpoints: Checkpoints) -> str | None:
    """Has a checkpoint go on with the corpus as it is now: where it has changed, from the start of the epoch.

    Args:
        restored: of the checkpoint; it is changed.
        fingerprint: of the corpus as it is now.
        config: `data.on_change`.
        checkpoints: that the state is of.

    Returns:
        What the user should know of it, if anything.

    Raises:
        TrainingError: the corpus has changed, and the user has not agreed to that.
    """
    before, restored.corpus = restored.corpus, fingerprint
    if before in ("", fingerprint):
        return None
    if config.data.on_change == "refuse":
        raise TrainingError(
            f"{checkpoints.folder}: step {restored.step:,} was trained on another corpus, or with another "
            f"vocabulary, than {checkpoints.folder.parent / 'data'} is made from. Restore the old files, or continue "
            "with the new ones, from the start of the epoch, by --set data.on_change=continue"
        )
    restored.position = Position(restored.position.epoch)
    return (
        f"step {restored.step:,}: data.train has changed; going on with it from the start of the epoch "
        f"({restored.position.epoch}.0)"
    )


def take_up_validation_set(
    restored: TrainingState, fingerprint: str, config: Config, checkpoints: Checkpoints
) -> str | None:
    """Has a checkpoint go on with the validation set as it is now: figures on two sets are not compared.

    Args:
        restored: of the checkpoint; it is changed.
        fingerprint: of the validation set as it is now.
        config: `data.on_change`.
        checkpoints: that the state is of.

    Returns:
        What the user should know of it, if anything.

    Raises:
        TrainingError: the validation set has changed, and the user has not agreed to that.
    """
    before, restored.validation_set = restored.validation_set, fingerprint
    if before in ("", fingerprint) or not restored.validations:
        return None
    if config.data.on_change == "refuse":
        raise TrainingError(
            f"{checkpoints.folder}: the validations up to step {restored.step:,} are of another validation set than "
            "data.validation is now, so that their figures cannot be compared. Restore the old files, or continue with "
            "the new ones, and compare only validations on these, by --set data.on_change=continue"
        )
    restored.compared_from = len(restored.validations)
    return f"step {restored.step:,}: data.validation has changed; only validations from here on are compared"
