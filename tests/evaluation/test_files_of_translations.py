"""`translator eval --hypothesis`: a file of translations is scored without a model."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.command_line import command
from tests.toy_language import written
from translator.config.load import save_config
from translator.config.schema import Config
from translator.evaluation.scores import score
from translator.run_folder import RunFolder

SOURCES = ["a cat", "two dogs run", "the end"]
REFERENCES = ["eine Katze", "zwei Hunde laufen schnell", "das Ende"]
HYPOTHESES = ["eine Katze", "zwei Hunde rennen schnell", "Ende"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {"src": SOURCES, "ref": REFERENCES, "hyp": HYPOTHESES, "short": HYPOTHESES[:2]}
    return {name: written(tmp_path / name, lines) for name, lines in texts.items()}


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def called(*arguments: object) -> tuple[int, str, str]:
        code, out, err = command(monkeypatch, capsys, "eval", *map(str, arguments))
        return code, out, " ".join(err.split())

    return called


def test_a_file_is_scored_against_all_references(call, files):
    arguments = (
        "--hypothesis",
        files["hyp"],
        "--reference",
        files["ref"],
        "--reference",
        files["hyp"],
        "--language",
        "de",
    )
    code, out, _ = call(*arguments, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["bleu"] == pytest.approx(100)
    assert found["bleu_signature"].startswith("nrefs:2|")
    assert (found["seconds"], found["nll"], found["sentences"]) == (None, None, 3)


def test_a_run_says_its_test_set_and_language(call, files, tmp_path):
    data = {"root": tmp_path, "source": "en", "target": "ja", "train": {"grammar": "train", "pairs": 9}}
    test = {"tsv": "test.tsv"}
    written(tmp_path / "test.tsv", ["\t".join(pair) for pair in zip(SOURCES, REFERENCES, strict=True)])
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    config = Config.model_validate(
        {"data": {**data, "validation": test, "test": test}, "train": {"max_steps": 1, "warmup_steps": 0}}
    )
    save_config(config, run.config)
    code, out, err = call(run.path, "--hypothesis", files["hyp"], "--json")
    assert (code, err) == (0, "")
    expected = score(HYPOTHESES, REFERENCES, "ja")
    assert json.loads(out)["bleu"] == expected.bleu
    assert "tok:char" in json.loads(out)["bleu_signature"]
    assert not run.report.exists()


def test_the_scores_are_printed_with_intervals_and_signatures(call, files):
    program = shlex.join([sys.executable, "-c", "print(0.8131)"])
    code, out, _ = call(
        "--hypothesis", files["hyp"], "--reference", files["ref"], "--language", "de",
        "--command", f"{program} {{hypotheses}}",
    )  # fmt: skip
    assert code == 0
    rows = {line[:12].rstrip(): line[12:].split() for line in out.splitlines()}
    scores = score(HYPOTHESES, REFERENCES, "de")
    for each in scores.named:
        low, high = each.interval or (0, 0)
        assert rows[each.name] == [f"{each.value:.2f}", f"[{low:.2f},", f"{high:.2f}]", each.signature]
    assert rows[Path(sys.executable).name[:12]][0] == "0.8131"
    assert "source" not in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name a run folder, or a file of translations with --hypothesis"),
        (["run", "--language", "de"], "--language is that of --hypothesis; a run has its own"),
        (["--hypothesis", "{hyp}"], "--hypothesis needs --reference, or a run whose test set has been translated"),
        (["--hypothesis", "{hyp}", "--reference", "{ref}"], "give --language, as in --language de"),
        (["--hypothesis", "{hyp}", "--reference", "{ref}", "--beam", "1"], "leave out --beam"),
        (
            ["--hypothesis", "{short}", "--reference", "{ref}", "--language", "de"],
            "--hypothesis: {short} has 2 lines but the test set has 3 sentences",
        ),
        (
            ["--hypothesis", "{hyp}", "--reference", "{ref}", "--reference", "{short}", "--language", "de"],
            "--reference: {short} has 2 lines but --reference {ref} has 3; scoring needs",
        ),
        (["--hypothesis", "none", "--reference", "{ref}", "--language", "de"], "--hypothesis: there is no file none"),
        (
            ["--hypothesis", "{hyp}", "--reference", "{ref}", "--language", "de", "--tokenize", "13b"],
            "sacreBLEU has no tokenizer '13b'",
        ),
        (
            ["--hypothesis={hyp}", "--reference={ref}", "--language=de", "--command", "cat {{source}} {{hypotheses}}"],
            "--command names {{source}}; give the sentences with --source",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(call, files, options, message):
    code, out, err = call(*(option.format(**files) for option in options))
    assert (code, out) == (2, "")
    assert message.format(**files) in err
