"""Attention as heat maps: a row for each token that looks, a column for each that is looked at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from translator.inspect.attention import Attention, Kind, Maps, Shown
from translator.inspect.plots import is_right_to_left, rendered, style, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ABREAST = 4  # panels in a row, where their number is free


class Panel(NamedTuple):
    """One heat map."""

    title: str
    weights: np.ndarray  # [Q, M]


class Layout(NamedTuple):
    """Where things stand in the picture, in inches from its lower left corner."""

    left: float  # of the labels of rows
    bottom: float  # of the labels of columns
    panel: tuple[float, float]  # width and height of a heat map
    gap: float  # between two of them, for the title
    rows: int  # of panels
    abreast: int

    @property
    def size(self) -> tuple[float, float]:
        """Of the picture; on the right the scale of colors."""
        across, up = (side + self.gap for side in self.panel)
        return self.left + self.abreast * across + 0.45, self.bottom + self.rows * up + 0.1

    def box(self, left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        """A place as matplotlib takes it, in parts of the picture's size."""
        across, up = self.size
        return left / across, bottom / up, width / across, height / up

    def panel_box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """The place of a heat map; the first row is on top."""
        across, up = (side + self.gap for side in self.panel)
        return self.box(self.left + column * across, self.bottom + (self.rows - 1 - row) * up, *self.panel)

    @property
    def top(self) -> float:
        """Where the heat maps end."""
        return self.size[1] - self.gap - 0.1

    @property
    def scale_box(self) -> tuple[float, float, float, float]:
        """The place of the scale of colors."""
        length = min(1.0, self.panel[1])
        return self.box(self.size[0] - 0.38, self.top - length, 0.08, length)


def draw(attention: Attention, shown: Shown, form: str) -> bytes:
    """Draws a picture, and gives it as the content of a file.

    Args:
        attention: of a sentence.
        shown: the heads.
        form: `png` or `svg`.

    Raises:
        OptionsError: there is no such layer or head.
    """
    maps = attention.views[shown.view][shown.kind]
    grid = panels(maps, shown)
    import matplotlib
    from matplotlib.figure import Figure

    single = len(grid) * len(grid[0]) == 1
    layout = _layout(maps, len(grid), len(grid[0]))
    signed = bool((maps.weights < 0).any())
    limit = max(float(np.abs(panel.weights).max()) for row in grid for panel in row) or 1.0
    with matplotlib.rc_context(style(9 if single else 6.5, [*maps.rows, *maps.columns])):
        figure = Figure(figsize=layout.size)
        left, bottom, *_ = layout.box(layout.left, layout.top + (0.08 if single else 0.27), 0, 0)
        figure.text(left, bottom, _heading(shown), fontsize="large")
        for i, row in enumerate(grid):
            for j, panel in enumerate(row):
                axes = figure.add_axes(layout.panel_box(i, j), title=panel.title)
                _draw_panel(axes, panel.weights, limit, signed=signed)
                is_lowest = i == len(grid) - 1 or j >= len(grid[i + 1])
                _label(axes, maps, attention, shown.kind, with_rows=j == 0, with_columns=is_lowest)
        bar = figure.colorbar(figure.axes[0].images[0], cax=figure.add_axes(layout.scale_box))
        bar.ax.tick_params(labelsize=6, length=2)
        return rendered(figure, form)


def panels(maps: Maps, shown: Shown) -> list[list[Panel]]:
    """The heat maps of a picture, in rows."""
    layers, heads = maps.weights.shape[:2]
    maps.require(shown.layer, shown.head)
    places: list[tuple[int | None, int | None]]
    if (shown.layer and shown.head) or not (shown.layer or shown.head or shown.every):
        places, abreast = [(shown.layer, shown.head)], 1
    elif shown.layer:
        places, abreast = [(shown.layer, head) for head in range(1, heads + 1)], min(heads, MOST_ABREAST)
    elif shown.head:
        places, abreast = [(layer, shown.head) for layer in range(1, layers + 1)], min(layers, MOST_ABREAST)
    else:
        places, abreast = [(layer, head) for layer in range(1, layers + 1) for head in range(1, heads + 1)], heads
    drawn = [Panel(f"layer {layer}, head {head}" if layer else "", maps.map(layer, head)) for layer, head in places]
    return [drawn[i : i + abreast] for i in range(0, len(drawn), abreast)]


def _heading(shown: Shown) -> str:
    name = "cross-attention" if shown.kind == "cross" else f"{shown.kind} self-attention"
    is_mean = not (shown.layer or shown.head or shown.every)
    return f"{name}, mean of all layers and heads" if is_mean else name


def _layout(maps: Maps, rows: int, abreast: int) -> Layout:
    single = rows * abreast == 1
    cell, letter, gap, narrowest = (0.18, 0.085, 0.35, 1.1) if single else (0.11, 0.06, 0.25, 0.9)
    left, bottom = (0.15 + letter * max(map(width_of, labels)) for labels in (maps.rows, maps.columns))
    # Wide enough for the title, however short the sentence.
    return Layout(left, bottom, (max(cell * len(maps.columns), narrowest), cell * len(maps.rows)), gap, rows, abreast)


def _draw_panel(axes: "Axes", weights: np.ndarray, limit: float, *, signed: bool) -> None:
    colors, least = ("RdBu", -limit) if signed else ("Blues", 0.0)
    # "none": an SVG holds a pixel a weight, and shows it with sharp edges.
    axes.imshow(weights, cmap=colors, vmin=least, vmax=limit, aspect="auto", interpolation="none")


def _label(axes: "Axes", maps: Maps, attention: Attention, kind: Kind, *, with_rows: bool, with_columns: bool) -> None:
    """Names rows and columns; columns stand in the direction in which their language is written."""
    if is_right_to_left(attention.target if kind == "decoder" else attention.source):
        axes.invert_xaxis()
    axes.set_xticks(range(len(maps.columns)), _shown(maps.columns) if with_columns else [], rotation=90)
    for label in axes.get_xticklabels():
        if len(label.get_text()) == 1:  # as Chinese characters are
            label.set_rotation(0)
    axes.set_yticks(range(len(maps.rows)), _shown(maps.rows) if with_rows else [])
    axes.tick_params(length=0, pad=2)
    for side in axes.spines.values():
        side.set_linewidth(0.4)


def _shown(labels: Sequence[str]) -> list[str]:
    """Labels that are shown as they stand: between two dollar signs matplotlib would set a formula."""
    return [label.replace("$", r"\$") for label in labels]
