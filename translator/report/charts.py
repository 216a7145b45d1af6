"""Charts as SVG: lines over steps, bars in tables, heat maps. Each says in words or in a table what it shows.

Colors are those of the page, so that they follow its light and dark.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from translator.report.markup import Markup, clipped, joined, table, tag

WIDTH, HEIGHT = 420, 230  # of a chart, in its own units: a page shows it as wide as it has room
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 38  # of the axes
BUCKETS = 200  # of a line with more points, each of which keeps its lowest and its highest
MOST_DOTS = 60
MOST_TABLE_ROWS = 25
Point = tuple[float, float]


class Line(NamedTuple):
    """What a chart draws in one color."""

    name: str
    points: Sequence[Point]
    dots: bool = False  # whether each point is marked, unless there are many


class Axis(NamedTuple):
    """One direction of a chart."""

    low: float
    high: float
    start: float  # where `low` is, in the chart's units
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Where a value is."""
        low, high, value = map(math.log10, (self.low, self.high, value)) if self.logarithmic else (*self[:2], value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, number: int) -> list[float]:
        """Round values on the axis, about so many."""
        if self.logarithmic:
            exponents = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            powers = [10.0**exponent for exponent in exponents]
            if len(powers) >= 2:
                return powers[:: math.ceil(len(powers) / (number + 2))]
        step = round_step((self.high - self.low) / number)
        return [i * step for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def line_chart(title: str, lines: Sequence[Line], x_label: str, y_label: str, logarithmic: bool = False) -> Markup:
    """A figure with one line for each of some series, and its figures as a table to unfold.

    Args:
        title: of the chart.
        lines: with points in the order of x; those without any are left out.
        x_label: what x is.
        y_label: what y is.
        logarithmic: whether y grows by factors; values that are not above 0 are left out then.
    """
    if logarithmic:
        lines = [line._replace(points=[point for point in line.points if point[1] > 0]) for line in lines]
    lines = [line for line in lines if line.points]
    if not lines:
        return Markup("")
    x, y = _axes(lines, logarithmic)
    drawn = [_line(line, i, x, y) for i, line in enumerate(lines, 1)]
    names = [tag("span", line.name, class_=f"key line-{i}") for i, line in enumerate(lines, 1) if len(lines) > 1]
    described = "; ".join(
        f"{line.name} from {short(line.points[0][1])} to {short(line.points[-1][1])}, "
        f"lowest {short(min(p[1] for p in line.points))}, highest {short(max(p[1] for p in line.points))}"
        for line in lines
    )
    svg = tag(
        "svg",
        tag("title", f"{title}: {described}"),
        *_frame(x, y, x_label, y_label),
        *drawn,
        class_="chart", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"{title}: {described}",
    )  # fmt: skip
    caption = tag("figcaption", tag("b", title), *names)
    return tag("figure", caption, svg, _figures(lines, x_label), class_="figure-of-lines")


def _axes(lines: Sequence[Line], logarithmic: bool) -> tuple[Axis, Axis]:
    xs, ys = ([point[i] for line in lines for point in line.points] for i in (0, 1))
    low, high = min(ys), max(ys)
    if logarithmic:
        low, high = (low / 1.1, high * 1.1) if low < high else (low / 2, high * 2)
    else:
        margin = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
        # From zero where that costs little: half of the height at most.
        low = 0.0 if 0 <= low <= 0.5 * high else low - margin
        high += margin
    x_low, x_high = min(xs), max(xs)
    if x_low == x_high:
        x_low, x_high = x_low - 1, x_high + 1
    elif 0 < x_low <= 0.5 * x_high:
        x_low = 0
    return Axis(x_low, x_high, LEFT, WIDTH - RIGHT), Axis(low, high, HEIGHT - BOTTOM, TOP, logarithmic)


def _frame(x: Axis, y: Axis, x_label: str, y_label: str) -> list[Markup]:
    """Axes with ticks and labels."""
    parts = []
    for value in y.ticks(4):
        at = f"{y.at(value):.1f}"
        parts.append(tag("line", x1=x.start, x2=x.end, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", short(value), x=x.start - 6, y=at, class_="tick", text_anchor="end", dy="0.32em"))
    for value in x.ticks(5):
        at = f"{x.at(value):.1f}"
        parts.append(tag("line", x1=at, x2=at, y1=y.start, y2=y.start + 4, class_="axis"))
        parts.append(tag("text", short(value), x=at, y=y.start + 16, class_="tick", text_anchor="middle"))
    parts.append(tag("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis"))
    middle = (y.start + y.end) / 2
    parts.append(tag("text", x_label, x=x.end, y=HEIGHT - 5, class_="label", text_anchor="end"))
    turned = f"rotate(-90 10 {middle:.0f})"
    parts.append(tag("text", y_label, x=10, y=f"{middle:.0f}", class_="label", text_anchor="middle", transform=turned))
    return parts


def _line(line: Line, number: int, x: Axis, y: Axis) -> Markup:
    places = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in thinned(line.points))
    parts = [tag("polyline", points=places)]
    if len(line.points) <= MOST_DOTS and (line.dots or len(line.points) == 1):
        parts += [
            tag("circle", tag("title", f"{short(a)}: {b:.4g}"), cx=f"{x.at(a):.1f}", cy=f"{y.at(b):.1f}", r=2.6)
            for a, b in line.points
        ]
    return tag("g", *parts, class_=f"line line-{number}")


def thinned(points: Sequence[Point]) -> list[Point]:
    """A line with no more points than can be seen; no peak of it is lost."""
    if len(points) <= 2 * BUCKETS:
        return list(points)
    kept = [points[0]]
    for bucket in np.array_split(np.arange(1, len(points) - 1), BUCKETS):
        values = [points[i][1] for i in bucket]
        kept += [points[i] for i in sorted({bucket[int(np.argmin(values))], bucket[int(np.argmax(values))]})]
    return [*kept, points[-1]]


def _figures(lines: Sequence[Line], x_label: str) -> Markup:
    """The figures of a chart, evenly spread where there are many."""
    xs = sorted({point[0] for line in lines for point in line.points})
    if len(xs) > MOST_TABLE_ROWS:
        xs = [xs[i] for i in np.linspace(0, len(xs) - 1, MOST_TABLE_ROWS).astype(int)]
    by_x = [dict(line.points) for line in lines]
    rows = [[f"{x:,.10g}", *("" if x not in each else f"{each[x]:.4g}" for each in by_x)] for x in xs]
    return tag("details", tag("summary", "figures"), table([x_label, *(line.name for line in lines)], rows))


def round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below a number above 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= least * (1 - 1e-9)), 10 * power)


def short(value: float) -> str:
    """A number as an axis shows it: 0.004, 12, 8.1M, 3e−6."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}".replace("-", "−")
    if value and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}".replace("-", "−")


def bar(value: float, most: float) -> Markup:
    """A figure as a bar in a table."""
    width = 0.0 if most <= 0 else 100 * max(0.0, min(1.0, value / most))
    return tag(
        "svg", tag("rect", width=f"{width:.1f}", height=10), class_="bar", width=100, height=10, aria_hidden="true"
    )


class HeatMap(NamedTuple):
    """What each word of a translation looks at.

    Attributes:
        source: the sentence.
        target: its translation.
        rows: words of the translation.
        columns: words of the sentence, as they stand from left to right.
        weights: [rows, columns]; some may be negative.
    """

    source: str
    target: str
    rows: Sequence[str]
    columns: Sequence[str]
    weights: Sequence[Sequence[float]]


CELL, LETTER, WIDE = 17, 6.6, 11.5  # widths of cells and of letters, in the heat map's units
MOST_LETTERS = 18  # of a label
LEAST_WEIGHT = 0.02  # of the largest; paler cells are left out


def heat_map(given: HeatMap) -> Markup:
    """Weights as shades, rows and columns named."""
    rows, columns = ([clipped(word, MOST_LETTERS) for word in words] for words in (given.rows, given.columns))
    left = 10 + max(map(_width, rows))
    top = 10 + max(map(_width, columns))
    width, height = left + CELL * len(columns) + 4, top + CELL * len(rows) + 4
    weights = np.array(given.weights, np.float64).reshape(len(rows), len(columns))
    most = float(np.abs(weights).max(initial=0)) or 1.0
    parts = [
        tag("text", word, x=left - 6, y=top + CELL * (i + 0.5), class_="tick", text_anchor="end", dy="0.32em")
        for i, word in enumerate(rows)
    ]
    for j, word in enumerate(columns):
        x = left + CELL * (j + 0.5)
        turned = f"translate({x:.1f} {top - 6:.1f}) rotate(-90)" if len(word) > 1 else None
        place = {"transform": turned, "dy": "0.32em"} if turned else {"x": x, "y": top - 6, "text_anchor": "middle"}
        parts.append(tag("text", word, class_="tick", **place))
    frame = tag("rect", x=left, y=top, width=CELL * len(columns), height=CELL * len(rows), class_="frame")
    cells = [
        tag(
            "rect",
            tag("title", f"{rows[i]} → {columns[j]}: {weights[i, j]:.2f}"),
            x=left + CELL * j, y=top + CELL * i, width=CELL - 1, height=CELL - 1,
            class_="negative" if weights[i, j] < 0 else None, fill_opacity=f"{abs(weights[i, j]) / most:.2f}",
        )
        for i, j in zip(*np.nonzero(np.abs(weights) >= LEAST_WEIGHT * most), strict=True)
    ]  # fmt: skip
    found = [f"{row} → {columns[int(np.argmax(each))]}" for row, each in zip(rows, weights, strict=True)]
    return tag(
        "svg", tag("title", f"Each word looks most at: {'; '.join(found)}"), *parts, frame, joined(cells),
        class_="heat-map", viewBox=f"0 0 {width:.0f} {height:.0f}", width=f"{width:.0f}", height=f"{height:.0f}",
        role="img", aria_label=f"Each word looks most at: {'; '.join(found)}",
    )  # fmt: skip


def _width(word: str) -> float:
    return sum(WIDE if ord(letter) > 0x2E80 else LETTER for letter in word)
