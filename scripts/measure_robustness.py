"""Measures what modifiers of training pairs gain on damaged text and cost on clean text: a table of BLEU.

    python3 scripts/download_multi30k.py data/multi30k
    python scripts/measure_robustness.py configs/multi30k_en_de.yaml --set data.root=data/multi30k

Each of `ARMS` is trained with every seed, for the same number of updates of a small model, and `translator eval
--robustness` scores it (greedy search). It is a sweep: the same command goes on after an interruption. By the speed of
that configuration's own training, two cores need some 45 minutes. The test set decides nothing; to choose shares, take
the validation set with another folder: `--set data.test=val.{lang}.gz --folder runs/robustness_validation`.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from translator.errors import TranslatorError
from translator.evaluation.robustness import CONDITIONS, Robustness, Row
from translator.runtime import start_tensorflow
from translator.sweep.halving import Halving
from translator.sweep.run import Asked, make_sweep, run_sweep
from translator.sweep.trials import Sweep


def modifiers(**shares: float) -> str:
    """Settings with these shares, and small ones of the modifiers that no bar is about."""
    others = {"no_end_punctuation": 0.02, "merged": 0.05, "noise": 0.01, "placeholders": 0.01}
    return " ".join(f"data.modifiers.{name}={share}" for name, share in {**shares, **others}.items())


ARMS = {
    "plain": "tokenizer.source_normalization=nmt_nfkc",
    "modifiers_folded": f"tokenizer.source_normalization=nmt_nfkc_cf {modifiers(typos=0.5)}",
    "modifiers": modifiers(upper=0.15, title=0.15, typos=0.2),
}
SETTINGS = [
    "tokenizer.vocabulary_size=4000",
    "tokenizer.sampling_alpha=0",
    "model.encoder_layers=2",
    "model.decoder_layers=1",
    "model.dropout=0.1",
    "model.attention_dropout=0",
    "train.max_epochs=null",
    "train.batch_tokens=2048",
    "train.average_checkpoints=1",
    "search.beam_size=1",
]
# BLEU that an arm with modifiers may lose: on damaged text against its own on clean text; there, against the first arm.
MAY_LOSE = {"clean": 0.5, "upper": 2.0, "title": 2.0, "typos": 4.0}

Figures = Mapping[str, Sequence[Robustness]]  # of each arm, by seed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a configuration, of Multi30k for instance")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all runs")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3000, help="updates of each run; default: %(default)s")
    parser.add_argument("--folder", type=Path, default=Path("runs/robustness"), help="default: %(default)s")
    given = parser.parse_args()
    settings = [
        *SETTINGS,
        f"train.max_steps={given.steps}",
        f"train.warmup_steps={given.steps // 10}",
        f"train.validate_every_steps={given.steps}",
        *given.set,
        f"train.seed={','.join(map(str, given.seeds))}",
    ]
    try:
        sweep = make_sweep(
            given.config, given.folder, Asked(settings, [f"{arm}: {ARMS[arm]}" for arm in given.arms]), Halving()
        )
        run_sweep(sweep, 1, lambda line: print(line, file=sys.stderr, flush=True))
        found = figures_of(sweep)
    except TranslatorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    table = "\n".join(markdown(found))
    (given.folder / "table.md").write_text(f"{table}\n", encoding="utf-8")
    plain = {arm: [each.figures for each in runs] for arm, runs in found.items()}
    (given.folder / "table.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    print(table)
    return 0


def figures_of(sweep: Sweep) -> Figures:
    """Scores each run under all conditions, unless its folder has that already."""
    start_tensorflow()
    from translator.evaluation.test_set import robustness_of_run

    found: dict[str, list[Robustness]] = {}
    for trial in sweep.trials:
        run = sweep.run(trial)
        known = Robustness.read(run.robustness)
        if known is None:
            print(f"{trial.name}: scoring damaged text", file=sys.stderr, flush=True)
        found.setdefault(trial.varied["variant"], []).append(known or robustness_of_run(run.path))
    return found


def markdown(found: Figures) -> list[str]:
    """A row for each condition, two columns for each arm: the mean over seeds, and its difference to clean text.

    On clean text the difference is to the first arm; behind it, in brackets, is that of each seed.
    """
    first, *_ = found
    lines = [f"| | {' | '.join(f'{arm} | ' for arm in found)} |", f"|{'---|' * (1 + 2 * len(found))}"]
    for name in CONDITIONS:
        cells = []
        for arm, runs in found.items():
            rows = [row_of(each, name) for each in runs]
            cells.append(f"{statistics.fmean(row.value for row in rows):.2f}")
            if name == "clean":
                lost = [row.value - row_of(other, name).value for row, other in zip(rows, found[first], strict=True)]
            else:
                lost = [row.difference for row in rows if row.difference is not None]
            shown = f"{statistics.fmean(lost):+.2f} ({', '.join(f'{each:+.2f}' for each in lost)})" if lost else ""
            cells.append("" if name == "clean" and arm == first else shown + verdict(name, arm == first, lost))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def verdict(condition: str, is_first: bool, lost: Sequence[float]) -> str:
    """What is said of a mean that is worse than it may be."""
    most = MAY_LOSE.get(condition)
    return " **more than it may**" if most and not is_first and lost and statistics.fmean(lost) < -most else ""


def row_of(robustness: Robustness, condition: str) -> Row:
    return next(row for row in robustness.rows if row.condition == condition)


if __name__ == "__main__":
    sys.exit(main())
