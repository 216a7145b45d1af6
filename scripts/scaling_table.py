"""Measures how BLEU depends on the number of training pairs, the size of the model and dropout: a table and a picture.

    python scripts/scaling_table.py configs/multi30k_en_de.yaml --set data.root=../shared/data/multi30k

It is a sweep (`translator sweep`) of 24 runs, each of the same number of updates: the same command goes on after an
interruption, and may be started several times to share the work. By the speed of that configuration's own training, two
cores need some four hours. Runs of few pairs are past their best long before the end: the checkpoints that are best by
validation BLEU are averaged. The test set decides nothing; it gives the figures.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from translator.errors import TranslatorError
from translator.sweep.halving import Halving
from translator.sweep.results import COLORS, STYLE, TEXT_COLOR, Result
from translator.sweep.run import Asked, make_sweep, run_sweep
from translator.sweep.trials import Sweep

SIZES = {
    "small": "model.d_model=64 model.d_ff=128 model.num_heads=2 model.encoder_layers=2 model.decoder_layers=2",
    "medium": "model.d_model=128 model.d_ff=256 model.num_heads=4 model.encoder_layers=4 model.decoder_layers=4",
    "large": "model.d_model=192 model.d_ff=768 model.num_heads=4 model.encoder_layers=4 model.decoder_layers=4",
}
PAIRS, DROPOUT = "data.train.pairs", "model.dropout"
VALIDATIONS = 8  # of each run


class Cell(NamedTuple):
    """What a figure is of."""

    pairs: int
    size: str
    dropout: float


Cells = dict[Cell, float]  # test BLEU


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a configuration, of Multi30k for instance")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all runs")
    parser.add_argument(
        "--pairs", nargs="+", type=int, default=[1000, 3000, 10_000, 29_000], help="default: %(default)s"
    )
    parser.add_argument("--dropout", nargs="+", default=["0.1", "0.3"], help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=2000, help="updates of each run; default: %(default)s")
    parser.add_argument("--processes", type=int, default=1, help="trainings at a time; default: %(default)s")
    parser.add_argument("--folder", type=Path, default=Path("runs/scaling"), help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="the picture, as SVG; FOLDER/scaling.svg by default")
    given = parser.parse_args()
    settings = [
        f"{PAIRS}={','.join(map(str, given.pairs))}",
        f"{DROPOUT}={','.join(given.dropout)}",
        "tokenizer.vocabulary_size=2000",  # what a thousand pairs have
        "train.max_epochs=null",
        f"train.max_steps={given.steps}",
        f"train.warmup_steps={given.steps // 8}",
        f"train.validate_every_steps={max(1, given.steps // VALIDATIONS)}",
        "train.batch_tokens=2048",
        "train.average_by=bleu",
        *given.set,
    ]
    try:
        sweep = make_sweep(
            given.config,
            given.folder,
            Asked(settings, [f"{name}: {sizes}" for name, sizes in SIZES.items()]),
            Halving(),
        )
        results = run_sweep(sweep, given.processes, lambda line: print(line, file=sys.stderr, flush=True))
    except TranslatorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    cells = cells_of(sweep, results)
    print("\n".join(markdown(cells)))
    draw(cells, given.output or given.folder / "scaling.svg")
    return 0


def cells_of(sweep: Sweep, results: Sequence[Result]) -> Cells:
    """Test BLEU of each cell, the mean over further settings such as seeds; cells without a figure are left out."""
    configs = {trial.name: trial.config for trial in sweep.trials}
    found: dict[Cell, list[float]] = {}
    for each in results:
        config = configs[each.name]
        cell = Cell(config.data.train[0].pairs or 0, each.varied["variant"], config.model.dropout)
        if each.test_bleu is not None:
            found.setdefault(cell, []).append(each.test_bleu)
    return {cell: statistics.fmean(figures) for cell, figures in found.items()}


def markdown(cells: Cells) -> list[str]:
    """A row for each number of pairs, a column for each size with each dropout."""
    columns = [(size, dropout) for size in SIZES for dropout in sorted({cell.dropout for cell in cells})]
    lines = [
        f"| pairs | {' | '.join(f'{size}, dropout {dropout:g}' for size, dropout in columns)} |",
        f"|{'---|' * (1 + len(columns))}",
    ]
    for pairs in sorted({cell.pairs for cell in cells}):
        figures = [cells.get(Cell(pairs, *column)) for column in columns]
        shown = ["–" if figure is None else f"{figure:.2f}" for figure in figures]
        lines.append(f"| {pairs:,} | {' | '.join(shown)} |")
    return lines


def draw(cells: Cells, output: Path) -> None:
    """A line for each size with each dropout; nothing without matplotlib, of which the sweep has told."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        return
    dropouts = sorted({cell.dropout for cell in cells})
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 3.4), layout="constrained")
        axes: Any = figure.subplots()
        for color, size in zip(COLORS, SIZES, strict=False):
            for style, dropout in zip(("-", "--", ":", "-."), dropouts, strict=False):
                points = sorted((cell.pairs, bleu) for cell, bleu in cells.items() if cell[1:] == (size, dropout))
                if points:
                    label = f"{size}, dropout {dropout:g}"
                    axes.plot(*zip(*points, strict=True), style, color=color, marker="o", markersize=3, label=label)
        axes.set_xscale("log")
        axes.set_xlabel("training pairs")
        axes.set_ylabel("test BLEU")
        axes.set_ylim(bottom=0)
        axes.grid(color=TEXT_COLOR, alpha=0.25, linewidth=0.6)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False, fontsize=8)
        figure.savefig(output, format="svg", transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
