"""The page of a run: complete in every state, small, and never in the way of a training."""

import contextlib
import json
import logging
import re
from pathlib import Path

import pytest

from tests.report.recorded import LOG, NASTY, ROWS, START, make_run, make_scored_run, score_run
from tests.report.test_markup import Balanced
from translator.data.corpora.base import SentencePair
from translator.data.inputs import Input
from translator.evaluation.report import Report
from translator.evaluation.scores import score
from translator.report.written import LivePage, kept_attention, page_left_behind, write_page
from translator.run_folder import RunFolder
from translator.run_log import RunLog

REFRESH = '<meta http-equiv="refresh" content="20">'


def page_of(run: RunFolder, is_open: bool | None = None) -> str:
    return write_page(run, is_open).read_text(encoding="utf-8")


@pytest.fixture
def scored(tmp_path: Path) -> RunFolder:
    return make_scored_run(tmp_path / NASTY.replace("/", "|"))


def test_the_page_of_a_scored_run_has_everything_and_runs_nothing(scored: RunFolder):
    text = page_of(scored)
    found = Balanced(text)
    assert {"script", "link", "img", "iframe"} & set(found.seen) == set()
    assert all(link.startswith("#") for link in found.links)
    assert {link[1:] for link in found.links} == set(re.findall(r'<h2 id="(\w+)"', text))
    assert len(found.links) == 9
    assert found.text.count(NASTY) >= 3
    for expected in ("trained and scored", "BLEU of the test set", "17 parameters", "version:", "a.en:1: one  |  eins",
                     "train.max_steps", "AMD EPYC", "Gradient norm", "skipped steps"):  # fmt: skip
        assert expected in found.text, expected
    assert REFRESH not in text
    assert "://" not in text


def test_words_that_differ_are_marked_on_both_sides(scored: RunFolder):
    text = page_of(scored)
    assert 'zwei <mark class="right"><span class="spoken">right: </span>Hunde</mark>' in text
    assert 'zwei <mark class="wrong"><span class="spoken">wrong: </span>Katzen</mark>' in text


def test_the_page_of_a_run_under_way_reads_itself_again_and_that_of_one_that_stopped_does_not(tmp_path: Path):
    run = make_run(tmp_path / "run")
    with run.locked():
        assert REFRESH in page_of(run)
    text = page_of(run)
    assert REFRESH not in text
    assert "stopped before the end of its training" in text
    assert "The test set has not been translated yet." in text


def test_a_run_that_has_just_been_claimed_has_a_page(tmp_path: Path):
    run = make_run(tmp_path / "run", rows=[], log=[])
    for path in (run.metrics, run.log, run.environment):
        path.unlink()
    assert "There are no figures yet." in page_of(run)


def test_attention_is_shown_of_the_present_translations_only(scored: RunFolder):
    report = score_run(scored)
    assert [each.source for each in kept_attention(scored, report)] == ["three"]
    assert kept_attention(scored, None) == []
    assert kept_attention(scored, score_run(scored, ["eins", "zwei", "vier"])) == []


@pytest.mark.parametrize("content", ["", "[3]", "{}", '[{"source": 1}]', '[{"source": "three", "x": 1}]'])
def test_attention_that_is_damaged_is_not_shown(content: str, scored: RunFolder):
    report = score_run(scored)
    scored.attention.write_text(content, encoding="utf-8")
    assert kept_attention(scored, report) == []


def test_the_page_of_a_long_run_is_small(tmp_path: Path):
    rows = [{**ROWS[0], "step": i, "loss": 2 + 1 / (i + 1)} for i in range(1, 20_000)]
    log = [START, *(f"warning: {i} {'x' * 20_000}" for i in range(700))]
    run = make_run(tmp_path / "run", rows, log)
    inputs = [Input(0, f"{i}.en", f"/{'x' * 200}/{i}.en", 1, 1, "0" * 64)._asdict() for i in range(20_000)]
    run.inputs.write_text(json.dumps(inputs), encoding="utf-8")
    run.environment.write_text(json.dumps([{"command": "x" * 20_000}] * 500), encoding="utf-8")
    lines = [f"{NASTY} {'wort ' * 3_000}"] * 3
    pairs = list(map(SentencePair, lines, lines))
    Report(pairs, [line.replace("wort", "Wort", 9) for line in lines], score(["a"], ["a"], "de")).write(run.report)
    text = page_of(run)
    assert len(text) < 2_000_000
    assert "And 19,800 files more, in inputs.json." in text


def test_a_training_renews_the_page_at_validations_alone(tmp_path: Path):
    run = make_run(tmp_path / "run")
    live = LivePage(run)
    live.write(ROWS[0])
    assert not run.page.exists()
    live.write(ROWS[1])
    assert REFRESH in run.page.read_text(encoding="utf-8")
    live.close()


def test_a_page_that_cannot_be_written_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    run = make_run(tmp_path / "run")
    run.page.mkdir(parents=True)
    live = LivePage(run)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            live.write(ROWS[1])
    assert [record.getMessage() for record in caplog.records] == [
        f"{run.page} cannot be written: [Errno 21] is a folder; name a file: '{run.page}'"
    ]


def test_a_start_that_fails_leaves_a_page_that_says_why(tmp_path: Path):
    run = make_run(tmp_path / "run", log=LOG[:2])
    with run.locked(), contextlib.suppress(OSError), page_left_behind(run):
        RunLog(run.log).write("the disk burns", "error")
        raise OSError
    found = Balanced(run.page.read_text(encoding="utf-8"))
    assert "the disk burns" in found.text
    assert "stopped before" in found.text
