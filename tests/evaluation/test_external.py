"""Other programs' metrics: a scripted program that prints a score, or fails, each in its way."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from translator.evaluation.external import ExternalMetric
from translator.evaluation.metrics import EvaluationError

SOURCES, HYPOTHESES, REFERENCES = ["s 1", "s 2"], ["h 1", ""], [["r 1", "r 2"], ["q 1", "q 2"]]


def python(code: str, arguments: str = "{hypotheses}") -> ExternalMetric:
    return ExternalMetric(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {arguments}")


def test_the_program_reads_the_texts_and_every_reference_is_an_argument(tmp_path: Path):
    seen = tmp_path / "seen.json"
    code = (
        "import json, sys; read = [[a, open(a).read()] if '/' in a else a for a in sys.argv[1:]]; "
        f"open({str(seen)!r}, 'w').write(json.dumps(read)); print(3)"
    )
    python(code, "-s {source} -t {hypotheses} -r={references}").require()
    python(code, "-s {source} -t {hypotheses} -r {references}").score(SOURCES, HYPOTHESES, REFERENCES)
    flags, texts = json.loads(seen.read_text())[::2], json.loads(seen.read_text())[1:4:2]
    assert flags[:3] == ["-s", "-t", "-r"]
    assert [text for _, text in texts] == ["s 1\ns 2\n", "h 1\n\n"]
    references = json.loads(seen.read_text())[5:]
    assert [text for _, text in references] == ["r 1\nr 2\n", "q 1\nq 2\n"]
    assert not Path(references[0][0]).exists()


@pytest.mark.parametrize(
    ("printed", "score"),
    [
        ("0.8131", 0.8131), ("hyp.txt\\tscore: -0.25\\n", -0.25), ("loading 7 models\\nscore 1e-3", 1e-3),
        ('{"score": 42}', 42), ("7", 7), ("12 /tmp/x-3/h7.txt", 12), ("BLEU=33.5%", 33.5), ("0.5.", 0.5),
        ("order 4: 31.5", 31.5),
    ],
)  # fmt: skip
def test_a_score_is_the_last_number_of_the_last_line_or_a_json_object(printed: str, score: float):
    found = python(f"print('''{printed}''')").score(SOURCES, HYPOTHESES, REFERENCES)
    assert (found.score, found.interval, found.name) == (score, None, Path(sys.executable).name)


def test_scores_of_sentences_have_a_mean_an_interval_and_a_name():
    code = 'print(\'{"scores": [0.5, 1], "name": "COMET", "signature": "wmt22"}\')'
    found = python(code).score(SOURCES, HYPOTHESES, REFERENCES)
    # A sample has the first sentence twice one time in four, and as often the second.
    assert (found.score, found.interval, found.name, found.signature) == (0.75, (0.5, 1), "COMET", "wmt22")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no model\\nnowhere')", "ended with exit code 1: nowhere$"),
        ("import sys; sys.exit(3)", "ended with exit code 3$"),
        ("pass", "printed no score but 'nothing'$"),
        ("print('a 1'); print('no score')", "printed no score but 'no score'$"),
        ("print('NaN')", "printed no score but 'NaN'$"),
        ("print('[1, 2]')", r"printed no score but '\[1, 2\]'$"),
        ("print('{\"scores\": [1]}')", "printed 1 scores for 2 sentences$"),
        ("print('{\"scores\": [1, null]}')", "printed no score but "),
        ("print('[' * 100_000)", "printed no score but "),
        ("print('{\"score\": 1' + '0' * 400 + '}')", "printed no score but "),
    ],
)
def test_a_failure_is_one_line_that_names_the_program(code: str, message: str):
    with pytest.raises(EvaluationError, match=message) as caught:
        python(code).score(SOURCES, HYPOTHESES, REFERENCES)
    assert str(caught.value).startswith(f"--command: '{sys.executable}' ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-program {hypotheses}", "^--command: there is no program 'no-such-program'$"),
        ("cat {source}", "does not name {hypotheses}, the file to score$"),
        ("cat {source} {hypotheses}", "^--command names {source}; give the sentences with --source$"),
        ("", "^--command is empty"), ("cat '", "cannot be split into words: No closing quotation$"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_anything_is_run(command: str, message: str):
    with pytest.raises(EvaluationError, match=message):
        ExternalMetric(command).require(has_sources=False)
