"""Pictures by matplotlib, which is an extra: where it is missing, one line says how to install it."""

import functools
import importlib.util
import io
import logging
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.decoding.options import OptionsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text, so that a browser writes Arabic and finds fonts for every script
    "font.sans-serif": ["DejaVu Sans"],
    "svg.hashsalt": "translator",  # with no date in the file, the same figures give the same bytes
}
MOST_PIXELS = 8000  # of a side
PICTURES = ("png", "svg")


def is_installed() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def require_matplotlib() -> None:
    """Raises an OptionsError where there is no matplotlib."""
    if not is_installed():
        raise OptionsError(
            "PNG and SVG pictures need matplotlib:  pip install 'matplotlib>=3.9'  (the extra plots); "
            "HTML and JSON do without"
        )


def style(font_size: float, texts: Iterable[str]) -> dict[str, Any]:
    """Settings for `matplotlib.rc_context`, with installed fonts that have the characters of some texts."""
    return STYLE | {"font.size": font_size, "font.family": list(_families(frozenset("".join(texts))))}


@functools.cache
def _families(characters: frozenset[str]) -> tuple[str, ...]:
    """DejaVu Sans, which comes with matplotlib, then what has the characters that it lacks; sans serif if there is."""
    from matplotlib import font_manager

    def without(missing: set[int], path: str) -> set[int]:
        return missing - font_manager.get_font(path).get_charmap().keys()

    missing = without({ord(c) for c in characters if c.isprintable()}, font_manager.findfont("DejaVu Sans"))
    families = ["DejaVu Sans"]
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: ("Sans" not in font.name, font.name)):
        if missing and font.style == "normal" and font.weight == 400:
            rest = without(missing, font.fname)
            families += [font.name] * (rest != missing)
            missing = rest
    if missing:
        log.warning(
            "no installed font has %s: a PNG shows boxes in their place; .html and .svg leave fonts to the browser",
            " ".join(map(chr, sorted(missing)[:20])),
        )
    return (*families, "sans-serif")  # the last is for a browser that has none of them


def rendered(figure: "Figure", form: str) -> bytes:
    """A figure as the content of a file: `png` or `svg`."""
    file = io.BytesIO()
    dpi = min(150.0, MOST_PIXELS / max(figure.get_size_inches()))
    undated = {"Date": None} if form == "svg" else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # which has been said
        figure.savefig(file, format=form, dpi=dpi, facecolor="white", bbox_inches="tight", metadata=undated)
    return file.getvalue()


def form_of(path: Path, forms: Iterable[str]) -> str:
    """The format that a file's name ends with; that of a picture can be written.

    Raises:
        OptionsError: it is not one of the formats, or a picture where there is no matplotlib.
    """
    form = path.suffix[1:].lower()
    if form not in forms:
        raise OptionsError(f"--output {path}: the name ends with the format, one of .{', .'.join(forms)}")
    if form in PICTURES:
        require_matplotlib()
    return form


def width_of(label: str) -> float:
    """How wide a label is, in letters of usual width; East Asian characters have two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in label)


def is_right_to_left(text: str) -> bool:
    """Whether a text is written from right to left: by its first character that has a direction (Unicode's rule P2)."""
    directions = (unicodedata.bidirectional(c) for c in text)
    return next((direction != "L" for direction in directions if direction in ("L", "R", "AL")), False)
