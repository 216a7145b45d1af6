r"""What back-translation gains on a corpus of few pairs: Multi30k cut to 3,000, and its other 26,000 targets alone.

    python scripts/measure_back_translation.py configs/multi30k_en_de.yaml --set data.root=data/multi30k

For each seed it trains, one after the other,

- `reverse`, from the few pairs, from the target into the source language; it translates the targets that stand alone,
  by beam search, and the results are tagged (`translator back-translate`);
- `few`, from the few pairs alone: the baseline;
- `short`, the same with a third of the updates, at whose end its learning rate is zero;
- `both`, from the few pairs and the back-translations together.

All have the same model, and `few` and `both` the same number of updates. Of each run the mean of the three checkpoints
that are best by validation BLEU is scored; of `few` also the last one (`last`). The baseline is whichever of `few`,
`last` and `short` has the highest mean of test BLEU. The difference to it has a 95% bootstrap interval, paired by
sentence and seed. The test set decides nothing else.

It can be interrupted, and goes on from there: what is complete is not done again. A folder is for one choice of
settings.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.corpora.base import SentencePair
from translator.data.corpora.formats import read_all
from translator.errors import TranslatorError
from translator.evaluation.bootstrap import bleu_difference
from translator.evaluation.report import Report
from translator.evaluation.scores import corpus_bleu
from translator.files import write_file
from translator.run_folder import RunFolder

BASELINES = "few", "last", "short"
TAG = "<BT>"
VALIDATIONS = 8  # of each run


class Row(NamedTuple):
    """Test BLEU of a system."""

    system: str
    bleu: float  # the mean of the seeds
    by_seed: list[float]


@dataclass(frozen=True)
class Measurement:
    """What is measured, and where."""

    config: Path
    overrides: list[str]
    folder: Path
    pairs: int
    steps: int
    weight: float  # of the few pairs beside the back-translations

    def settings(self, name: str, seed: int) -> list[str]:
        """What differs from the configuration in one of the runs."""
        data = self.resolved.data
        (corpus,) = (each.model_dump(mode="json", exclude_defaults=True) for each in data.train)
        train: list[dict[str, Any]] = [corpus | {"pairs": self.pairs}]
        steps = self.steps
        of_run: list[str] = []
        if name == "reverse":
            of_run = [f"data.source={data.target}", f"data.target={data.source}"]
            steps = self.steps // 2
        if name == "short":
            steps = self.steps // 3
        if name == "both":
            train = [train[0] | {"weight": self.weight}, {"tsv": str(self.written(seed).resolve())}]
        return [
            *self.overrides,
            "train.max_epochs=null",
            f"train.max_steps={steps}",
            f"train.warmup_steps={steps // 8}",
            f"train.validate_every_steps={max(1, steps // VALIDATIONS)}",
            "train.average_by=bleu",
            "train.average_checkpoints=3",
            f"train.seed={seed}",
            *of_run,
            f"data.train={json.dumps(train)}",
        ]

    @property
    def resolved(self) -> Config:
        """The configuration that all runs begin with."""
        return load_config(self.config, self.overrides)

    def run(self, name: str, seed: int) -> Path:
        return self.folder / name / f"seed-{seed}"

    def written(self, seed: int) -> Path:
        """The back-translations."""
        return self.folder / f"back-translated-{seed}.tsv"

    def prepare(self) -> None:
        """Writes the targets that stand alone, and the sources of the test set."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.resolved.data
        alone = read_all(data.train, data)[self.pairs :]
        write_file(self.folder / "alone", "".join(f"{pair.target}\n" for pair in alone).encode())
        write_file(self.folder / "test", "".join(f"{pair.source}\n" for pair in self.test_pairs()).encode())

    def test_pairs(self) -> list[SentencePair]:
        data = self.resolved.data
        return read_all(data.test or (), data)

    def measure(self, seed: int) -> None:
        """Trains and translates what one seed has."""
        self.train("reverse", seed)
        if not self.written(seed).exists():
            translate(
                "back-translate", self.run("reverse", seed), self.folder / "alone", f"--output={self.written(seed)}",
                f"--tag={TAG}", "--beam=5", "--resume",
            )  # fmt: skip
        for name in ("few", "short", "both"):
            self.train(name, seed)
        if not (last := self.run("few", seed) / "last.txt").exists():
            of_test = f"--input={self.folder / 'test'}", f"--output={last}"
            translate("translate", self.run("few", seed), "--checkpoint=last", *of_test)

    def train(self, name: str, seed: int) -> None:
        """Trains a run, or goes on with it; one of other settings is refused."""
        settings = [f"--set={setting}" for setting in self.settings(name, seed)]
        translate("train", self.config, f"--run={self.run(name, seed)}", *settings)

    def hypotheses(self, system: str, seed: int) -> list[str]:
        """What a system has made of the test set."""
        if system == "last":
            return (self.run("few", seed) / "last.txt").read_text(encoding="utf-8").split("\n")[:-1]
        report = Report.read(RunFolder(self.run(system, seed)).report)
        assert report
        return list(report.hypotheses)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a configuration of one training corpus, of Multi30k for instance")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all runs")
    parser.add_argument("--pairs", type=int, default=3000, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=2400, help="updates of `few` and `both`; default: %(default)s")
    parser.add_argument("--weight", type=float, default=3.0, help="of the few pairs in `both`; default: %(default)s")
    parser.add_argument("--folder", type=Path, default=Path("runs/back_translation"), help="default: %(default)s")
    given = parser.parse_args()
    overrides = [
        "tokenizer.vocabulary_size=2000",  # what a few thousand pairs have
        "model.encoder_layers=2",
        "model.decoder_layers=2",
        "train.batch_tokens=2048",
        f"tokenizer.user_defined_symbols=[{TAG}]",
        *given.set,
    ]
    measurement = Measurement(given.config, overrides, given.folder, given.pairs, given.steps, given.weight)
    try:
        measurement.prepare()
        for seed in given.seeds:
            measurement.measure(seed)
    except TranslatorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("\n".join(markdown(measurement, given.seeds)))
    return 0


def translate(command: str, *arguments: str | Path) -> None:
    """Runs a command of the translator in a process of its own; ends with its code if it fails or is stopped."""
    print(f"translator {command} {' '.join(map(str, arguments))}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "translator", command, *map(str, arguments)], stdout=subprocess.DEVNULL
    )
    if done.returncode:
        sys.exit(done.returncode)


def row_of(measurement: Measurement, system: str, seeds: Sequence[int], references: list[str]) -> Row:
    language = measurement.resolved.data.target
    figures = [corpus_bleu(measurement.hypotheses(system, seed), references, language) for seed in seeds]
    return Row(system, statistics.fmean(figures), figures)


def markdown(measurement: Measurement, seeds: Sequence[int]) -> list[str]:
    """A row for each system, and what `both` gains over the best of the baselines."""
    references = [pair.target for pair in measurement.test_pairs()]
    rows = [row_of(measurement, system, seeds, references) for system in (*BASELINES, "both")]
    baseline = max(rows[:-1], key=lambda row: row.bleu).system
    gain = bleu_difference(
        [measurement.hypotheses(baseline, seed) for seed in seeds],
        [measurement.hypotheses("both", seed) for seed in seeds],
        references,
        measurement.resolved.data.target,
    ).difference
    lines = ["| system | test BLEU | by seed |", "|---|---|---|"]
    lines += [f"| {row.system} | {row.bleu:.2f} | {' '.join(f'{each:.2f}' for each in row.by_seed)} |" for row in rows]
    return [*lines, "", f"both against {baseline}: {gain[0]:+.2f} [{gain[1]:+.2f}, {gain[2]:+.2f}]"]


if __name__ == "__main__":
    sys.exit(main())
