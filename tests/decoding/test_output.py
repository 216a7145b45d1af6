"""Translations as lines, and the options of the command line that ask for them."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.decoding.test_translator import OPTIONS, SENTENCES, CopyingEngine, copying, tokenizer
from tests.report.recorded import make_config
from translator.cli import main
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import Hypothesis, OptionsError, SearchOptions
from translator.decoding.output import lines_of
from translator.decoding.translation import ScoredText, Translation
from translator.decoding.translator import Translator
from translator.run_folder import RunFolder

__all__ = ["tokenizer"]

HYPOTHESES = (
    ScoredText("eins", -0.5, -1.0, ("▁eins", "</s>"), (-0.75, -0.25)),
    ScoredText("ein ||| s", -0.75, float("nan")),
)
FOUND = Translation("eins", -0.5, -1.0, HYPOTHESES, ())


def test_moses_lines_have_number_text_features_and_score():
    assert lines_of(FOUND, 3, "moses", 1) == ["2 ||| eins ||| log_prob= -1 token_log_probs= -0.75 -0.25 ||| -0.5"]
    assert lines_of(FOUND, 1, "moses", 5)[1] == "0 ||| ein ||| s ||| log_prob= nan ||| -0.75"


def test_a_json_line_holds_all_hypotheses():
    (line,) = lines_of(FOUND, 3, "json", 2)
    best = {"text": "eins", "score": -0.5, "log_prob": -1.0}
    tokens = {"tokens": ["▁eins", "</s>"], "token_log_probs": [-0.75, -0.25]}
    other = {"text": "ein ||| s", "score": -0.75, "log_prob": None}
    assert json.loads(line) == {"line": 3, **best, "hypotheses": [{**best, **tokens}, other]}
    assert lines_of(FOUND, 3, "text", 2) == ["eins"]


class PrefixedEngine(CopyingEngine):
    """Copies, after the prefix; and says what each token costs."""

    def search_after(
        self, sources: list[list[int]], prefixes: list[list[int]], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        self.asked.append(options)
        return [
            [Hypothesis((*prefix, *source), -1.0, -1.0, token_log_probs=(-0.5,) * (len(prefix) + len(source) + 1))]
            for prefix, source in zip(prefixes, sources, strict=True)
        ]


def test_prefixes_go_with_their_sentences(tokenizer: Tokenizer):
    translator = copying(tokenizer, max_source_tokens=1000, batch_sentences=2, engine=PrefixedEngine())
    sentences = [SENTENCES[0], "", SENTENCES[1], SENTENCES[2]]
    prefixes = [SENTENCES[5], SENTENCES[6], "", SENTENCES[7]]
    expected = [f"{SENTENCES[5]} {SENTENCES[0]}", "", SENTENCES[1], f"{SENTENCES[7]} {SENTENCES[2]}"]
    assert translator.translate_text(sentences, target_prefixes=prefixes) == expected
    found = translator.translate(sentences, target_prefixes=prefixes)
    assert [each.text for each in found] == expected
    tokens, log_probs = found[2].hypotheses[0].tokens, found[2].hypotheses[0].token_log_probs
    assert tokens == (*tokenizer.pieces(tokenizer.encode([SENTENCES[1]])[0]), "</s>")
    assert log_probs == (-0.5,) * len(tokens)
    assert translator.translate_text([], target_prefixes=[]) == []
    with pytest.raises(OptionsError, match="1 target prefixes for 2 sentences"):
        translator.translate(SENTENCES[:2], target_prefixes=["a"])
    with pytest.raises(OptionsError, match="takes no target prefixes"):
        copying(tokenizer).translate(SENTENCES[:1], target_prefixes=["a"])


# The command line


def called(monkeypatch: pytest.MonkeyPatch, translator: Translator, folder: Path, *arguments: str) -> int:
    monkeypatch.setattr(RunFolder, "load_config", lambda _: make_config())
    monkeypatch.setattr(Translator, "load", lambda path, beam=None, *_: with_beam(translator, beam))
    files = f"--input={folder / 'in.txt'}", f"--output={folder / 'out.txt'}"
    monkeypatch.setattr(sys, "argv", ["translator", "translate", "run", *files, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def with_beam(translator: Translator, beam: int | None) -> Translator:
    translator.options = dataclasses.replace(OPTIONS, beam_size=beam or OPTIONS.beam_size)
    return translator


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ([], {}),
        (["--stopping=finished", "--patience=2"], {"stopping": "finished", "patience": 2.0}),
        (["--length-penalty=0", "--length-penalty-form=gnmt"], {"length_penalty": 0.0, "length_penalty_form": "gnmt"}),
        (["--sample", "--seed=0", "--top-p=0.9"], {"sample": True, "top_p": 0.9, "beam_size": 1}),
        (["--no-repeat-ngram-size=3", "--repetition-penalty=2"], {"no_repeat_ngram_size": 3, "repetition_penalty": 2}),
        (["--max-length-factor=1", "--max-length-margin=7"], {"max_length_factor": 1.0, "max_length_margin": 7}),
        (["--format=json", "--token-scores"], {"with_token_log_probs": True}),
    ],
)  # fmt: skip
def test_options_of_the_command_line_reach_the_engine(
    monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer, tmp_path: Path, given: list[str], changes: dict[str, Any]
):
    (tmp_path / "in.txt").write_text(SENTENCES[0] + "\n")
    engine = CopyingEngine()
    assert called(monkeypatch, copying(tokenizer, engine=engine), tmp_path, *given) == 0
    assert engine.asked == [dataclasses.replace(OPTIONS, **changes)]


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        (["--sample", "--top-k=3"], "--sample, --top-k"),
        (["--xla"], "--xla"),
        (["--format=json", "--token-scores"], "--token-scores"),
        (["--stopping=exact", "--length-penalty=0.5"], "--stopping"),
        (["--target-prefixes=in.txt"], "--target-prefixes"),
    ],
)
def test_what_an_engine_lacks_is_refused_before_a_model_is_converted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, given: list[str], lacking: str
):
    (tmp_path / "in.txt").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    assert engines_for(monkeypatch, "--engine=ctranslate2", *given) == (2, [])
    assert capsys.readouterr().err == f"--engine ctranslate2 has no {lacking}; leave that out, or --engine\n"
    assert engines_for(monkeypatch, "--engine=auto", *given)[1] == ["transformer"]


@pytest.mark.parametrize("given", ["--stopping=finished", "--no-xla", "--length-penalty=0", "--suppress=a"])
def test_what_an_engine_has_reaches_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str):
    (tmp_path / "in.txt").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    assert engines_for(monkeypatch, "--engine=ctranslate2", given)[1] == ["ctranslate2"]
    assert engines_for(monkeypatch, "--engine=auto", given)[1] == ["auto"]


def engines_for(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, list[str]]:
    """The exit code of a command, and the engines that were to be opened, which ends it."""
    opened: list[str] = []

    def load(*given: Any) -> Translator:
        opened.append(given[3])
        raise OptionsError("enough")

    monkeypatch.setattr(RunFolder, "load_config", lambda _: make_config())
    monkeypatch.setattr(Translator, "load", load)
    monkeypatch.setattr(sys, "argv", ["translator", "translate", "run", "--input=in.txt", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, opened


def test_a_phrase_is_suppressed_as_its_tokens(monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer, tmp_path: Path):
    (tmp_path / "in.txt").write_text(SENTENCES[0] + "\n")
    engine = CopyingEngine()
    words = SENTENCES[1].split()[0], SENTENCES[2]
    given = [f"--suppress={word}" for word in words]
    assert called(monkeypatch, copying(tokenizer, engine=engine), tmp_path, *given) == 0
    assert engine.asked[0].suppressed == tuple(map(tuple, tokenizer.encode(words)))


def test_prefixes_and_n_best_lists_from_files(monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer, tmp_path: Path):
    (tmp_path / "in.txt").write_text("".join(line + "\n" for line in SENTENCES[:2]))
    (tmp_path / "begun.txt").write_text(f"\n{SENTENCES[3]}\n")
    translator = copying(tokenizer, engine=PrefixedEngine())
    begun = f"--target-prefixes={tmp_path / 'begun.txt'}"
    assert called(monkeypatch, translator, tmp_path, begun) == 0
    assert (tmp_path / "out.txt").read_text().splitlines() == [SENTENCES[0], f"{SENTENCES[3]} {SENTENCES[1]}"]
    assert called(monkeypatch, translator, tmp_path, "--n-best=2", "--format=moses") == 0
    assert [line[:5] for line in (tmp_path / "out.txt").read_text().splitlines()] == ["0 |||"] * 2 + ["1 |||"] * 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--n-best=2"], "add --format moses or json"),
        (["--n-best=9", "--format=json"], "needs a beam as large: the beam is 2"),
        (["--temperature=2"], "--temperature needs --sample"),
        (["--temperature=2", "--top-k=3"], "--temperature, --top-k need --sample"),
        (["--stopping=ahead", "--patience=2"], "--patience needs --stopping finished"),
        (["--beam=1", "--coverage-penalty=1"], "--coverage-penalty needs beam search, with a --beam of 2 or more"),
        (["--top-p=2", "--sample"], "--top-p must be above 0 and at most 1, not 2.0"),
        (["--sample", "--beam=4"], "--sample has no beam: --n-best says how many translations there are; leave --beam"),
        (["--alternatives", "--beam=4"], "--alternatives has no beam: --n-best says how many"),
        (["--alternatives"], "--alternatives needs --n-best, their number, of 2 or more"),
        (["--mbr", "--target-prefixes=SHORT"], "--mbr takes no --target-prefixes"),
        (["--target-prefixes=SHORT"], "has fewer lines than the input"),
        (["--target-prefixes=LONG"], "has more than the 2 lines of the input"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tokenizer: Tokenizer,
    tmp_path: Path,
    given: list[str],
    message: str,
):
    (tmp_path / "in.txt").write_text("".join(line + "\n" for line in SENTENCES[:2]))
    (tmp_path / "SHORT").write_text("a\n")
    (tmp_path / "LONG").write_text("a\nb\nc\n")
    monkeypatch.chdir(tmp_path)
    assert called(monkeypatch, copying(tokenizer, engine=PrefixedEngine()), tmp_path, *given) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.txt").exists()
