"""Attention as a file: a picture, a page, or figures.

A JSON file, and the page, hold an object:

- `source` and `target`: `language`, `text`, and whether it is written `right_to_left`.
- `shown`: `kind`, `layer`, `head` (from 1 on; null is the mean of all) and `view`, which the page shows first.
- `where`: whether a row of `decoder` and `cross` is named by what the decoder writes there (`written`) or reads
  (`read`).
- `views`: `words` and `tokens`, each with `encoder`, `decoder` and `cross`; those have `rows`, the labels of what
  looks, `columns`, the labels of what is looked at, and `weights[layer][head][row][column]`, rounded to 4 decimals.
"""

import importlib.resources
import json
from pathlib import Path
from typing import Any

from translator.files import write_file
from translator.inspect.attention import Attention, Maps, Shown
from translator.inspect.heat_maps import draw
from translator.inspect.plots import PICTURES, form_of, is_right_to_left

FORMS = (*PICTURES, "html", "json")
WHOLE = Shown()


def write(attention: Attention, path: str | Path, shown: Shown = WHOLE) -> None:
    """Writes a file whose format is what its name ends with: .png, .svg, .html or .json.

    Args:
        attention: of a sentence.
        path: the file.
        shown: the heads that a picture shows, and that the page shows first; HTML and JSON files hold all.

    Raises:
        OptionsError: the name ends with another format, there is no such layer or head, or a picture is asked for where
            matplotlib is not installed.
    """
    path = Path(path)
    form = form_of(path, FORMS)
    attention.views[shown.view][shown.kind].require(shown.layer, shown.head)
    if form in PICTURES:
        content = draw(attention, shown, form)
    else:
        content = (page(attention, shown) if form == "html" else f"{_json(attention, shown)}\n").encode()
    write_file(path, content)


def page(attention: Attention, shown: Shown = WHOLE) -> str:
    """An HTML page that needs no other file and no network."""
    template = importlib.resources.files(__package__).joinpath("attention_page.html").read_text(encoding="utf-8")
    # Inside a script element nothing but its end, or the beginning of a comment, could be taken for HTML.
    return template.replace("@DATA@", _json(attention, shown).replace("<", "\\u003c"))


def document(attention: Attention, shown: Shown = WHOLE) -> dict[str, Any]:
    """What a JSON file holds."""
    sides = {
        side: {"language": language, "text": text, "right_to_left": is_right_to_left(text)}
        for side, language, text in zip(
            ("source", "target"), attention.languages, (attention.source, attention.target), strict=True
        )
    }
    return {
        **sides,
        "shown": {name: getattr(shown, name) for name in ("kind", "layer", "head", "view")},
        "where": attention.where,
        "views": {
            view: {kind: figures(maps) for kind, maps in kinds.items()} for view, kinds in attention.views.items()
        },
    }


def _json(attention: Attention, shown: Shown) -> str:
    return json.dumps(document(attention, shown), ensure_ascii=False, separators=(",", ":"))


def figures(maps: Maps) -> dict[str, Any]:
    """`rows`, `columns` and `weights` of one place of the model."""
    weights = maps.weights.astype(float).round(4) + 0.0  # which makes 0 of −0
    return {"rows": maps.rows, "columns": maps.columns, "weights": weights.tolist()}
