"""`--checkpoint`, from the command line to the library."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.report.recorded import make_run
from translator.cli import main
from translator.config.load import save_config
from translator.config.schema import Config
from translator.decoding.translator import Translator
from translator.evaluation import test_set
from translator.run_folder import RunFolder


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command in this process, without input."""
    monkeypatch.setattr(sys, "argv", ["translator", *arguments])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `Translator.load` is asked for."""
    calls: list[tuple[Any, ...]] = []

    def load(*arguments: Any) -> SimpleNamespace:
        calls.append(arguments)
        return SimpleNamespace(translate_text=lambda lines, *_: lines, languages=("de",))

    monkeypatch.setattr(Translator, "load", load)
    return calls


@pytest.mark.parametrize(
    ("given", "checkpoint"), [([], None), (["--checkpoint=best"], "best"), (["--checkpoint=last"], "last")]
)
def test_translate_loads_the_checkpoint_that_is_asked_for(
    loaded: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: list[str],
    checkpoint: str | None,
):
    monkeypatch.chdir(tmp_path)
    make_run(Path("run"))
    (tmp_path / "in.txt").write_text("one\n")
    assert (
        called(monkeypatch, "translate", "run", f"--input={tmp_path / 'in.txt'}", f"--output={tmp_path / 'o'}", *given)
        == 0
    )
    assert loaded == [(Path("run"), None, checkpoint, "transformer", None, None)]


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert called(monkeypatch, "translate", "run", "--checkpoint=newest") == 2
    assert "'newest' is not one of 'best', 'last'" in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_only_a_converted_model_has_a_quantization(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert called(monkeypatch, "translate", "run", "--quantization=int8") == 2
    assert capsys.readouterr().err == "--quantization goes with --engine ctranslate2; leave it out\n"


def test_an_exported_model_has_no_checkpoints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert called(monkeypatch, "translate", "folder", "--engine=saved_model", "--checkpoint=best") == 2
    assert capsys.readouterr().err == "folder is an exported model, which has no checkpoints; leave --checkpoint out\n"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ([], ()),
        (["--checkpoint=last"], (None, "last", "transformer", None)),
        (["--engine=ctranslate2", "--quantization=int8"], (None, None, "ctranslate2", "int8")),
    ],
)
def test_the_report_of_the_run_is_that_of_its_model(
    loaded: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: list[str],
    asked: tuple[Any, ...],
):
    corpus = {"grammar": "test", "pairs": 3}
    config = Config.model_validate(
        {"data": {"train": corpus, "validation": corpus, "test": corpus}, "train": {"max_steps": 2, "warmup_steps": 1}}
    )
    save_config(config, RunFolder(tmp_path).config)
    written: list[Path] = []
    report = SimpleNamespace(write=written.append, figures={})
    monkeypatch.setattr(test_set, "evaluate", lambda *_: report)
    assert called(monkeypatch, "eval", str(tmp_path), "--json", *given) == 0
    assert loaded == [(tmp_path, *asked)]
    assert written == [tmp_path / "report"] * (not asked)
