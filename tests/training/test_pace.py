"""Whether training has become slow."""

from translator.training.pace import Pace
from translator.training.trackers import Row


def rows(*speeds: float | None, start: float = 0.0) -> list[Row]:
    """A row each minute."""
    return [
        {"training_seconds": start + 60.0 * i} | ({} if speed is None else {"target_tokens_per_second": speed})
        for i, speed in enumerate(speeds)
    ]


def said(*speeds: float | None) -> list[int]:
    """At which rows something is said."""
    pace = Pace()
    return [i for i, row in enumerate(rows(*speeds)) if pace.slower(row)]


def test_the_median_of_three_minutes_is_compared_with_that_of_the_first_three():
    assert said(9, *[100] * 3, *[69] * 3) == [6]
    assert said(9, *[100] * 3, *[71] * 3) == []
    assert said(9, *[100, 100, 5], *[100, 5, 100]) == []


def test_it_is_said_once_and_again_after_training_was_fast():
    assert said(9, *[100] * 3, *[50] * 9) == [6]
    assert said(9, *[100] * 3, *[50] * 3, *[100] * 3, *[50] * 3) == [6, 12]


def test_rows_without_a_speed_and_the_first_row_do_not_count():
    assert said(1000, *[100] * 3, *[None] * 3, *[100] * 3) == []


def test_the_message_has_both_speeds():
    pace = Pace()
    messages = [pace.slower(row) for row in rows(9, *[1000] * 3, *[500] * 3)]
    assert messages[-1] is not None
    assert messages[-1].startswith(
        "training is slower than in its first 3 min 00 s: 500 target tokens a second, then 1,000"
    )
