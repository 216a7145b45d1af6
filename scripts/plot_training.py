"""Draws the training curves of runs: training and validation loss, and validation BLEU, over the steps.

    python scripts/plot_training.py runs/quickstart
    python scripts/plot_training.py runs/seed1 runs/seed2 --output curves.png

It reads `metrics.jsonl` in each run folder, also while the run is being trained. The format of the picture follows its
suffix: svg, png, pdf. The background is transparent, and the colors can be read on white and on dark pages. It needs
matplotlib:  .venv/bin/pip install --editable '.[plots]'
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Each has a contrast of 3 or more with white and with the near-black of dark pages.
RUN_COLORS = ("#2f81f7", "#d2691e", "#2da44e", "#a371f7", "#db61a2", "#8c959f")
TEXT_COLOR = "#7d8590"
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: the file is smaller, and can be searched
    "svg.hashsalt": "training curve",  # with no date in the file, the same run gives the same bytes
    "font.size": 9,
    "figure.constrained_layout.wspace": 0.08,  # between the two halves, of their width
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), TEXT_COLOR),
}

Row = dict[str, Any]


class PlotError(Exception):
    """A run without metrics, a picture that cannot be written, or a package that is missing."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("--output", type=Path, default=Path("training_curve.svg"), help="default: %(default)s")
    given = parser.parse_args()
    try:
        draw({str(run): read_rows(run) for run in given.runs}, given.output)
    except PlotError as error:
        print(error, file=sys.stderr)
        return 2
    print(given.output)
    return 0


def read_rows(run: Path) -> list[Row]:
    """The rows of a run's metrics; one that has been written in part, as happens while a run goes on, is left out.

    Raises:
        PlotError: there are no metrics.
    """
    path = run / "metrics.jsonl"
    rows = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    except OSError as error:
        raise PlotError(f"{path} cannot be read: {error.strerror}. Is {run} a run that has been trained?") from error
    if not rows:
        raise PlotError(f"{path} has no rows yet; wait until training has printed its first step")
    return rows


def curve(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one figure, from the rows that have it."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    return [step for step, _ in points], [value for _, value in points]


def draw(runs: dict[str, list[Row]], output: Path) -> None:
    """Writes the picture: loss on the left, BLEU on the right.

    Raises:
        PlotError: matplotlib is not installed, or the picture cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotError("matplotlib is not installed:  .venv/bin/pip install --editable '.[plots]'") from error
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 2.9), layout="constrained")
        loss, bleu = figure.subplots(1, 2)
        several = len(runs) > 1
        for number, (name, rows) in enumerate(runs.items()):
            color = RUN_COLORS[number % len(RUN_COLORS)]
            prefix = f"{name}, " if several else ""
            loss.plot(*curve(rows, "loss"), color=color, linewidth=1.2, label=f"{prefix}training")
            validation = {"color": color, "marker": "o", "markersize": 3, "linewidth": 1.2}
            if not several:
                validation["color"] = RUN_COLORS[1]
            loss.plot(*curve(rows, "validation_loss"), linestyle="--", label=f"{prefix}validation", **validation)
            bleu.plot(*curve(rows, "validation_bleu"), label=name, **validation)
        loss.set_ylabel("loss, nats per token")
        bleu.set_ylabel("validation BLEU")
        for axes in (loss, bleu):
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
            axes.grid(color=TEXT_COLOR, alpha=0.25, linewidth=0.6)
        loss.legend(frameon=False)
        bleu.set_ylim(bottom=0)
        metadata = {"Date": None} if output.suffix == ".svg" else None
        try:
            figure.savefig(output, transparent=True, dpi=150, metadata=metadata)
        except (OSError, ValueError) as error:  # ValueError: a suffix that matplotlib does not know
            raise PlotError(f"{output} cannot be written: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
