"""Runs and files as systems, at the command line; and a run beside the last one on its test set."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.command_line import command
from tests.toy_language import written
from translator.config.load import save_config
from translator.config.schema import Config
from translator.data.corpora.base import SentencePair
from translator.evaluation import systems
from translator.evaluation.report import Report
from translator.evaluation.scores import score
from translator.evaluation.systems import compared_with_last
from translator.run_folder import RunFolder
from translator.training import run as training_run

SOURCES = ["a cat sleeps", "a dog barks at the cat", "the end"]
REFERENCES = ["eine Katze schläft", "ein Hund bellt die Katze an", "das Ende"]
GOOD = ["eine Katze schläft", "ein Hund bellt die Katze an", "Ende"]
BAD = ["eine Katze", "ein Hund die Katze", "Ende"]


def make_run(folder: Path, hypotheses: list[str], references: list[str] = REFERENCES) -> RunFolder:
    """A run with a report."""
    run = RunFolder(folder)
    folder.mkdir()
    training = written(folder.parent / "train.tsv", ["cat\tKatze", "dog\tder Hund", "dog\tein Hund"])
    corpus = {"tsv": str(training)}
    config = Config.model_validate(
        {
            "data": {"source": "en", "target": "de", "train": corpus, "validation": corpus},
            "train": {"max_steps": 1, "warmup_steps": 0},
        }
    )
    save_config(config, run.config)
    pairs = list(map(SentencePair, SOURCES, references))
    Report(pairs, hypotheses, score(hypotheses, references, "de"), 1.0, 9).write(run.report)
    return run


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def called(*arguments: object) -> tuple[int, str, str]:
        code, out, err = command(monkeypatch, capsys, "compare", *map(str, arguments))
        return code, out, " ".join(err.split())

    return called


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    make_run(tmp_path / "good", GOOD)
    make_run(tmp_path / "other", GOOD, REFERENCES[::-1])
    make_run(tmp_path / "unscored", GOOD).report.joinpath("scores.json").unlink()
    texts = {"src": SOURCES, "ref": REFERENCES, "bad": BAD, "short": BAD[:2]}
    for name, lines in texts.items():
        written(tmp_path / name, lines)
    return {path.name: path for path in tmp_path.iterdir()}


def test_a_run_says_the_test_set_the_language_and_the_frequencies(call, places):
    code, out, err = call(places["bad"], places["good"], "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["systems"] == ["bad", "good"]
    for system, hypotheses in enumerate([BAD, GOOD]):
        scores = score(hypotheses, REFERENCES, "de")
        assert found["metrics"]["bleu"]["scores"][system]["value"] == pytest.approx(scores.bleu)
        assert found["metrics"]["ter"]["scores"][system]["value"] == pytest.approx(scores.ter)
    (by_frequency,) = (table for table in found["breakdowns"] if "frequency" in table["title"])
    # Katze and ein have been seen once, Hund twice.
    assert [(row["label"], row["count"]) for row in by_frequency["rows"]] == [("0", 7), ("1", 3), ("2–4", 1)]


def test_files_are_compared_without_any_run(call, places, tmp_path):
    page = tmp_path / "page.html"
    files = places["bad"], places["ref"], "--reference", places["ref"], "--source", places["src"], "--language", "de"
    code, out, err = call(*files, "--html", page)
    assert code == 0
    assert "ref is better than bad on this test set: BLEU" in out or "ref cannot be told apart from bad" in out
    assert "name the training corpus' target side with --training" in out
    assert "the cat" in page.read_text()
    assert err == f"written: {page}"
    _, out, _ = call(*files, "--training", places["ref"])
    assert "By frequency of the word in the training corpus" in out


@pytest.mark.parametrize(
    "read", ["bad", "ref", "src", "short", "train.tsv", "good/report/hypothesis.txt", "good/report/scores.json"]
)
def test_the_page_replaces_nothing_that_is_read(call, places, tmp_path, read):
    before = (tmp_path / read).read_bytes()
    arguments = [places["bad"], places["good"], "--reference", places["ref"], "--source", places["src"]]
    training = ["--training", places["short"]] if read == "short" else []
    said = f"--html {tmp_path / read} would overwrite {tmp_path / read}, which is read; name another file"
    assert call(*arguments, *training, "--html", tmp_path / read) == (2, "", said)
    assert (tmp_path / read).read_bytes() == before


def test_systems_have_the_shortest_names_that_tell_them_apart(call, places, tmp_path):
    (tmp_path / "a").mkdir()
    twin = written(tmp_path / "a" / "bad", BAD)
    _, out, _ = call(places["bad"], twin, places["good"], twin, "--json")
    assert json.loads(out)["systems"] == [f"{tmp_path.name}/bad", "a/bad", f"{tmp_path.name}/good", "a/bad (2)"]


def test_a_training_corpus_that_is_gone_leaves_its_table_out(call, places, tmp_path):
    (tmp_path / "train.tsv").unlink()
    code, out, _ = call(places["bad"], places["good"], "--json")
    found = json.loads(out)
    assert code == 0
    assert not any("frequency" in table["title"] for table in found["breakdowns"])
    assert found["notes"][0].startswith("No table by frequency: the training corpus cannot be read (")


def test_only_so_many_training_pairs_are_counted(call, places, monkeypatch):
    monkeypatch.setattr(systems, "MOST_COUNTED", 2)
    _, out, _ = call(places["bad"], places["good"], "--json")
    assert json.loads(out)["notes"] == ["Frequencies are those of the first 2 training pairs."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("{good}", "name two systems or more: runs, or files of translations"),
        ("{good} {unscored}", "{unscored} has no report, since its configuration names no data.test"),
        ("{good} {other}", "{other} was scored on another test set than {good}; translate the same sentences"),
        ("{good} {short}", "{short} has 2 lines but the test set has 3 sentences"),
        ("{good} none", "there is no file none"),
        ("{bad} {ref}", "files of translations need --reference, unless a run is compared with them"),
        ("{bad} {ref} --reference {ref}", "give --language, as in --language de"),
        ("{bad} {good} --source {src}", "--source goes with --reference"),
        ("{bad} {good} --reference {short}", "{good} was scored on 3 sentences, but --reference {short} has 2 lines"),
        ("{bad} {good} --tokenize 13b", "sacreBLEU has no tokenizer '13b'"),
        ("{bad} {good} --training none", "--training: there is no file none"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call, places, arguments, message):
    code, out, err = call(*(argument.format(**places) for argument in arguments.split()))
    assert (code, out) == (2, "")
    assert message.format(**places) in err


@pytest.mark.parametrize("test", [None, {"grammar": "test", "pairs": 3}])
def test_only_a_run_with_a_test_set_is_to_be_scored(call, places, test):
    run = RunFolder(places["unscored"])
    config = run.load_config()
    changed = Config.model_validate(config.model_dump() | {"data": config.data.model_dump() | {"test": test}})
    save_config(changed, run.config)
    _, _, err = call(places["good"], run.path)
    no_test_set = (
        "since its configuration names no data.test; translate a test set with it (`translator translate`), and"
    )
    assert err.startswith(f"{run.path} has no report, {no_test_set}") == (test is None)
    assert err.startswith(f"{run.path} has no report; score it first: translator eval {run.path}") == (test is not None)


def test_a_run_is_compared_with_the_last_one_on_its_test_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    runs = {name: make_run(tmp_path / name, BAD) for name in ("first", "second", "new")}
    make_run(tmp_path / "elsewhere", GOOD, REFERENCES[::-1])
    report = Report.read(make_run(tmp_path / "own", GOOD).report)
    assert report is not None
    for age, name in enumerate(["elsewhere", "second", "first", "new"]):
        os.utime(tmp_path / name / "report" / "scores.json", (1e9 - age, 1e9 - age))
    monkeypatch.setattr(sys, "argv", ["/bin dir/translator"])
    line = compared_with_last(RunFolder(tmp_path / "own"), report, "de")
    assert line is not None
    assert line.startswith(f"beside {tmp_path}/second, the last run on this test set: BLEU +")
    assert "; chrF +" in line
    assert line.endswith(f"More:  '/bin dir/translator' compare {tmp_path}/second {tmp_path}/own")
    for run in runs.values():
        run.report.joinpath("hypothesis.txt").unlink()
    assert compared_with_last(RunFolder(tmp_path / "own"), report, "de") is None


def test_a_difference_to_the_last_run_is_that_of_the_scores(tmp_path: Path):
    make_run(tmp_path / "last", BAD)
    report = Report.read(make_run(tmp_path / "own", GOOD).report)
    assert report is not None
    line = compared_with_last(RunFolder(tmp_path / "own"), report, "de")
    change = score(GOOD, REFERENCES, "de").chrf - score(BAD, REFERENCES, "de").chrf
    assert f"chrF +{change:.2f} (" in str(line)


def test_training_ends_with_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_run(tmp_path / "last", BAD)
    run = make_run(tmp_path / "own", GOOD)
    monkeypatch.setattr(training_run, "evaluate_run", lambda folder, on_progress: Report.read(run.report))
    config = run.load_config()
    data = config.data.model_copy(update={"test": config.data.train})
    shown = io.StringIO()
    training_run._score(config.model_copy(update={"data": data}), run, Console(file=shown, width=300))
    first, second = shown.getvalue().splitlines()
    assert first.startswith("test set: BLEU ")
    assert second.startswith(f"beside {tmp_path}/last, the last run on this test set: BLEU +")


def test_trouble_with_the_last_run_does_not_end_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: object) -> None:
        raise ValueError("no\nluck")

    monkeypatch.setattr(training_run, "compared_with_last", fails)
    run = make_run(tmp_path / "own", GOOD)
    report = Report.read(run.report)
    assert report is not None
    shown = io.StringIO()
    training_run._compare(run, report, "de", Console(file=shown, width=200))
    assert shown.getvalue() == "the last run on this test set cannot be compared: no\\nluck\n"


def test_reports_are_told_apart_by_their_sentences(tmp_path: Path):
    def report(pairs: list[tuple[str, str]]) -> Report:
        return Report([SentencePair(*pair) for pair in pairs], [], score(["a"], ["a"], "de"))

    assert report([("a", "b")]).test_set == report([("a", "b")]).test_set
    others = [[("b", "a")], [("a", "c")], [("a", "b"), ("a", "b")], [("a\nb", "")], []]
    assert len({report([("a", "b")]).test_set, *(report(pairs).test_set for pairs in others)}) == len(others) + 1
