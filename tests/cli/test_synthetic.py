"""`translator back-translate` and `translator distill`."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import command
from tests.corpora import data_of
from tests.decoding.scripted import Upside
from translator.config.load import save_config
from translator.config.schema import Config
from translator.decoding import files, synthetic
from translator.decoding.translator import Translator
from translator.errors import TranslatorError

Opened = list[tuple[Any, ...]]


class Searched(Upside):
    """Has options of the search."""

    options: Mapping[str, Any] = {}

    def options_with(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return changes

    def translate_text(self, sentences: Sequence[str], *others: Any) -> list[str]:
        return [f"{line} {dict(self.options)}" for line in super().translate_text(sentences, *others)]


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Opened:
    """What is opened, as the arguments of `load` and `load_ensemble`."""
    found: Opened = []

    def load(*arguments: Any) -> Searched:
        found.append(arguments)
        return Searched(dies_at="-", fails_at="-")

    for name in ("load", "load_ensemble"):
        monkeypatch.setattr(Translator, name, load)
    monkeypatch.chdir(tmp_path)
    Path("mono").write_text("abc\n")
    Path("empty").touch()
    return found


def test_back_translation_samples(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opened: Opened):
    code, out, _ = command(monkeypatch, capsys, "back-translate", "run", "mono", "--output=bt.tsv", "--top-k=10")
    assert (code, out) == (0, "")
    assert Path("bt.tsv").read_text() == "<BT> cba {'sample': True, 'top_k': 10}\tabc\n"
    assert opened == [(Path("run"), 1, None, "transformer", None, None)]


def test_back_translation_by_beam_search(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opened: Opened
):
    arguments = "back-translate", "run", "mono", "--output=bt.tsv", "--beam=5", "--tag=", "--checkpoint=best"
    assert command(monkeypatch, capsys, *arguments)[0] == 0
    assert Path("bt.tsv").read_text() == "cba {}\tabc\n"
    assert opened == [(Path("run"), 5, "best", "transformer", None, None)]


def test_distillation_by_an_ensemble(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opened: Opened
):
    monkeypatch.setattr(synthetic, "write_training_sources", lambda run, path, *_: path.write_text(f"{run}\n"))
    monkeypatch.setattr(synthetic, "training_files", lambda *_: [])
    assert command(monkeypatch, capsys, "distill", "a", "--ensemble=b", "--output=out.tsv")[0] == 0
    assert Path("out.tsv").read_text() == "a\ta {}\n"
    assert opened == [((Path("a"), Path("b")), None, None, None)]
    assert command(monkeypatch, capsys, "distill", "a", "--input=mono", "--output=out.tsv")[0] == 0
    assert Path("out.tsv").read_text() == "abc\tcba {}\n"


def test_training_sources_are_called_what_the_user_knows_them_as(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    sources = Path("sources")
    sources.write_text("a\n" * 50)
    monkeypatch.setattr(synthetic, "write_training_sources", lambda _, path, *__: shutil.copy(sources, path))
    monkeypatch.setattr(synthetic, "training_files", lambda *_: [])
    again = "distill", "run", "--output=out.tsv", "--resume", "--processes=1"
    monkeypatch.setattr(Searched, "translate_text", stops_after_a_block)
    monkeypatch.setattr(files, "LINES_TOGETHER", 10)
    assert command(monkeypatch, capsys, *again)[0] == 2
    sources.write_text("b\n" * 50)
    code, _, error = command(monkeypatch, capsys, *again)
    assert code == 2
    assert error.startswith("the text that run was trained to translate has changed in the 10 lines")
    sources.write_text("")
    nothing = "the text that run was trained to translate is empty, so there is no corpus to write\n"
    assert command(monkeypatch, capsys, "distill", "run", "--output=new.tsv") == (2, "", nothing)


def stops_after_a_block(_: Searched, sentences: Sequence[str], first_line: int, *others: Any) -> list[str]:
    if first_line > 1:
        raise TranslatorError("stopped")
    return list(sentences)


@pytest.mark.parametrize("name", ["c.tsv", "a.en", "a.de", "links"])
def test_no_corpus_is_replaced_by_what_is_distilled_from_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opened: Opened, name: str
):
    corpora = [{"tsv": "c.tsv", "alignment": "links"}, "a.{lang}"]
    texts = {"c.tsv": "a\tb\n", "a.en": "c\n", "a.de": "d\n", "links": "0-0\n"}
    for each, text in texts.items():
        Path(each).write_text(text)
    data = data_of(corpora).model_dump(mode="json", exclude_none=True)
    Path("run").mkdir()
    save_config(Config.model_validate({"data": data, "train": {"max_steps": 1}}), Path("run", "config.yaml"))
    said = f"--output {name} would overwrite {name}, which is read; name another file\n"
    assert command(monkeypatch, capsys, "distill", "run", f"--output={name}") == (2, "", said)
    assert {each: Path(each).read_text() for each in texts} == texts
    assert opened == []
    assert command(monkeypatch, capsys, "distill", "run", "--output=new.tsv")[0] == 0
    assert Path("new.tsv").read_text() == "a\ta {}\nc\tc {}\n"


def test_sampling_takes_the_engine_that_samples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opened: Opened
):
    assert command(monkeypatch, capsys, "back-translate", "run", "mono", "--output=o", "--engine=auto")[0] == 0
    assert (
        command(monkeypatch, capsys, "back-translate", "run", "mono", "--output=o", "--engine=auto", "--beam=2")[0] == 0
    )
    assert [engine for _, _, _, engine, _, _ in opened] == ["transformer", "auto"]


@pytest.mark.parametrize("name", ["back-translate", "distill"])
def test_options_of_a_target_prefix_are_not_offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
):
    help = command(monkeypatch, capsys, name, "--help")[1]
    assert "--top-k" in help
    assert "--alternatives" not in help


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["back-translate", "r", "mono", "--engine=ctranslate2"],
            "the engine ctranslate2 does not sample; give --beam",
        ),
        (["back-translate", "r", "mono", "--tag=a\tb"], "the tag 'a\\tb' has a tab, a line end or another control"),
        (["back-translate", "r", "mono", "--sample", "--beam=2"], "--sample has no beam; leave one of them out\n"),
        (["back-translate", "r", "none"], "there is no file none\n"),
        (["back-translate", "r", "empty"], "empty is empty, so there is no corpus to write\n"),
        (["distill", "r", "--ensemble=b", "--engine=auto"], "--ensemble searches with the engine transformer; leave"),
        (["distill", "r"], "r is not a run: it has no config.yaml."),
    ],
)
def test_what_cannot_be_done_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    code, _, error = command(monkeypatch, capsys, *arguments, "--output=out.tsv")
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith(said)
