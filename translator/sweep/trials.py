"""The runs of a sweep: their configurations, all checked before anything is trained, and how far each has come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config.changes import changes
from translator.config.load import dump_config, load_config, require_set_once
from translator.config.schema import Config, ConfigError
from translator.config.section import MayChange
from translator.data.preflight import require_evaluation_corpora
from translator.files import read_file
from translator.run_folder import RunFolder
from translator.sweep.halving import Halving, Standing
from translator.sweep.space import Point, SweepError

MOST_PROBLEMS = 20  # lines of them


@dataclass(frozen=True)
class Trial:
    """One run of a sweep."""

    name: str  # of its folder
    varied: dict[str, str]  # its values on the axes, by their names
    config: Config

    @property
    def said(self) -> str:
        """What it has that others have not, for messages."""
        return " ".join(label if "=" in label else f"{name}={label}" for name, label in self.varied.items())


@dataclass(frozen=True)
class Sweep:
    """Runs in one folder, and how they are chosen among.

    In the folder are the runs; `prepared`, the corpora that they share; `state`, what each process has claimed, and
    what trainings printed; and the results.
    """

    folder: Path
    trials: tuple[Trial, ...]
    halving: Halving

    def run(self, trial: Trial) -> RunFolder:
        """The folder of a run."""
        return RunFolder(self.folder / trial.name)

    def state(self, name: str) -> Path:
        """Where the lock of a run or a corpus is, why it failed, and what was printed."""
        return self.folder / "state" / name

    def standings(self) -> list[Standing]:
        """How far each run has come."""
        return [self.standing(trial) for trial in self.trials]

    def standing(self, trial: Trial) -> Standing:
        """How far a run has come, as its folder says."""
        run = self.run(trial)
        scored = not trial.config.data.test or run.scores.is_file()
        bleus = [(row["step"], row["validation_bleu"]) for row in read_rows(run) if "validation_bleu" in row]
        return Standing(bleus, run.model.is_file() and scored, self.failure(trial))

    def failure(self, trial: Trial) -> str | None:
        """Why the run's training broke off, if it did."""
        try:
            return read_file(self.state(trial.name) / "failure.txt").decode(errors="replace").strip()
        except OSError:
            return None

    def forget_failures(self) -> None:
        """Lets runs that failed be tried again."""
        for trial in self.trials:
            (self.state(trial.name) / "failure.txt").unlink(missing_ok=True)

    def require_possible(self) -> None:
        """Reads all validation and test corpora, and compares with the runs that are there.

        Raises:
            SweepError: the folder has other runs, or rungs do not fit the runs.
            CorpusError: a corpus cannot be read.
        """
        self._require_rungs()
        for trial in self.trials:
            self._require_same(trial)
        for data in {trial.config.data.model_dump_json(): trial.config.data for trial in self.trials}.values():
            require_evaluation_corpora(data)

    def _require_rungs(self) -> None:
        rungs = self.halving.rungs
        if any(rung < 1 for rung in rungs) or list(rungs) != sorted(set(rungs)):
            raise SweepError(f"--rungs {','.join(map(str, rungs))}: expected steps that rise, as in --rungs 500,1500")
        if not self.halving.eta > 1:
            raise SweepError(f"--eta {self.halving.eta:g}: 1/η of the runs go on, so that η has to be above 1")
        for rung in rungs:
            for trial in self.trials:
                train = trial.config.train
                if rung % train.validate_every_steps:
                    raise SweepError(
                        f"--rungs: {rung} is not a multiple of train.validate_every_steps "
                        f"{train.validate_every_steps}; runs are compared by a validation"
                    )
                if train.max_steps is not None and rung >= train.max_steps:
                    raise SweepError(f"--rungs: {rung} is not before the end, train.max_steps {train.max_steps}")

    def _require_same(self, trial: Trial) -> None:
        """Raises a SweepError for a run in the folder that cannot become this one."""
        run = self.run(trial)
        if not run.config.is_file():
            return
        differing = [
            change
            for change in changes(run.load_config(), trial.config)
            if change.may_change is not MayChange.ALWAYS and change.now != "auto"
        ]
        if differing:
            raise SweepError(
                f"{run.path} is a run of another sweep: {'; '.join(map(str, differing))}. "
                "Name another folder with --folder, or delete this one to start again"
            )


def make_trials(config: Path, shared: Sequence[str], points: Sequence[Point]) -> tuple[Trial, ...]:
    """The runs of a sweep, one for each point.

    Args:
        config: a configuration file.
        shared: settings of all runs.
        points: the settings of each.

    Raises:
        ConfigError: naming every problem of all configurations.
        SweepError: two runs are the same.
    """
    require_set_once(shared)
    load_config(config, shared)
    trials, problems = [], {}
    for number, point in enumerate(points, 1):
        settings = [setting for option in point.values() for setting in option.settings]
        try:
            require_set_once([*shared, *settings])
            resolved = load_config(config, [*shared, *settings])
        except ConfigError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
            continue
        varied = {name: option.label for name, option in point.items()}
        trials.append(Trial(f"{number:03d}", varied, resolved))
    if problems:
        more = [f"and {len(problems) - MOST_PROBLEMS:,} more problems"] if len(problems) > MOST_PROBLEMS else []
        raise ConfigError(*[*problems][:MOST_PROBLEMS], *more)
    known: dict[str, Trial] = {}
    for trial in trials:
        other = known.setdefault(dump_config(trial.config), trial)
        if other is not trial:
            raise SweepError(f"{other.said} and {trial.said} are the same run; leave one of them out")
    return tuple(trials)


def read_rows(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of a run's metrics; one that is being written is left out."""
    rows = []
    try:
        for line in read_file(run.metrics).decode(errors="replace").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    except OSError:
        return []
    return rows
