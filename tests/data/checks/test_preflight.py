"""What `translator train` checks before it encodes the corpus."""

import logging

import numpy as np
import pytest

from tests.data.checks.planted import config_of, grammar_pairs, write
from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data import preflight
from translator.data.preflight import FIRST_PAIRS, warn_of_lost_modifiers, warn_of_trouble, warn_of_unknown
from translator.data.prepare import prepare_tokenizers
from translator.data.store import Counts, Sequences, TokenStore
from translator.run_folder import RunError, RunFolder
from translator.vocabulary import UNK_ID


def warnings(folder, train, caplog, run="run", **data):
    write(folder, "train", train)
    write(folder, "val", grammar_pairs("validation", 20))
    with caplog.at_level(logging.WARNING):
        warn_of_trouble(config_of(folder, data=data), RunFolder(folder / run))
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


def test_a_clean_corpus_is_met_with_silence(tmp_path, caplog):
    assert warnings(tmp_path, grammar_pairs("train", 300), caplog) == []


def test_a_finding_is_one_line_with_its_first_place(tmp_path, caplog):
    train = grammar_pairs("train", 300)
    train[16] = grammar_pairs("validation", 20)[3]
    (line,) = warnings(tmp_path, train, caplog)
    assert line.startswith(
        f"validation: {tmp_path / 'val.en'} and {tmp_path / 'val.de'}: 1 pair stands in training too;"
    )
    assert line.endswith(f"; the first: {tmp_path / 'val.en'}:4")


def test_only_the_first_pairs_of_training_are_read(tmp_path, caplog):
    train = [*(grammar_pairs("train", 300) * 17)[:FIRST_PAIRS], grammar_pairs("validation", 20)[3]]
    assert not any("val.en" in line for line in warnings(tmp_path, train, caplog))


def test_a_corpus_is_checked_once_until_it_changes(tmp_path, caplog):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    assert warnings(tmp_path, grammar_pairs("train", 300), caplog) == []
    prepare_tokenizers(config_of(tmp_path, tokenizer={"vocabulary_size": 300}), run)
    assert warnings(tmp_path, grammar_pairs("train", 300), caplog) == []
    leaked = warnings(tmp_path, grammar_pairs("validation", 20), caplog, on_change="continue")
    assert leaked[0] == (
        f"data.train: {tmp_path / 'train.en'} has changed; {tmp_path / 'train.de'} has changed since the vocabulary "
        f"was learned, which is kept; delete {run.path} to learn it again"
    )
    assert any("19 pairs stand in training too" in line for line in leaked[1:])
    with pytest.raises(RunError, match=r"prepared from other data: .*train\.en has changed"):
        warn_of_trouble(config_of(tmp_path), run)


@pytest.mark.parametrize(
    ("train", "remedy"),
    [
        ({}, "take one that has them, or with tokenizer.byte_fallback"),
        ({"init_from": "runs/base"}, "set tokenizer.extend_by, which adds them"),
    ],
)
def test_modifiers_whose_characters_the_vocabulary_lacks_are_warned_of(tmp_path, caplog, train, remedy):
    pairs = [tuple(side.lower() for side in pair) for pair in grammar_pairs("train", 100)]
    pairs[:25] = [("3 − 1.", "3 − 1.")] * 25  # has no capitals
    tokenizer = tokenizer_of([side for pair in pairs for side in pair], TokenizerConfig(vocabulary_size=120))
    source, target = (Sequences.of(tokenizer.encode([pair[side] for pair in pairs])) for side in (0, 1))
    store = TokenStore(source, target, (range(100),), Counts(100), np.arange(1, 101))
    modifiers = {"upper": 0.2, "no_end_punctuation": 0.2, "noise": 0.2}
    config = config_of(tmp_path, data={"modifiers": modifiers}, train={"max_steps": 1, **train})
    with caplog.at_level(logging.WARNING):
        warn_of_lost_modifiers(config, (tokenizer, tokenizer), store)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        "data.modifiers.upper: 100% of the pairs that it is to change stay as they are, since the vocabulary lacks "
        f"characters that it brings; {remedy}"
    )


def test_modifiers_that_change_nothing_are_warned_of(tmp_path, caplog):
    tokenizer = tokenizer_of(["abcdef fedcba", "fed abc"], TokenizerConfig(vocabulary_size=16, kind="bpe"))
    ids = Sequences.of(tokenizer.encode(["abcdef fedcba", "fed abc"]))
    store = TokenStore(ids, ids, (range(2),), Counts(2), np.arange(1, 3))
    config = config_of(tmp_path, data={"modifiers": {"no_end_punctuation": 0.2, "noise": 0.1}})
    with caplog.at_level(logging.WARNING):
        warn_of_lost_modifiers(config, (tokenizer, tokenizer), store)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "data.modifiers.no_end_punctuation changes no pair of this corpus; leave it out"


def test_a_corpus_whose_characters_the_vocabulary_lacks_is_warned_of(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(preflight, "COUNTED_TOGETHER", 7)
    source, target = Sequences.of([[5, UNK_ID, UNK_ID], [6] * 97]), Sequences.of([[5, UNK_ID], [6] * 98])
    store = TokenStore(source, target, (range(2),), Counts(2), np.arange(1, 3))
    config = config_of(tmp_path, train={"max_steps": 1, "init_from": "runs/base"})
    with caplog.at_level(logging.WARNING):
        warn_of_unknown(config, store)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("data.train: 2.0% of the source tokens are unknown")
    assert line.endswith("raise tokenizer.extend_by")
