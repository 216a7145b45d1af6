"""What a sweep varies, as the command line has it, and the settings of each of its runs."""

import itertools
import math
import random
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from translator.errors import TranslatorError

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"(linear:)?({NUMBER})\.\.({NUMBER})")
MOST_RUNS = 10_000
BRACKETS = {"[": "]", "{": "}"}


class SweepError(TranslatorError):
    """A sweep that cannot be as it was asked for, or whose runs failed."""


class Option(NamedTuple):
    """One of the values of an axis: how tables name it, and the settings that it stands for."""

    label: str
    settings: tuple[str, ...]  # as `--set` of `translator train` takes them


@dataclass(frozen=True)
class Choice:
    """An axis with a list of values."""

    name: str
    options: tuple[Option, ...]

    def draw(self, rng: random.Random) -> Option:
        """One of the values; each is as likely as the others."""
        return rng.choice(self.options)


@dataclass(frozen=True)
class Range:
    """An axis between two numbers, both included: log-uniform, or uniform if it is linear."""

    name: str
    low: float
    high: float
    is_linear: bool
    is_integer: bool

    def draw(self, rng: random.Random) -> Option:
        """A number, to three significant digits; a whole one between whole bounds."""
        if self.is_linear:
            value = rng.uniform(self.low, self.high)
        else:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        text = str(round(value)) if self.is_integer else f"{min(max(float(f'{value:.3g}'), self.low), self.high):g}"
        return Option(text, (f"{self.name}={text}",))


Axis = Choice | Range
Point = dict[str, Option]  # the option of each axis, by its name


def parse_settings(settings: Sequence[str]) -> tuple[list[str], list[Axis]]:
    """Settings that all runs share, and the axes: `key=a,b` lists values, `key=low..high` is a range.

    Commas in brackets, braces and quotes belong to a value, as in `train.optimizer_betas=[0.9,0.98],[0.9,0.999]`.

    Raises:
        SweepError: a value is missing or is there twice, or a range has no numbers between its bounds.
    """
    shared: list[str] = []
    axes: list[Axis] = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        values = _split(text)
        if not equals or (len(values) < 2 and not RANGE.fullmatch(text)):
            shared.append(setting)  # what is wrong with it, the configuration says
        elif any(axis.name == key for axis in axes):
            raise SweepError(f"--set {setting}: {key} is varied already; give all its values at once")
        else:
            axes.append(_range(key, text) if len(values) == 1 else _choice(key, values, setting))
    return shared, axes


def parse_variants(variants: Sequence[str]) -> list[Axis]:
    """The axis of `--variant`: several settings at once in each, as in `small: model.d_model=128 model.d_ff=256`.

    Raises:
        SweepError: there is one alone, or one has no setting, or two have the same name.
    """
    if not variants:
        return []
    options: list[Option] = []
    for variant in variants:
        try:
            parts = tuple(shlex.split(variant))
        except ValueError as error:
            raise SweepError(f"--variant {variant}: {str(error).lower()}") from error
        label = variant
        if parts and parts[0].endswith(":") and "=" not in parts[0]:
            label, parts = parts[0].removesuffix(":"), parts[1:]
        if not parts or not all("=" in part for part in parts):
            raise SweepError(
                f"--variant {variant!r}: expected settings as in 'small: model.d_model=128 model.d_ff=256', "
                "in quotes as a whole"
            )
        if any(option.label == label for option in options):
            raise SweepError(f"--variant {variant}: {label} is there twice")
        options.append(Option(label, parts))
    if len(options) == 1:
        raise SweepError(f"--variant {variants[0]}: give two or more to choose from, or use --set for all runs")
    return [Choice("variant", tuple(options))]


def grid(axes: Sequence[Axis]) -> list[Point]:
    """Every combination; the last axis changes fastest.

    Raises:
        SweepError: an axis is a range, or there are too many combinations.
    """
    choices = []
    for axis in axes:
        if isinstance(axis, Range):
            raise SweepError(f"--set {axis.name} is a range; say how many runs to draw, as in --draws 20")
        choices.append(axis)
    if (count := math.prod(len(axis.options) for axis in choices)) > MOST_RUNS:
        raise SweepError(f"there are {count:,} combinations; leave values out, or draw some of them with --draws")
    names = [axis.name for axis in choices]
    return [dict(zip(names, options, strict=True)) for options in itertools.product(*(a.options for a in choices))]


def draws(axes: Sequence[Axis], count: int, seed: int) -> list[Point]:
    """Random combinations, all different (Bergstra and Bengio, 2012); more draws begin with the same ones.

    Raises:
        SweepError: there are not so many.
    """
    if not any(isinstance(axis, Range) for axis in axes):
        every = math.prod(len(axis.options) for axis in axes if isinstance(axis, Choice))
        if count >= every:
            raise SweepError(f"--draws {count}, but there are only {every} combinations; leave --draws out for all")
    if count > MOST_RUNS:
        raise SweepError(f"--draws {count:,} is more than {MOST_RUNS:,}")
    found: dict[tuple[str, ...], Point] = {}
    for point in itertools.islice(_drawn(axes, seed), 1000 * count):
        found.setdefault(tuple(option.label for option in point.values()), point)
        if len(found) == count:
            return list(found.values())
    raise SweepError(f"--draws {count}: only {len(found)} different combinations came up; ask for fewer")


def _drawn(axes: Sequence[Axis], seed: int) -> Iterator[Point]:
    for number in itertools.count():
        # One generator for each axis, so that a further axis changes nothing of the others.
        yield {axis.name: axis.draw(random.Random(f"{seed} {number} {axis.name}")) for axis in axes}


def _choice(key: str, values: Sequence[str], setting: str) -> Choice:
    if "" in values:
        raise SweepError(f"--set {setting}: a value is missing beside a comma; an empty text is written ''")
    if twice := next((value for value in values if values.count(value) > 1), None):
        raise SweepError(f"--set {setting}: {twice} is there twice")
    if inner := next((value for value in values if RANGE.fullmatch(value)), None):
        raise SweepError(f"--set {setting}: {inner} is a range, which stands alone: values or a range, not both")
    return Choice(key, tuple(Option(value, (f"{key}={value}",)) for value in values))


def _range(key: str, text: str) -> Range:
    match = RANGE.fullmatch(text)
    assert match
    linear, *bounds = match.groups()
    low, high = map(float, bounds)
    if math.isinf(low) or math.isinf(high):
        raise SweepError(f"--set {key}: the bounds of a range are numbers up to 1e308")
    if not low < high:
        raise SweepError(f"--set {key}={text}: the first bound of a range is below the second")
    if low <= 0 and not linear:
        raise SweepError(
            f"--set {key}={text}: ranges are drawn on a logarithmic scale, which has no {bounds[0]}; "
            f"write {key}=linear:{text} for a linear one"
        )
    return Range(key, low, high, bool(linear), all(re.fullmatch(r"[-+]?\d+", bound) for bound in bounds))


def _split(text: str) -> list[str]:
    """Splits at commas, but not inside of brackets, braces and quotes."""
    values, closing, quote = [""], [], ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and not values[-1].strip():  # an apostrophe within a word is none
            quote = character
        elif character in BRACKETS:
            closing.append(BRACKETS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            values.append("")
            continue
        values[-1] += character
    return [value.strip() for value in values]
