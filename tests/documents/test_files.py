"""Files of documents, and the command that translates them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.command_line import command
from tests.documents.scripted import ENGLISH, Identity, Scripted
from tests.hostile import standard_input
from translator.config.data import DataConfig
from translator.decoding.translator import Translator
from translator.documents.files import translate_document
from translator.documents.formats import Format
from translator.documents.pieces import DocumentError
from translator.documents.plain import read
from translator.documents.translating import translated
from translator.inspect.alignment import Aligner
from translator.run_folder import RunFolder


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scripted:
    """A run from English to German that reverses words."""
    engine = Scripted()
    corpus = {"grammar": "train", "pairs": 1}
    data = DataConfig.model_validate({"source": "en", "target": "de", "train": corpus, "validation": corpus})
    config = SimpleNamespace(data=data)
    monkeypatch.setattr(Translator, "load", lambda *_: engine)
    monkeypatch.setattr(Aligner, "load", lambda *_, **__: engine)
    monkeypatch.setattr(RunFolder, "load_config", lambda _: config)
    monkeypatch.chdir(tmp_path)
    return engine


@pytest.mark.parametrize(
    ("name", "text", "options", "expected"),
    [
        ("a.txt", "\ufeffA b.\r\n\r\nC d", [], "\ufeff. b A\r\n\r\nd C"),
        ("a.md", "# a *b*\n", [], "# *b* a\n"),
        ("a.html", "<p>a <b>b</b>", [], "<p><b>b</b> a</p>"),
        ("a.tsv", "a b\tc d\n", ["--columns=2"], "a b\td c\n"),
        ("a.dat", "a b\n", ["--document-format=text"], "b a\n"),
    ],
)
def test_a_document_is_translated(monkeypatch, capsys, name, text, options, expected):
    Path(name).write_bytes(text.encode())
    given = ["translate", "run", f"--document={name}", *options]
    assert command(monkeypatch, capsys, *given, "--output=out") == (0, "", "")
    assert Path("out").read_bytes() == expected.encode()
    assert command(monkeypatch, capsys, *given)[1].encode() == expected.encode()


def test_a_document_comes_from_standard_input(monkeypatch, capsys):
    with standard_input(b"# a *b*"):
        found = command(monkeypatch, capsys, "translate", "run", "--document=-", "--document-format=markdown")
    assert found == (0, "# *b* a", "")


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.txt", b"a\nb \xe9\n", [], "a.txt: line 2: not UTF-8 (byte 0xe9); convert it with iconv -t UTF-8\n"),
        ("a.po", b'msgid "a"\nmsgst "b"\n', [], "a.po: line 2: this is not the syntax of a .po file\n"),
        ("a.vtt", b"a\n", [], "a.vtt: line 1: a WebVTT file begins with WEBVTT; found 'a'\n"),
        ("a.tsv", b"a\tb\nc\n", ["--columns=2"], "a.tsv: line 2 has 1 columns; --columns asks for column 2\n"),
        (
            "a.gz",
            b"a",
            [],
            "a.gz: what kind of document is it? Add --document-format text|markdown|html|srt|vtt|tsv|po\n",
        ),
        ("a.txt", b"PK\3\4", [], "a.txt: is a ZIP archive; unpack it: unzip a.txt\n"),
        ("a.txt", b"a", ["--output=a.txt"], "--output a.txt would overwrite a.txt, which is read; name another file\n"),
        ("a.txt", b"a", ["--n-best=2", "--resume"], "--document goes without --n-best, --resume\n"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(monkeypatch, capsys, name, content, options, said):
    Path(name).write_bytes(content)
    given = ["--output=out", *options] if not any("--output" in each for each in options) else options
    assert command(monkeypatch, capsys, "translate", "run", f"--document={name}", *given) == (2, "", said)
    assert [path.name for path in Path().iterdir()] == [name]


def test_options_of_documents_need_one(monkeypatch, capsys):
    said = "--document is missing; leave out --columns\n"
    assert command(monkeypatch, capsys, "translate", "run", "--columns=1") == (2, "", said)


def test_nothing_is_aligned_that_has_no_markup_inside(tmp_path):
    Path("a.md").write_text("**One two.** Three `d`.\n")
    engine = Scripted()

    def load() -> tuple[Any, Any]:
        return engine, lambda: pytest.fail("nothing to align")

    translate_document("a.md", "out.md", Format("markdown"), ENGLISH, load)
    assert Path("out.md").read_text() == "**. two One** . `d` Three\n"


def test_progress_counts_sentences(monkeypatch):
    monkeypatch.setattr("translator.documents.translating.SENTENCES_TOGETHER", 2)
    shown: list[tuple[int, int | None]] = []

    class Showing(Identity):
        def translate_text(self, sentences, first_line=1, on_progress=None):
            on_progress(1, 2)
            on_progress(2, 2)
            return list(sentences)

    def show(done: int, total: int | None = None, what: str | None = None) -> None:
        shown.append((done, total))

    engine = Showing()
    assert translated(read("One. Two. Three."), ENGLISH, engine, lambda: engine, show) == "One. Two. Three."
    assert shown == [(1, 3), (2, 3), (2, 3), (3, 3)]


def test_a_broken_document_is_found_before_a_model_is_loaded():
    Path("a.vtt").write_text("a")
    with pytest.raises(DocumentError):
        translate_document("a.vtt", None, Format("vtt"), ENGLISH, lambda: pytest.fail("loaded"))
