"""Pictures, pages and figures of attention: what they hold, whatever the labels are."""

import html.parser
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import command
from tests.inspect.test_alignment import make_run
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.inspect import plots
from translator.inspect.attention import KINDS, Attention, Maps, Shown
from translator.inspect.attention_files import document, page, write
from translator.inspect.heat_maps import panels

HOSTILE = ("</script><script>alert(1)</script>", "<!--", "$x^2$", "\u2028", "&amp;", '"', "<img src=x>", "@DATA@")


def attention_of(
    rows: tuple[str, ...], columns: tuple[str, ...], languages: tuple[str, str] = ("en", "de")
) -> Attention:
    """Two layers of three heads that look anywhere."""
    rng = np.random.default_rng(1)
    maps = {kind: Maps(rows, columns, rng.random((2, 3, len(rows), len(columns)), np.float32)) for kind in KINDS}
    return Attention(" ".join(columns), " ".join(rows), languages, "written", {"words": maps, "tokens": maps})


class Page(html.parser.HTMLParser):
    """Elements that may do something, and what the data element holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts, self.data = 0, ""
        self.addresses: list[str | None] = []
        self._in_data = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        self._in_data = ("id", "data") in attributes
        self.addresses += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        self._in_data = False

    def handle_data(self, data):
        self.data += data if self._in_data else ""


def test_hostile_tokens_are_data_in_a_page_and_nothing_else():
    attention = attention_of(HOSTILE, HOSTILE[::-1])
    read = Page(page(attention))
    assert read.scripts == 2  # the data and the program
    assert json.loads(read.data) == json.loads(json.dumps(document(attention)))
    assert json.loads(read.data)["views"]["words"]["cross"]["rows"] == list(HOSTILE)


def test_a_page_needs_no_network_and_may_not_use_it():
    text = page(attention_of(("a",), ("b",)))
    assert "default-src 'none'" in text
    assert Page(text).addresses == []
    assert not any(word in text for word in ("http:", "https:", "fetch(", "import ", "innerHTML", "eval("))


def test_figures_have_the_documented_shape():
    attention = attention_of(("ein", "Hund"), ("a", "dog", "</s>"))
    found = document(attention, Shown("encoder", layer=2, view="tokens"))
    assert found["source"] == {"language": "en", "text": "a dog </s>", "right_to_left": False}
    assert found["shown"] == {"kind": "encoder", "layer": 2, "head": None, "view": "tokens"}
    assert found["where"] == "written"
    cross = found["views"]["words"]["cross"]
    assert (cross["rows"], cross["columns"]) == (("ein", "Hund"), ("a", "dog", "</s>"))
    np.testing.assert_allclose(cross["weights"], attention.views["words"]["cross"].weights, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("قطة", True), ("▁שלום", True), ("«قطة»", True), ("a قطة", False), ("猫", False), ("…", False)],
)
def test_the_first_letter_with_a_direction_decides(text, expected):
    assert plots.is_right_to_left(text) == expected


@pytest.mark.parametrize(
    "labels", [("القطة", "السوداء"), ("黒い", "猫"), HOSTILE, tuple(f"Wort{i}" for i in range(60))]
)
def test_an_svg_has_its_labels_as_text(tmp_path: Path, labels):
    write(attention_of(labels, ("a", "b")), tmp_path / "x.svg")
    texts = {
        "".join(text.itertext())
        for text in ElementTree.parse(tmp_path / "x.svg").iter("{http://www.w3.org/2000/svg}text")
    }
    assert {label for label in labels if label.isprintable()} <= texts


def test_a_png_of_all_heads_is_one_picture(tmp_path: Path):
    write(attention_of(("a",), ("b", "c")), tmp_path / "x.png", Shown(every=True))
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_characters_without_a_font_are_said_once(tmp_path: Path, caplog):
    attention = attention_of(("\U00012000",), ("a",))  # cuneiform
    write(attention, tmp_path / "x.png")
    write(attention, tmp_path / "y.png")
    assert len([line for line in caplog.messages if "no installed font has" in line]) <= 1


@pytest.mark.parametrize(
    ("shown", "titles"),
    [
        (Shown(), [[""]]),
        (Shown(layer=2, head=3), [["layer 2, head 3"]]),
        (Shown(layer=1), [[f"layer 1, head {head}" for head in (1, 2, 3)]]),
        (Shown(head=2), [["layer 1, head 2", "layer 2, head 2"]]),
        (Shown(every=True), [[f"layer {layer}, head {head}" for head in (1, 2, 3)] for layer in (1, 2)]),
    ],
)
def test_what_is_shown(shown, titles):
    maps = attention_of(("a",), ("b",)).views["words"]["cross"]
    grid = panels(maps, shown)
    assert [[panel.title for panel in row] for row in grid] == titles
    layer, head = 2 if shown.layer == 2 else 1, shown.head or 1
    expected = (
        maps.map(shown.layer, shown.head) if not (shown.every or shown.layer or shown.head) else maps.map(layer, head)
    )
    np.testing.assert_array_equal(grid[0][0].weights, expected)


def test_a_picture_without_matplotlib_is_a_line_and_the_page_does_without(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(plots, "is_installed", lambda: False)
    attention = attention_of(("a",), ("b",))
    with pytest.raises(OptionsError, match="PNG and SVG pictures need matplotlib:  pip install"):
        write(attention, tmp_path / "x.png")
    write(attention, tmp_path / "x.html")
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_a_layer_that_is_not_there_is_refused_and_nothing_is_written(tmp_path: Path):
    for name in ("x.json", "x.svg"):
        with pytest.raises(OptionsError, match="there is no layer 3: counted from 1, the last one is 2"):
            write(attention_of(("a",), ("b",)), tmp_path / name, Shown(layer=3))
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_file_that_its_name_says(tmp_path: Path, monkeypatch, capsys):
    run, output = str(make_run(tmp_path / "run")), tmp_path / "x.json"
    code, out, _ = command(
        monkeypatch,
        capsys,
        "attention",
        run,
        "ant bear",
        "--target",
        "cat",
        "--kind",
        "encoder",
        "--output",
        str(output),
    )
    assert (code, out) == (0, f"{output}\n")
    found = json.loads(output.read_text(encoding="utf-8"))
    assert (found["target"]["text"], found["shown"]["kind"]) == ("cat", "encoder")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["ant", "--output", "x.pdf"],
            "--output x.pdf: the name ends with the format, one of .png, .svg, .html, .json",
        ),
        (["ant"], "--output says where to write: x.png, x.svg, x.html or x.json"),
        ([], "what should the model read? Give a sentence after the run, in quotes"),
        (["ant", "--every", "--layer", "1", "--output", "x.svg"], "--every shows all heads of all layers"),
        (["ant", "--prune-report"], "--prune-report takes no sentence"),
        (["ant", "--sentences", "3", "--output", "x.svg"], "--sentences goes with --prune-report"),
        ([" ", "--output", "x.html"], "what should the model read?"),
        (["ant", "--output", "no/x.html"], "no/x.html: there is no such folder; make it first:  mkdir -p /"),
        (["--prune-report", "--output", "no/x.csv"], "no/x.csv: there is no such folder; make it first:  mkdir -p /"),
        (
            ["ant", "--layer", "2", "--kind", "encoder", "--output", "x.html"],
            "there is no layer 2: counted from 1, the",
        ),
        (["ant", "--head", "3", "--output", "x.html"], "there is no head 3: counted from 1, the last one is 2"),
    ],
)
def test_a_mistake_is_a_line_before_anything_is_loaded(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Translator, "load", lambda *_, **__: pytest.fail("loaded"))
    monkeypatch.chdir(tmp_path)
    code, _, err = command(monkeypatch, capsys, "attention", str(make_run(tmp_path / "run")), *arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
