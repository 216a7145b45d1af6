"""What a sweep has found, as it stands: a table for the terminal, `sweep.json`, `sweep.csv` and a picture."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from rich.table import Table
from rich.text import Text

from translator.files import read_file, write_file
from translator.sweep.halving import Round, Standing
from translator.sweep.trials import Sweep, Trial, read_rows

COLORS = ("#2f81f7", "#d2691e", "#2da44e", "#a371f7", "#db61a2", "#8c959f")  # readable on white and on dark pages
TEXT_COLOR = "#7d8590"
MOST_NAMED = len(COLORS)  # runs in the legend of the picture
MOST_AXES = 3  # that have a picture each
STYLE: dict[str, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), TEXT_COLOR),
}


@dataclass(frozen=True)
class Result:
    """What a run has come to."""

    name: str
    varied: dict[str, str]
    state: str  # finished, stopped, failed, or open
    steps: int
    best_bleu: float | None  # of all validations
    test_bleu: float | None
    minutes: float  # of training
    failure: str | None
    bleus: Sequence[tuple[int, float]]  # validation BLEU by step

    def row(self) -> dict[str, Any]:
        """Its figures, by the names of columns."""
        return {
            "run": self.name,
            **self.varied,
            "steps": self.steps,
            "validation_bleu": self.best_bleu,
            "test_bleu": self.test_bleu,
            "minutes": round(self.minutes, 2),
            "state": self.state,
        }


def results(sweep: Sweep) -> list[Result]:
    """What all runs have come to, the best first: those that came further, then those with the higher BLEU."""
    standings = sweep.standings()
    now = sweep.halving.round(standings)
    found = [
        _result(sweep, trial, standing, _state(i, standing, now))
        for i, (trial, standing) in enumerate(zip(sweep.trials, standings, strict=True))
    ]
    order = {"finished": 0, "open": 1, "stopped": 2, "failed": 3}

    def place(pair: tuple[int, Result]) -> tuple[float, ...]:
        index, result = pair
        return order[result.state], -now.stopped.get(index, 0), -(result.best_bleu or 0.0), index

    return [result for _, result in sorted(enumerate(found), key=place)]


def _state(index: int, standing: Standing, now: Round) -> str:
    if index in now.stopped:
        return "stopped"
    if standing.is_finished:
        return "finished"
    return "failed" if standing.failure else "open"


def _result(sweep: Sweep, trial: Trial, standing: Standing, state: str) -> Result:
    run = sweep.run(trial)
    rows = read_rows(run)
    try:
        scores = json.loads(read_file(run.scores))
    except (OSError, ValueError):
        scores = {}
    return Result(
        trial.name,
        trial.varied,
        state,
        max((row["step"] for row in rows), default=0),
        standing.best(),
        scores.get("bleu"),
        max((row.get("training_seconds", 0.0) for row in rows), default=0.0) / 60,
        standing.failure,
        standing.bleus,
    )


def write_results(sweep: Sweep) -> None:
    """Writes `sweep.json` and `sweep.csv` into the sweep's folder."""
    found = results(sweep)
    runs = [{**result.row(), "failure": result.failure, "validations": list(result.bleus)} for result in found]
    for run, result in zip(runs, found, strict=True):
        for name in result.varied:
            del run[name]
        run["varied"] = result.varied
    plain = {"rungs": sweep.halving.rungs, "eta": sweep.halving.eta, "runs": runs}
    write_file(sweep.folder / "sweep.json", f"{json.dumps(plain, indent=1)}\n".encode())
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(found[0].row()))
    writer.writeheader()
    writer.writerows(result.row() for result in found)
    write_file(sweep.folder / "sweep.csv", file.getvalue().encode())


def table(found: Sequence[Result]) -> Table:
    """The results for a terminal; a setting is named by the last part of its key, where that says which."""
    last = [name.rpartition(".")[2] for name in found[0].row()]
    names = [short if last.count(short) == 1 else name for name, short in zip(found[0].row(), last, strict=True)]
    shown = Table()
    for name in names:
        shown.add_column(name.replace("_bleu", " BLEU"), overflow="fold")
    for result in found:
        cells = ["–" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in
                 result.row().values()]  # fmt: skip
        shown.add_row(*map(Text, cells))
    return shown


def draw(sweep: Sweep, found: Sequence[Result], output: BinaryIO) -> None:
    """Draws validation BLEU over the steps of all runs, and over the values of the first axes, as SVG.

    It needs matplotlib.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from translator.inspect.plots import style

    names = list(found[0].varied)[:MOST_AXES]
    texts = [
        plain_text(each, 40) for result in found for each in (result.name, *result.varied, *result.varied.values())
    ]
    with matplotlib.rc_context(style(9, texts) | STYLE):
        figure = Figure(figsize=(4.4 + 2.6 * len(names), 3.2), layout="constrained")
        curves, *others = figure.subplots(1, 1 + len(names), squeeze=False, width_ratios=[1.6, *[1.0] * len(names)])[0]
        for rung in sweep.halving.rungs:
            curves.axvline(rung, color=TEXT_COLOR, linewidth=0.6, linestyle=":")
        for number, result in reversed(list(enumerate(found))):
            if result.bleus:
                named = number < MOST_NAMED
                curves.plot(
                    *zip(*result.bleus, strict=True), marker="o", markersize=2.5, linewidth=1.2,
                    color=COLORS[number] if named else TEXT_COLOR, alpha=1.0 if named else 0.4,
                    label=plain_text(f"{result.name}: {', '.join(result.varied.values())}", 40) if named else None,
                )  # fmt: skip
        curves.set_xlabel("step")
        curves.set_ylabel("validation BLEU")
        handles, labels = curves.get_legend_handles_labels()
        if labels:
            curves.legend(handles[::-1], labels[::-1], frameon=False, fontsize=7)
        for name, axes in zip(names, others, strict=True):
            _draw_axis(axes, name, found)
        for axes in (curves, *others):
            axes.set_ylim(bottom=0)
            axes.grid(color=TEXT_COLOR, alpha=0.25, linewidth=0.6)
        figure.savefig(output, format="svg", transparent=True, metadata={"Date": None})


def _draw_axis(axes: Any, name: str, found: Sequence[Result]) -> None:
    """BLEU over the values of an axis; runs that were stopped early are pale.

    Numbers are where they belong, on a logarithmic scale if they span much; other values stand in a row.
    """
    points = [result for result in found if result.best_bleu is not None]
    axes.set_xlabel(plain_text(name, 40))
    if not points:
        return
    labels = [result.varied[name] for result in points]
    values: list[Any] = [number(label) for label in labels]
    are_numbers = None not in values
    if are_numbers and min(values) > 0 and max(values) >= 10 * min(values):
        axes.set_xscale("log")
    if not are_numbers:
        distinct = list(dict.fromkeys(labels))
        values = [distinct.index(label) for label in labels]
        axes.set_xticks(range(len(distinct)), [plain_text(label, 16) for label in distinct])
    axes.scatter(
        values,
        [result.best_bleu for result in points],
        s=12,
        color=COLORS[0],
        alpha=[0.35 if result.state == "stopped" else 1.0 for result in points],
    )


def plain_text(text: str, most: int) -> str:
    """A text for matplotlib, for which what is between dollars is a formula."""
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("$", r"\$")


def number(label: str) -> float | None:
    """The number that a value is, if it is one."""
    try:
        return float(label)
    except ValueError:
        return None
