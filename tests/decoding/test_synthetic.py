"""Corpora of which a model writes one side."""

import functools
import pickle
from collections import Counter
from pathlib import Path

import pytest

from tests.corpora import data_of, pairs_of
from tests.decoding.scripted import upside
from tests.toy_language import written
from translator.config.load import save_config
from translator.config.schema import Config
from translator.data.corpora.base import CorpusError, Side
from translator.decoding import files
from translator.decoding.files import translate_file
from translator.decoding.synthetic import DROPPED, FARTHEST, Parallel, Synthesis, noised, write_training_sources
from translator.run_folder import RunFolder


def parallel(writes: Side, tag: str = "", noise: int | None = None) -> Parallel:
    return Parallel(upside(), writes, tag, noise)


def test_a_back_translation_is_a_tagged_source_and_the_sentence():
    assert parallel("source", "<BT>").translate_text(["abc", "de"]) == ["<BT> cba\tabc", "<BT> ed\tde"]
    assert parallel("source").translate_text(["abc"]) == ["cba\tabc"]


def test_what_is_distilled_is_the_sentence_and_its_translation():
    assert parallel("target").translate_text(["abc"]) == ["abc\tcba"]


def test_a_line_comes_out_for_each_and_is_a_pair_of_the_corpus(tmp_path: Path):
    # A tab is a space; where a side is blank, both are, and training leaves the pair out.
    written(tmp_path / "mono", ["one", "a\tb", "", " ", "two"])
    load = functools.partial(parallel, "source", "<BT>")
    assert translate_file(load, tmp_path / "mono", tmp_path / "corpus.tsv.gz") == 5
    pairs = [tuple(pair) for pair in pairs_of({"tsv": "corpus.tsv.gz"}, tmp_path)]
    assert pairs == [("<BT> eno", "one"), ("<BT> b a", "a b"), ("", ""), ("", ""), ("<BT> owt", "two")]


def test_an_interruption_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "LINES_TOGETHER", 10)
    monkeypatch.setattr(files, "cores", lambda: 1)
    mono = written(tmp_path / "mono", [f"line {number}" for number in range(95)])
    load = functools.partial(parallel, "source", "<BT>", 7)
    translate_file(load, mono, tmp_path / "at once")
    broken = tmp_path / "broken"
    broken.write_bytes(mono.read_bytes()[:-8] + b"\xff\n")
    with pytest.raises(CorpusError, match="not UTF-8"):
        translate_file(load, broken, tmp_path / "resumed", resume=True)
    assert translate_file(load, mono, tmp_path / "resumed", resume=True) < 95
    assert (tmp_path / "resumed").read_text() == (tmp_path / "at once").read_text()


def test_processes_can_be_handed_how_it_is_made():
    how = Synthesis((Path("run"),), "source", "<BT>", search={"sample": True, "top_k": 10})
    assert pickle.loads(pickle.dumps(how)) == how


def test_what_the_text_depends_on_is_in_the_fingerprint():
    prints = [parallel("source", *how).fingerprint() for how in (("a",), ("b",), ("a", 1), ("a", 2))]
    assert [prints.count(each) for each in prints] == [1, 1, 1, 1]
    assert parallel("source", "a").fingerprint() == prints[0]
    assert prints[0]["weights"] == upside().fingerprint()["weights"]


def test_noise_drops_a_tenth_of_the_words_and_moves_the_others_a_little():
    text = [f"w{number}" for number in range(20)]
    dropped, places = 0, Counter[int]()
    for seed in range(200):
        found = noised(" ".join(text), seed).split()
        assert set(found) <= set(text)
        assert len(set(found)) == len(found)
        dropped += 20 - len(found)
        kept = [word for word in text if word in found]
        places.update(found.index(word) - place for place, word in enumerate(kept))
    assert 0.8 * DROPPED < dropped / 4000 < 1.2 * DROPPED
    assert max(places) == FARTHEST
    assert min(places) == -FARTHEST


def test_noise_is_of_the_seed_and_the_text_and_leaves_a_word():
    text = "one two three four five six seven"
    assert noised(text, 1) == noised(text, 1)
    assert len({noised(text, seed) for seed in range(20)}) > 5
    assert {noised("one", seed) for seed in range(100)} == {"one"}


def test_training_sources_are_those_that_the_filters_leave_in(tmp_path: Path):
    written(tmp_path / "a.en", ["one", "same", "two"])
    written(tmp_path / "a.de", ["eins", "same", "zwei"])
    written(tmp_path / "b.tsv", ["three\tdrei"])
    data = data_of(["a.{lang}", {"tsv": "b.tsv"}], tmp_path).model_dump(mode="json", exclude_none=True)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    filters = {"filters": {"identical": True}}
    save_config(Config.model_validate({"data": data | filters, "train": {"max_steps": 1}}), run.config)
    write_training_sources(run.path, tmp_path / "sources")
    assert (tmp_path / "sources").read_text() == "one\ntwo\nthree\n"
