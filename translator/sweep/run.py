"""A sweep from beginning to end: what the command line and scripts call."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from translator.errors import needs_extra
from translator.files import replacing
from translator.sweep.halving import Halving
from translator.sweep.results import Result, draw, results, write_results
from translator.sweep.running import POLL_SECONDS, Say, train_open
from translator.sweep.space import SweepError, draws, grid, parse_settings, parse_variants
from translator.sweep.training import Commands, Processes
from translator.sweep.trials import Sweep, make_trials


@dataclass(frozen=True)
class Asked:
    """What a sweep is asked to vary, as the options of `translator sweep` have it."""

    settings: Sequence[str] = ()
    variants: Sequence[str] = ()
    draws: int | None = None
    seed: int = 1


def make_sweep(config: Path, folder: Path, asked: Asked, halving: Halving) -> Sweep:
    """The sweep that is asked for; it and its corpora for validation and test are checked, and nothing is written.

    Raises:
        ConfigError: naming every problem of all configurations.
        SweepError: what is asked for does not go together, or the folder has other runs.
        CorpusError: a corpus cannot be read.
    """
    shared, axes = parse_settings(asked.settings)
    axes = [*parse_variants(asked.variants), *axes]
    if not axes:
        raise SweepError("there is nothing to vary; give values, as in --set train.learning_rate=1e-3,2e-3")
    points = grid(axes) if asked.draws is None else draws(axes, asked.draws, asked.seed)
    sweep = Sweep(folder, make_trials(config, shared, points), halving)
    sweep.require_possible()
    return sweep


def run_sweep(
    sweep: Sweep,
    processes: int,
    say: Say,
    *,
    retry: bool = False,
    commands: Commands | None = None,
    poll: float = POLL_SECONDS,
) -> list[Result]:
    """Trains what is open, writes the results after each training, and draws them at the end.

    Args:
        sweep: of `make_sweep`.
        processes: trainings at a time.
        say: told what begins and ends.
        retry: whether runs that failed are tried again.
        commands: prepare and train; by default `translator prepare` and `translator train`.
        poll: seconds between looks at what others do.

    Raises:
        SweepStopped: a signal asked for it.
        TranslatorError: a corpus cannot be prepared, or has changed.
    """
    sweep.folder.mkdir(parents=True, exist_ok=True)
    if retry:
        sweep.forget_failures()
    train_open(sweep, commands or Processes(processes), processes, say, lambda: write_results(sweep), poll)
    write_results(sweep)
    found = results(sweep)
    if importlib.util.find_spec("matplotlib") is None:
        say(needs_extra("no picture of the sweep: matplotlib is not installed", "plots", "'matplotlib>=3.9'"))
    else:
        with replacing(sweep.folder / "sweep.svg") as partial, partial.open("wb") as file:
            draw(sweep, found, file)
    return found
