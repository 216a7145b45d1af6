"""The gate, what it leaves behind, and the converted models that a run keeps."""

import dataclasses
import json
import platform
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import command
from tests.hostile import anew
from translator.config.load import save_config
from translator.config.schema import SearchConfig
from translator.data.corpora.base import SentencePair
from translator.decoding.engines.ctranslate2 import CTranslate2Engine, require_options
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import OptionsError, SearchOptions
from translator.decoding.translator import Translator
from translator.export import comparisons, ctranslate2, formats, kept
from translator.export.comparisons import ExportError, compare_bleu, compare_texts
from translator.export.formats import FORMATS, export_run
from translator.export.gate import PARITY
from translator.model.weights import get_weights, read_weights, write_weights
from translator.run_folder import RunError, RunFolder

pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install '.[ctranslate2]'")

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run_folder_0_1.tar.xz"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was translated with `--engine auto` once."""
    folder = tmp_path_factory.mktemp("runs")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    Translator.load(folder / "default", engine="auto")
    return folder / "default"


def converted_of(run: Path) -> Path:
    (folder,) = (path for path in (run / "engines").iterdir() if path.is_dir())
    return folder


@pytest.fixture
def conversions(monkeypatch) -> list[Path]:
    """The runs that are converted from now on; nothing is done."""
    found: list[Path] = []

    def convert(source: kept.Source) -> None:
        found.append(source.run.path)
        raise ExportError("converted again")

    monkeypatch.setattr(kept, "_convert", convert)
    return found


# What the greedy search of the comparison has not, or CTranslate2 has not.
SEARCHES: list[dict[str, Any]] = [
    {"stopping": "finished", "patience": 2.0},
    {"stopping": "exact"},
    {"coverage_penalty": 0.2},
    {"min_length_factor": 0.1, "length_penalty_form": "gnmt", "xla": True},
]


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_exports_are_compared_by_a_greedy_search_that_both_sides_have(search: dict[str, Any]):
    options = SearchOptions.of(SearchConfig(no_repeat_ngram_size=3, **search))
    for name in ("ctranslate2", "argos", "huggingface"):
        searched = FORMATS[name].checked_search(options)
        assert (searched.beam_size, searched.no_repeat_ngram_size, searched.xla) == (1, 3, False)
        if name != "huggingface":
            require_options(searched)


def with_search(run: Path, settings: dict[str, Any]) -> Path:
    folder = RunFolder(run)
    config = folder.load_config()
    folder.config.unlink()
    save_config(config.model_copy(update={"search": config.search.model_copy(update=settings)}), folder.config)
    return run


def test_a_run_is_exported_whatever_its_own_search_is(run, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "CHECKED_SENTENCES", 8)
    copy = with_search(anew(tmp_path / "run", run), {"beam_size": 2, **SEARCHES[1], **SEARCHES[2], **SEARCHES[3]})
    assert export_run(copy, tmp_path / "out", "ctranslate2")["search"]["beam_size"] == 1


def test_a_search_that_ends_as_ctranslate2s_does_is_converted(run, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "CHECKED_SENTENCES", 8)
    copy = with_search(anew(tmp_path / "run", run), {"beam_size": 2, **SEARCHES[0]})
    translator = Translator.load(copy, engine="ctranslate2")
    assert isinstance(translator.engine, CTranslate2Engine)
    assert translator.options.patience == 2


def test_a_broken_weight_is_refused_and_nothing_is_left_behind(run, tmp_path, monkeypatch):
    whole = get_weights

    def with_one_broken(variables):
        weights = whole(variables)
        weights["decoder.layers.0.feed_forward.outer.kernel"][3, 2] += 1
        return weights

    monkeypatch.setattr(ctranslate2, "get_weights", with_one_broken)
    with pytest.raises(ExportError, match=r"log-probabilities differ .* by up to 0\..* a token, more than 0.0001"):
        export_run(run, tmp_path / "out", "ctranslate2")
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_in_integers_and_keeps_the_figures(run, tmp_path, monkeypatch, capsys):
    output = tmp_path / "out"
    arguments = ["--format=ctranslate2", "--quantization=int8", f"--output={output}"]
    code, _, shown = command(monkeypatch, capsys, "export", str(run), *arguments)
    assert code == 0, shown
    assert shown.startswith(f"Wrote {output}. Equal translations: ")
    figures = json.loads((output / PARITY).read_text())
    assert (figures["format"], figures["quantization"]) == ("ctranslate2", "int8")
    assert figures["bleu_difference_interval"][0] > figures["least_bleu_difference"] == -0.5
    assert figures["search"]["beam_size"] == 1
    assert {"ctranslate2", "tensorflow", "translator"} <= figures["versions"].keys()
    assert figures["processor"]["model"]
    assert {"model.bin", "source.spm", "target.spm"} <= {path.name for path in output.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format=onnx"], r"no --format 'onnx' for this run; it can have saved_model \(float32\); ctranslate2 \("),
        (["--format=ctranslate2", "--quantization=int3"], "--format ctranslate2 has no --quantization 'int3'; it has"),
        (["--quantization=int8"], "--format saved_model has no --quantization 'int8'; it has float32"),
        (["--format=ctranslate2", "--beam=2"], "--format ctranslate2 holds no search, so no beam size either"),
        (
            ["--format=ctranslate2", "--top-k=2"],
            "--format ctranslate2 holds no search, so no options of it either: --top-k",
        ),
    ],
)
def test_what_a_run_cannot_have_is_one_line(run, tmp_path, monkeypatch, capsys, arguments, message):
    code, _, shown = command(monkeypatch, capsys, "export", str(run), f"--output={tmp_path / 'out'}", *arguments)
    assert (code, shown.count("\n")) == (2, 1)
    assert re.search(message, shown)
    assert not (tmp_path / "out").exists()


def test_a_format_that_a_run_cannot_have_says_why(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ctranslate2, "HELD", {**ctranslate2.HELD, "norm": ("post",)})
    with pytest.raises(
        ExportError, match=r"it can have saved_model \(float32\)\. Not ctranslate2: .* no model\.norm pre"
    ):
        export_run(run, tmp_path / "out", "ctranslate2")


def test_integers_are_judged_by_the_interval_of_bleu():
    pairs = [SentencePair("s", f"the dog number {i} sees a horse") for i in range(50)]
    good = [pair.target for pair in pairs]
    bad = [*good[:40], *["nothing of it"] * 10]
    assert compare_bleu(good, good, pairs, "en", "int8")["bleu_difference_interval"] == [0, 0]
    with pytest.raises(ExportError, match=r"BLEU is \d+\.\d+ and the run's 100\.00 on 50 sentences; .* above -0\.5"):
        compare_bleu(good, bad, pairs, "en", "int8")
    with pytest.raises(ExportError, match="int8 is judged by BLEU on the validation set, which is not there"):
        compare_bleu([], [], [], "en", "int8")


def test_one_of_a_hundred_may_differ_in_floating_point_and_two_may_not():
    ours = [str(i) for i in range(100)]
    assert compare_texts(ours, ours, ["x", *ours[1:]], floating=True)["equal_translations"] == 0.99
    with pytest.raises(ExportError, match="2 of 100 sentences differently, more than 1%"):
        compare_texts(ours, ours, ["x", "y", *ours[2:]], floating=True)


def test_the_kept_model_is_used_again_and_gives_the_runs_text(run, conversions):
    sentences = (run / "report" / "source.txt").read_text(encoding="utf-8").splitlines()
    translator = Translator.load(run, engine="ctranslate2")
    assert isinstance(translator.engine, CTranslate2Engine)
    assert translator.translate_text(sentences) == Translator.load(run).translate_text(sentences)
    assert conversions == []


def test_the_kept_model_tells_what_it_is(run, conversions):
    found, same = (Translator.load(run, engine="ctranslate2").fingerprint() for _ in range(2))
    assert found == same
    differing = [name for name, value in Translator.load(run).fingerprint().items() if found[name] != value]
    assert differing == ["engine", "weights"]


def test_other_weights_are_converted_anew(run, tmp_path, conversions):
    copy = anew(tmp_path / "run", run)
    folder = RunFolder(copy)
    weights = read_weights(folder.model)
    weights[next(iter(weights))] *= 2
    write_weights(weights, folder.model)
    with pytest.raises(ExportError, match="converted again"):
        Translator.load(copy, engine="ctranslate2")


def test_what_was_copied_from_elsewhere_is_not_trusted(run, tmp_path, conversions):
    copy = anew(tmp_path / "run", run)
    with pytest.raises(ExportError, match="converted again"):
        Translator.load(copy, engine="ctranslate2")
    assert isinstance(Translator.load(copy, engine="auto").engine, TransformerEngine)


@pytest.mark.parametrize("damage", ["model.bin", "record.json", "extra"])
def test_a_damaged_or_changed_one_is_converted_anew(run, monkeypatch, conversions, damage):
    folder = converted_of(run)
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside)
    try:
        with (folder / damage).open("ab") as file:
            file.write(b"x")
        with pytest.raises(ExportError, match="converted again"):
            Translator.load(run, engine="ctranslate2")
    finally:
        shutil.rmtree(folder)
        aside.rename(folder)


def test_another_machine_is_another_machine(run, monkeypatch, conversions):
    monkeypatch.setattr(platform, "node", lambda: "another")
    with pytest.raises(ExportError, match="converted again"):
        Translator.load(run, engine="ctranslate2")


def test_auto_takes_the_faster_and_never_a_graph(run, monkeypatch, conversions):
    record = kept._record(converted_of(run))
    for faster, engine in (("ctranslate2", CTranslate2Engine), ("transformer", TransformerEngine)):
        seconds = {"transformer": 1.0, "ctranslate2": 1.0} | {faster: 0.5}
        monkeypatch.setattr(kept, "_record", lambda _, seconds=seconds: record | {"seconds": seconds})
        assert isinstance(Translator.load(run, engine="auto").engine, engine)


def test_auto_tries_a_conversion_that_was_refused_once(run, tmp_path, conversions):
    copy = anew(tmp_path / "run", run)
    for _ in range(2):
        assert isinstance(Translator.load(copy, engine="auto").engine, TransformerEngine)
    assert conversions == [copy]


def test_options_that_it_lacks_leave_auto_with_the_other_engine(run, monkeypatch, conversions):
    of = SearchOptions.of
    monkeypatch.setattr(SearchOptions, "of", lambda *given: dataclasses.replace(of(*given), with_attention=True))
    assert isinstance(Translator.load(run, engine="auto").engine, TransformerEngine)


def test_a_run_whose_own_search_it_lacks_is_refused_before_anything_is_converted(
    run, tmp_path, monkeypatch, conversions
):
    copy = anew(tmp_path / "run", run)
    shutil.rmtree(copy / "engines")
    config = RunFolder(copy).load_config()
    search = config.search.model_copy(update={"beam_size": 2, "stopping": "exact"})
    monkeypatch.setattr(RunFolder, "load_config", lambda _: config.model_copy(update={"search": search}))
    with pytest.raises(OptionsError, match="ctranslate2 has no `stopping` exact; the engine transformer has it"):
        Translator.load(copy, engine="ctranslate2")
    assert isinstance(Translator.load(copy, engine="auto").engine, TransformerEngine)
    assert conversions == []
    assert not (copy / "engines").exists()


def test_an_integer_model_is_kept_when_it_is_asked_for(run, tmp_path, monkeypatch, capsys):
    copy = anew(tmp_path / "run", run)
    shutil.rmtree(copy / "engines")
    monkeypatch.setattr(comparisons, "MAX_BLEU_DROP", 100)  # the model has learned too little to be judged
    given, output = run / "report" / "source.txt", tmp_path / "out"
    arguments = ["translate", str(copy), f"--input={given}", f"--output={output}"]
    assert command(monkeypatch, capsys, *arguments, "--engine=ctranslate2", "--quantization=int8")[0] == 0
    lines = [path.read_text(encoding="utf-8").count("\n") for path in (output, given)]
    assert lines[0] == lines[1]
    kept_one = converted_of(copy)
    assert json.loads((kept_one / PARITY).read_text())["quantization"] == "int8"
    assert (kept_one / "model.bin").stat().st_size < (converted_of(run) / "model.bin").stat().st_size


@pytest.mark.parametrize(
    ("engine", "quantization", "message"),
    [
        ("ctranslate2", "int4", "the engine ctranslate2 has no quantization 'int4'; it has float32, float16"),
        ("auto", "int8", "the engine auto has no quantization; leave 'int8' out, or name the engine ctranslate2"),
        ("transformer", "int8", "the engine transformer has no quantization; leave 'int8' out"),
    ],
)
def test_a_quantization_that_an_engine_lacks_is_refused(run, conversions, engine, quantization, message):
    with pytest.raises(OptionsError, match=re.escape(message)):
        Translator.load(run, engine=engine, quantization=quantization)


def test_an_exported_one_opened_as_a_run_says_what_it_is_for(run):
    with pytest.raises(RunError, match=r"is not a run but has the model.bin of CTranslate2.*--engine ctranslate2"):
        Translator.load(converted_of(run))


def test_the_command_translates_with_it(run, tmp_path, monkeypatch, capsys, conversions):
    given, output = run / "report" / "source.txt", tmp_path / "out"
    arguments = ["translate", str(run), f"--input={given}", f"--output={output}", "--engine=ctranslate2"]
    assert command(monkeypatch, capsys, *arguments)[0] == 0
    lines = given.read_text(encoding="utf-8").splitlines()
    assert output.read_text(encoding="utf-8").splitlines() == Translator.load(run).translate_text(lines)
