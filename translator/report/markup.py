"""Building blocks of a page: text is escaped wherever it comes from, and nothing on a page is fetched or run."""

import html
import importlib.resources
from collections.abc import Iterable, Sequence

from translator.evaluation.bootstrap import Difference, signed
from translator.evaluation.differences import Piece

SPOKEN = {"right": "right: ", "wrong": "wrong: "}  # of marked words, to who cannot see colors


class Markup(str):
    """HTML as it stands; any other string is text, which is escaped."""

    __slots__ = ()


def tag(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: text or markup.
        attributes: `class_` is `class`, `stroke_width` is `stroke-width`; None leaves one out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[str | Markup]) -> Markup:
    """Children one after another, text escaped."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children))


def clipped(text: str, most: int) -> str:
    """A text, or its beginning if it has more than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def page(title: str, *body: Markup, refresh_seconds: int | None = None) -> str:
    """A whole HTML file; `refresh_seconds` says how often a browser reads it again."""
    refresh = f'<meta http-equiv="refresh" content="{refresh_seconds}">\n' if refresh_seconds else ""
    style = importlib.resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"{refresh}<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Markup]], texts: int = 1, wide: bool = False) -> Markup:
    """A table whose first columns are text, and whose others are figures.

    Args:
        columns: their headings.
        rows: cells; each row's first is its heading, and a row without one belongs to the row before.
        texts: how many columns are text.
        wide: whether texts are long, and broken into lines.
    """

    def kind(column: int) -> str | None:
        return None if column < texts else "figure"

    def heading(text: str | Markup, scope: str, class_: str | None = None) -> Markup:
        return tag("th", text, scope=scope, class_=class_) if text else tag("td", class_=class_)

    head = tag("tr", *(heading(name, "col", kind(i)) for i, name in enumerate(columns)))
    body = []
    for row in rows:
        cells = [tag("td", cell, class_=kind(i)) for i, cell in enumerate(row[1:], 1)]
        body.append(tag("tr", heading(row[0], "row"), *cells, class_=None if row[0] else "goes-on"))
    parts = [tag("thead", head)] if any(columns) else []
    return tag("div", tag("table", *parts, tag("tbody", *body), class_="texts" if wide else None), class_="scroll")


def marked_text(pieces: Sequence[Piece]) -> Markup:
    """A text with what is marked in it: by color, by the kind of line under it, and to a screen reader in words."""
    return joined(
        piece.text
        if piece.mark == "same"
        else tag("mark", tag("span", SPOKEN[piece.mark], class_="spoken"), piece.text, class_=piece.mark)
        for piece in pieces
    )


def gain(value: float, places: int = 2, higher_is_better: bool = True) -> Markup:
    """A difference, colored by whether it is to the good; = if it rounds to nothing."""
    if round(value, places) == 0:
        return tag("span", "=")
    return tag("span", signed(value, places), class_="good" if (value > 0) == higher_is_better else "bad")


def interval_plot(found: Difference, reach: float, higher_is_better: bool = True) -> Markup:
    """A difference with its interval on a line; the mark in the middle is no difference, to the right of it is better.

    Args:
        found: the difference.
        reach: the largest figure that the line has room for.
        higher_is_better: whether larger figures are on the right.
    """
    width, height = 160, 18
    reach *= 1 if higher_is_better else -1
    low, at, high = (
        width / 2 * (1 + max(-1.0, min(1.0, each / reach))) for each in (found.low, found.value, found.high)
    )
    good = "unsure" if found.low <= 0 <= found.high else "good" if (found.value > 0) == higher_is_better else "bad"
    middle = height / 2
    return tag(
        "svg",
        tag("line", x1=0, x2=width, y1=middle, y2=middle, class_="axis"),
        tag("line", x1=width / 2, x2=width / 2, y1=1, y2=height - 1, class_="axis"),
        tag("line", x1=f"{low:.1f}", x2=f"{high:.1f}", y1=middle, y2=middle, class_="interval"),
        tag("circle", cx=f"{at:.1f}", cy=middle, r=4),
        class_=f"plot {good}", width=width, height=height, viewBox=f"0 0 {width} {height}", role="img",
        aria_label=str(found),
    )  # fmt: skip
