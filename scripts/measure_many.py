r"""What one model of many languages scores on each pair, beside a model of its own for each pair: one table.

    python scripts/measure_many.py --set data.root=data/multi30k

All models have the same size and settings. Each pair is passed over as often in the joint model as in its own,
`--epochs` times: so the joint model has as many updates as all the others together. With `--joint-epochs` it has
another number of epochs; with `--epochs 6 --joint-epochs 1` that of six pairs has as many updates as each other one.

The table, as Markdown in the folder, has test BLEU with 95% bootstrap intervals, the difference paired by sentence, and
the directions that the joint model was never trained in (zero-shot), for all pairs of its languages in the test set.

It can be interrupted, and goes on from there: a run that is complete is not trained again.
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

from translator.config.load import load_config, save_config
from translator.config.schema import Config
from translator.errors import TranslatorError
from translator.evaluation.bootstrap import bleu_difference
from translator.evaluation.report import Report
from translator.languages import LanguagePair
from translator.run_folder import RunFolder
from translator.runtime import start_tensorflow

JOINT = "joint"
# So small that seven models are trained in less than an hour of two cores.
SMALL = [
    "model.encoder_layers=2", "model.decoder_layers=2", "tokenizer.vocabulary_size=4000", "model.dropout=0.2",
    "train.warmup_steps=300", "train.average_checkpoints=1",
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/multi30k_many.yaml"))
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", dest="overrides")
    parser.add_argument("--full", action="store_true", help="the configuration's own model, not a small one")
    parser.add_argument("--epochs", type=int, default=7, help="of each training")
    parser.add_argument("--joint-epochs", type=int, help="of the joint model, if others")
    parser.add_argument("--folder", type=Path, default=Path("runs/many"))
    given = parser.parse_args()
    try:
        config = load_config(given.config, [*([] if given.full else SMALL), *given.overrides])
    except TranslatorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    pairs = config.data.pairs
    for pair in pairs:
        train(given.folder / str(pair), config.of_pair(pair), given.epochs)
    train(given.folder / JOINT, config, given.joint_epochs or given.epochs)
    table = "\n".join([*rows(given.folder, pairs), *zero_shot(given.folder / JOINT, config)])
    (given.folder / "table.md").write_text(f"{table}\n", encoding="utf-8")
    print(table)
    return 0


def train(run: Path, config: Config, epochs: int) -> None:
    """Trains a run, or goes on with it, and scores it; it is validated every two epochs of Multi30k or so.

    A complete run stays as it is; one of other settings is refused. Ends with the code of a training that stops.
    """
    print(f"training {run}", file=sys.stderr, flush=True)
    path = run.with_suffix(".yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_config(config, path)
    settings = [f"train.max_epochs={epochs}", f"train.validate_every_steps={140 * len(config.data.pairs) * 2}"]
    command = [sys.executable, "-m", "translator", "train", str(path), "--run", str(run)]
    command += [f"--set={setting}" for setting in settings]
    if code := subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        sys.exit(code)


def rows(folder: Path, pairs: tuple[LanguagePair, ...]) -> list[str]:
    """A row for each pair: its own model, the joint one, and how much that is better."""
    joint = report_of(folder / JOINT)
    lines = ["| pair | own model | joint model | difference |", "|---|---|---|---|"]
    for pair in pairs:
        own, part = report_of(folder / str(pair)), joint.part(pair)
        if part is None:
            continue
        references = [each.target for each in own.pairs]
        found = bleu_difference([own.hypotheses], [part.hypotheses], references, pair.target)
        first, second = (f"{each[0]:.2f} [{each[1]:.2f}, {each[2]:.2f}]" for each in (found.first, found.second))
        difference = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*found.difference)
        lines.append(f"| {pair.source} → {pair.target} | {first} | {second} | {difference} |")
    return lines


def zero_shot(run: Path, config: Config) -> list[str]:
    """A row for each pair of its languages that the joint model was not trained in."""
    start_tensorflow()
    from translator.evaluation.test_set import evaluate_run

    data = config.data
    languages = dict.fromkeys(itertools.chain(*data.pairs))
    pairs = [LanguagePair(*pair) for pair in itertools.permutations(languages, 2)]
    files = data.test[0].files if data.test else None
    if files is None:
        return []
    lines = []
    for pair in pairs:
        if pair not in data.pairs and pair.target in data.targets:
            corpus = f"[{{files: '{files}', source: {pair.source}, target: {pair.target}}}]"
            scores = evaluate_run(run, settings=[f"data.test={corpus}"]).scores
            low, high = scores.intervals["bleu"]
            bleu = f"{scores.bleu:.2f} [{low:.2f}, {high:.2f}]"
            lines.append(f"| {pair.source} → {pair.target} (zero-shot) | – | {bleu} | – |")
    return lines


def report_of(run: Path) -> Report:
    """How a run that is complete translates its test set."""
    report = Report.read(RunFolder(run).report)
    assert report is not None
    return report


if __name__ == "__main__":
    sys.exit(main())
