"""Translations with their word alignment, from Python and as lines."""

import json
import sys
from pathlib import Path

import pytest

from tests.inspect.test_alignment import SOURCES, make_run
from translator import cli
from translator.decoding.translator import Translator
from translator.inspect.aligned import Aligned
from translator.inspect.alignment import Aligner
from translator.inspect.word_weights import Direction, Reading


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def aligned(run) -> Aligned:
    return Aligned(Translator.load(run, beam_size=3), Aligner.load(run), n_best=2)


@pytest.fixture
def loaded(aligned, monkeypatch):
    """Opens nothing again: graphs are compiled once."""
    monkeypatch.setattr(Translator, "load", lambda *_: aligned.translator)
    monkeypatch.setattr(Aligner, "load", lambda *_, **__: aligned.aligner)


@pytest.fixture
def call(run, monkeypatch, capsys, tmp_path):
    (tmp_path / "in").write_text("".join(f"{line}\n" for line in SOURCES))

    def command(*arguments: object) -> tuple[int, list[str], str]:
        given = "translate", run, "--input", tmp_path / "in", "--beam=3", *arguments
        monkeypatch.setattr(sys, "argv", ["translator", *map(str, given)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out.splitlines(), " ".join(printed.err.split())

    return command


def test_each_hypothesis_has_the_alignment_of_its_text(aligned):
    found = aligned.translate(SOURCES)
    plain = aligned.translator.translate(SOURCES)
    assert [[each.text for each in one.hypotheses] for one in found] == [
        [each.text for each in one.hypotheses] for one in plain
    ]
    for source, translation in zip(SOURCES, found, strict=True):
        first, *others = translation.hypotheses
        for hypothesis in (first, *others[:1]):
            assert [hypothesis.alignment] == aligned.aligner.align([source], [hypothesis.text])
        assert translation.alignment == first.alignment
        assert all(hypothesis.alignment is None for hypothesis in others[1:])
    assert any(translation.alignment.links for translation in found)
    assert not found[2].alignment.links  # of a blank line
    assert plain[0].alignment is None


def test_text_ends_in_its_alignment_as_marian_writes_it(aligned, call):
    expected = [f"{each.text} ||| {each.alignment.line('pharaoh')}" for each in aligned.translate(SOURCES)]
    code, lines, _ = call("--alignment")
    assert (code, lines) == (0, expected)
    assert lines[SOURCES.index("")] == " ||| "


@pytest.mark.usefixtures("loaded")
def test_moses_lines_end_in_their_alignment(aligned, call):
    hypotheses = [each for one in aligned.translate(SOURCES) for each in one.hypotheses[:2]]
    code, lines, _ = call("--alignment", "--format=moses", "--n-best=2")
    assert code == 0
    assert [line.rpartition(" ||| ")[2] for line in lines] == [each.alignment.line("pharaoh") for each in hypotheses]


@pytest.mark.usefixtures("loaded")
def test_json_has_words_and_links_of_each_hypothesis(aligned, call):
    code, lines, _ = call("--alignment", "--format=json", "--n-best=2")
    assert code == 0
    for line, translation in zip(lines, aligned.translate(SOURCES), strict=True):
        document = json.loads(line)
        for found, hypothesis in zip(document["hypotheses"], translation.hypotheses, strict=False):
            assert found["alignment"] == json.loads(hypothesis.alignment.line("json"))


@pytest.mark.usefixtures("loaded")
def test_an_interrupted_translation_goes_on_only_with_the_same_alignment(aligned, call, tmp_path):
    (direction,) = aligned.aligner.directions
    taught = Direction(direction.translator, Reading("weights", 2, 1, "read"))
    other = Aligned(aligned.translator, Aligner([taught], ("en", "de")))
    ours, others = aligned.fingerprint(), other.fingerprint()
    assert json.loads(json.dumps(ours["alignment"])) == ours["alignment"]
    assert {name for name, value in ours.items() if others[name] != value} == {"alignment"}
    assert ours.keys() - {"alignment"} == aligned.translator.fingerprint().keys()
    code, _, _ = call("--alignment", "--resume", "--output", tmp_path / "out")
    assert code == 0
    assert len((tmp_path / "out").read_text().splitlines()) == len(SOURCES)


@pytest.mark.usefixtures("loaded")
def test_parts_put_together_are_the_whole(call):
    whole = call("--alignment")[1]
    assert call("--alignment", "--shard=1/2")[1] + call("--alignment", "--shard=2/2")[1] == whole


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--keep=url"], "leave out --format, --target-prefixes and --alignment"),
        (["--engine=saved_model"], "is an exported model, which is not looked into; leave --alignment out"),
    ],
)
def test_what_it_does_not_go_with_is_one_line(call, given, said):
    code, lines, errors = call("--alignment", *given)
    assert (code, lines) == (2, [])
    assert said in errors
