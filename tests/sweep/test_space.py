import math

import pytest

from translator.sweep.space import Choice, Option, Range, SweepError, draws, grid, parse_settings, parse_variants


def values(*settings: str) -> list[list[str]]:
    """The values of each axis, as they are set."""
    _, axes = parse_settings(settings)
    return [[option.settings[0] for option in axis.options] for axis in axes if isinstance(axis, Choice)]


def test_commas_separate_values_and_a_setting_without_any_is_shared():
    shared, axes = parse_settings(["train.learning_rate=1e-3,2e-3", "train.max_steps=10"])
    assert shared == ["train.max_steps=10"]
    assert [axis.name for axis in axes] == ["train.learning_rate"]
    assert values("a.b=1e-3, 2e-3") == [["a.b=1e-3", "a.b=2e-3"]]


def test_commas_within_brackets_braces_and_quotes_belong_to_a_value():
    assert values("a=[0.9,0.98],[0.9,0.999]") == [["a=[0.9,0.98]", "a=[0.9,0.999]"]]
    assert values("a={x: [1,2], y: 3},null") == [["a={x: [1,2], y: 3}", "a=null"]]
    assert values("a='1,2',3") == [["a='1,2'", "a=3"]]
    assert values("a='1,2'") == []
    assert values("a=it's,that's") == [["a=it's", "a=that's"]]


def test_a_range_is_two_numbers_with_dots_between():
    _, axes = parse_settings(["a=1e-4..1e-2", "b=1..8", "c=linear:0..0.5", "d=../x"])
    assert axes == [
        Range("a", 1e-4, 1e-2, is_linear=False, is_integer=False),
        Range("b", 1, 8, is_linear=False, is_integer=True),
        Range("c", 0, 0.5, is_linear=True, is_integer=False),
    ]


def test_a_grid_has_every_combination_the_last_axis_fastest():
    axes = [*parse_variants(["a=1 b=1", "a=2 b=4"]), *parse_settings(["c=x,y"])[1]]
    settings = [[s for option in point.values() for s in option.settings] for point in grid(axes)]
    assert settings == [["a=1", "b=1", "c=x"], ["a=1", "b=1", "c=y"], ["a=2", "b=4", "c=x"], ["a=2", "b=4", "c=y"]]


def test_more_draws_begin_with_the_same_ones_and_a_further_axis_changes_none():
    _, axes = parse_settings(["a=1e-4..1e-2", "b=1,2,3"])
    few, many = draws(axes, 5, 7), draws(axes, 50, 7)
    assert few == many[:5]
    assert few != draws(axes, 5, 8)
    assert len({point["a"] for point in many}) > 40
    further = draws([*axes, *parse_settings(["c=0.1..1"])[1]], 5, 7)
    assert [{name: point[name] for name in ("a", "b")} for point in further] == few


def test_draws_lie_in_their_range_evenly_on_its_scale():
    _, axes = parse_settings(["a=1e-4..1e-2", "b=linear:0..10", "c=1..8"])
    drawn = draws(axes, 400, 1)
    found = {name: [float(point[name].label) for point in drawn] for name in "abc"}
    assert all(1e-4 <= value <= 1e-2 for value in found["a"])
    assert set(found["c"]) == {1, 2, 3, 4, 5, 6, 7, 8}
    # Half of a uniform sample lies below the middle of its scale, up to five standard deviations.
    for below in (sum(value < 1e-3 for value in found["a"]), sum(value < 5 for value in found["b"])):
        assert abs(below - 200) < 5 * math.sqrt(400 / 4)


def test_draws_of_values_are_all_different():
    _, axes = parse_settings(["a=1,2,3", "b=1,2"])
    assert len({tuple(option.label for option in point.values()) for point in draws(axes, 5, 1)}) == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["a=1,"], "--set a=1,: a value is missing beside a comma; an empty text is written ''"),
        (["a=1,2,1"], "--set a=1,2,1: 1 is there twice"),
        (["a=1,2", "a=3,4"], "--set a=3,4: a is varied already; give all its values at once"),
        (["a=1..2,5"], "--set a=1..2,5: 1..2 is a range, which stands alone: values or a range, not both"),
        (["a=2..1"], "--set a=2..1: the first bound of a range is below the second"),
        (
            ["a=0..0.5"],
            "--set a=0..0.5: ranges are drawn on a logarithmic scale, which has no 0; write a=linear:0..0.5 for a "
            "linear one",
        ),
    ],
)
def test_a_mistake_in_a_setting_is_one_line(settings, message):
    with pytest.raises(SweepError) as caught:
        parse_settings(settings)
    assert str(caught.value) == message


@pytest.mark.parametrize("bounds", ["1..1e999", "linear:-1e999..0", f"1..{'9' * 400}"])
def test_a_range_has_an_end(bounds: str):
    with pytest.raises(SweepError, match="--set a: the bounds of a range are numbers up to 1e308"):
        parse_settings([f"a={bounds}"])


def test_a_range_has_no_grid():
    with pytest.raises(SweepError, match="--set a is a range; say how many runs to draw, as in --draws 20"):
        grid(parse_settings(["a=1..2"])[1])


def test_all_combinations_are_not_drawn():
    _, axes = parse_settings(["a=1,2", "b=1,2"])
    with pytest.raises(SweepError, match="--draws 4, but there are only 4 combinations; leave --draws out for all"):
        draws(axes, 4, 1)


def test_a_range_of_few_numbers_gives_no_more():
    with pytest.raises(SweepError, match="--draws 9: only 2 different combinations came up; ask for fewer"):
        draws(parse_settings(["a=1..2"])[1], 9, 1)


def test_ten_thousand_runs_are_too_many():
    _, axes = parse_settings([f"{name}={','.join(map(str, range(22)))}" for name in "abc"])
    with pytest.raises(SweepError, match="there are 10,648 combinations; leave values out, or draw some"):
        grid(axes)


def test_a_variant_may_have_a_name():
    (axis,) = parse_variants(["small: a=1 b='x y'", "a=2"])
    assert axis == Choice("variant", (Option("small", ("a=1", "b=x y")), Option("a=2", ("a=2",))))


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (["a=1 b=2"], "--variant a=1 b=2: give two or more to choose from, or use --set for all runs"),
        (
            ["a=1", "b"],
            "--variant 'b': expected settings as in 'small: model.d_model=128 model.d_ff=256', in quotes as a whole",
        ),
        (["x: a=1", "x: a=2"], "--variant x: a=2: x is there twice"),
        (["a=1", "b='"], "--variant b=': no closing quotation"),
    ],
)
def test_a_mistake_in_a_variant_is_one_line(variants, message):
    with pytest.raises(SweepError) as caught:
        parse_variants(variants)
    assert str(caught.value) == message
