"""Charts: where a value is, which ticks there are, and that no peak is lost."""

import re

import numpy as np
import pytest

from tests.report.test_markup import NASTY, Balanced
from translator.report.charts import (
    BUCKETS,
    MOST_TABLE_ROWS,
    Axis,
    HeatMap,
    Line,
    bar,
    heat_map,
    line_chart,
    round_step,
    short,
    thinned,
)


def test_a_value_is_where_its_share_of_the_axis_is():
    assert Axis(10, 20, 0, 100).at(12) == 20
    assert Axis(0, 4, 100, 0).at(1) == 75  # y grows upwards
    assert Axis(1, 100, 0, 100, logarithmic=True).at(10) == pytest.approx(50)


def test_ticks_are_round_and_within_the_axis():
    assert Axis(0, 10, 0, 1).ticks(5) == [0, 2, 4, 6, 8, 10]
    assert Axis(3, 41, 0, 1).ticks(4) == [10, 20, 30, 40]
    assert Axis(-1, 1, 0, 1).ticks(4) == [-1, -0.5, 0, 0.5, 1]
    assert Axis(0.05, 200, 0, 1, logarithmic=True).ticks(4) == [0.1, 1, 10, 100]
    assert Axis(2, 5, 0, 1, logarithmic=True).ticks(3) == [2, 3, 4, 5]  # no two powers of ten


@pytest.mark.parametrize(("least", "step"), [(1, 1), (1.1, 2), (2.1, 2.5), (3, 5), (6, 10), (0.03, 0.05), (400, 500)])
def test_steps_of_ticks_are_one_two_two_and_a_half_or_five(least: float, step: float):
    assert round_step(least) == pytest.approx(step)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2000, "2,000"), (12500, "12.5k"), (8.1e6, "8.1M"), (0.004, "0.004"), (3e-6, "3e−6"), (-2.5, "−2.5")],
)
def test_figures_are_short(value: float, text: str):
    assert short(value) == text


def test_a_thinned_line_keeps_its_ends_and_every_peak():
    values = np.zeros(100_000)
    values[[0, 777, 31_000, 99_999]] = [3, 9, -5, 4]
    points = [(float(i), float(value)) for i, value in enumerate(values)]
    found = thinned(points)
    assert len(found) <= 2 * BUCKETS + 2
    assert {(0, 3), (777, 9), (31_000, -5), (99_999, 4)} <= set(found)
    assert found == sorted(found)
    assert thinned(points[: 2 * BUCKETS]) == points[: 2 * BUCKETS]


def test_a_chart_says_what_it_shows_and_has_its_figures():
    text = line_chart(NASTY, [Line("training", [(1, 4), (2, 2)]), Line("none", [])], "step", "loss")
    found = Balanced(text)
    assert f"{NASTY}: training from 4 to 2, lowest 2, highest 4" in found.text
    assert found.seen.count("polyline") == 1
    assert 'role="img"' in text
    assert '<tr><th scope="row">2</th><td class="figure">2</td></tr>' in text


def test_a_chart_of_nothing_is_nothing():
    assert line_chart("x", [Line("training", [])], "step", "loss") == ""
    assert line_chart("x", [Line("training", [(1, 0), (2, -1)])], "step", "norm", logarithmic=True) == ""


@pytest.mark.parametrize("points", [[(5, 3)], [(5, 0), (5, 0)], [(1, 2), (9, 2)], [(0, 1e-9), (1, 1e9)]])
@pytest.mark.parametrize("logarithmic", [True, False])
def test_every_point_lies_within_the_frame(points: list[tuple[float, float]], logarithmic: bool):
    text = line_chart("x", [Line("y", points)], "step", "loss", logarithmic)
    for place in re.findall(r'points="([^"]*)"', text):
        for x, y in (map(float, point.split(",")) for point in place.split()):
            assert 52 <= x <= 410
            assert 10 <= y <= 192


def test_the_table_of_many_figures_is_short():
    text = line_chart("x", [Line("y", [(i, i) for i in range(1000)])], "step", "loss")
    assert text.count('scope="row"') == MOST_TABLE_ROWS
    assert '<th scope="row">999</th>' in text


def test_a_bar_is_as_long_as_its_share():
    assert '<rect width="25.0"' in bar(2, 8)
    assert '<rect width="0.0"' in bar(1, 0)


def test_a_heat_map_shades_by_the_largest_weight_and_leaves_out_what_is_hardly_there():
    given = HeatMap("a b", "c d", ["c", "<b>" + "x" * 99], ["a", "b"], [[0.8, 0.2], [-0.4, 0.01]])
    text = heat_map(given)
    found = Balanced(text)
    assert re.findall(r'fill-opacity="([\d.]+)"', text) == ["1.00", "0.25", "0.50"]
    assert text.count('class="negative"') == 1
    assert f"<b>{'x' * 14}… → a: -0.40" in found.text
    assert "Each word looks most at: c → a" in found.text
