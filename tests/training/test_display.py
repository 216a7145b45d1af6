"""What one watches while training, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from translator.training.display import TrainingProgress, sparkline
from translator.training.state import Validation
from translator.training.trackers import Row

ROW: Row = {
    "step": 1200, "epoch": 2.5, "training_seconds": 60.0, "loss": 3.25, "perplexity": 20.5, "learning_rate": 1e-3,
    "target_tokens_per_second": 4321.0,
}  # fmt: skip


def shown(terminal: bool, *rows: Row, validations: list[tuple[Validation, float]]) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120, color_system=None)
    with TrainingProgress(console, "runs/[b]mine") as progress:
        for validation, best in validations:
            progress.validated(validation, best, None)
        for row in rows:
            progress.trained(row, 0.25, 90.0)
    return stream.getvalue()


def test_the_panel_has_all_that_one_asks_for():
    text = shown(True, ROW, validations=[(Validation(1000, 3.0, 2.5, 12.5), 12.5)])
    for part in (
        "[b]mine",
        "25%",
        "1 min 30 s left",
        "1,200",
        "2.5",
        "3.250",
        "20.50",
        "1.00e-03",
        "4,321 tok/s",
        "GB",
    ):
        assert part in text
    assert "12.50 at step 1,000" in text


def test_a_best_bleu_of_before_a_resumption_has_no_step():
    text = shown(True, ROW, validations=[(Validation(1000, 3.0, 2.5, 12.5), 30.0)])
    assert "30.00" in text
    assert "at step" not in text


def test_where_every_step_was_skipped_and_none_timed_the_panel_says_so():
    row = {key: ROW[key] for key in ("step", "epoch", "training_seconds", "learning_rate")}
    assert "every step skipped" in shown(True, row, validations=[])


def test_elsewhere_there_is_a_line_for_each_row():
    assert shown(False, ROW, validations=[]).splitlines() == [
        "step 1,200  epoch 2.5  loss 3.250  ppl 20.50  lr 1.00e-03  4,321 tok/s  1 min 30 s left"
    ]


def test_it_is_said_when_training_has_become_slow():
    rows = [
        ROW | {"training_seconds": 60.0 * i, "target_tokens_per_second": 1000.0 if i < 4 else 100.0} for i in range(7)
    ]
    assert "training is slower" in shown(False, *rows, validations=[]).splitlines()[-1]


@pytest.mark.parametrize(
    ("figures", "drawn"), [([], ""), ([2.0, 2.0], "▁▁"), ([8.0, 1.0], "█▁"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█")]
)
def test_a_curve_of_blocks_reaches_from_the_lowest_to_the_highest(figures: list[float], drawn: str):
    assert sparkline(figures) == drawn
