"""What is measured of vocabularies of several sizes, and what is advised."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import command
from translator.config.modifiers import ModifiersConfig
from translator.config.schema import Config
from translator.data import vocabulary_sizes
from translator.data.corpora.formats import read_all
from translator.data.learning import train_tokenizer
from translator.data.tokenizer import TokenizerError
from translator.data.vocabulary_sizes import Advice, MeasuredSide, MeasuredSize, measure_sizes


def config_of(pairs: int = 400, **tokenizer: Any) -> Config:
    return Config.model_validate(
        {
            "data": {
                "train": {"grammar": "train", "pairs": pairs}, "validation": {"grammar": "validation", "pairs": 5}
            },
            "tokenizer": tokenizer,
            "model": {"tied_embeddings": "none"},
            "train": {"max_steps": 1},
        }
    )  # fmt: skip


@pytest.mark.parametrize("joint", [True, False])
def test_figures_are_those_of_counting_the_pieces_of_each_sentence(joint: bool):
    config = config_of(joint=joint, target_normalization="nmt_nfkc")
    advice = measure_sizes(config, [300])
    settings = config.tokenizer.model_copy(update={"vocabulary_size": 300})
    sides = list(zip(*read_all(config.data.train, config.data), strict=True))
    both: list[Any] = [(text, "nmt_nfkc") for pair in zip(*sides, strict=True) for text in pair]
    alone: list[Any] = [[(text, "nmt_nfkc") for text in side] for side in sides]
    tokenizers = [train_tokenizer(both if joint else texts, settings) for texts in alone]
    pieces = [
        [tokenizer.with_normalization("nmt_nfkc").pieces(ids) for ids in tokenizer.encode(list(side))]
        for tokenizer, side in zip(tokenizers, sides, strict=True)
    ]
    counters = [Counter(piece for sentence in side for piece in sentence) for side in pieces]
    counters = [counters[0] + counters[1]] if joint else counters
    (found,) = advice.sizes
    assert found.source.subwords == sum(map(len, pieces[0])) / 400
    assert found.target.subwords_a_word == sum(map(len, pieces[1])) / sum(len(text.split()) for text in sides[1])
    # Without the four special subwords.
    assert found.frequent == min(sum(count >= 100 for count in counter.values()) / 296 for counter in counters)
    assert found.unused == sum(296 - len(counter) for counter in counters)


def test_modified_pairs_are_measured_as_the_vocabulary_learns_from_them():
    plain = config_of()
    config = plain.model_copy(update={"data": plain.data.model_copy(update={"modifiers": ModifiersConfig(upper=0.5)})})
    found, without = (measure_sizes(each, [300]).sizes[0] for each in (config, plain))
    assert found.source.subwords > without.source.subwords


def test_the_vocabulary_of_another_run_leaves_no_choice():
    config = config_of()
    config = config.model_copy(update={"train": config.train.model_copy(update={"init_from": Path("runs/base")})})
    with pytest.raises(TokenizerError, match=r"train.init_from names \(runs/base\) brings its vocabulary"):
        measure_sizes(config, [300])


def test_counts_of_a_sample_are_scaled_to_the_corpus(monkeypatch: pytest.MonkeyPatch):
    whole = measure_sizes(config_of(), [200])
    monkeypatch.setattr(vocabulary_sizes, "SAMPLED_PAIRS", 100)
    monkeypatch.setattr(vocabulary_sizes, "FREQUENT", 400)  # 4 times as often in the corpus: 100 times in the sample
    sampled = measure_sizes(config_of(), [200])
    monkeypatch.setattr(vocabulary_sizes, "FREQUENT", 100)
    unscaled = measure_sizes(config_of(100), [200])
    assert (whole.pairs, whole.sampled, sampled.pairs, sampled.sampled) == (400, 400, 400, 100)
    assert sampled.sizes[0].frequent == pytest.approx(unscaled.sizes[0].frequent, abs=0.1)
    assert sampled.sizes[0].frequent < whole.sizes[0].frequent


def test_sizes_that_the_corpus_cannot_give_are_named_and_the_others_measured():
    advice = measure_sizes(config_of(), [20, 200, 50_000])
    assert [each.size for each in advice.sizes] == [200]
    assert "tokenizer.vocabulary_size 20 is too small" in advice.impossible[20]
    assert "tokenizer.vocabulary_size 50000 is too large" in advice.impossible[50_000]
    found = measure_sizes(config_of(byte_fallback=True, user_defined_symbols=["<x>"]), [100, 99_999_999]).impossible
    assert found[100].startswith("vocabulary_size 100 has no room for text: 1 user_defined_symbols and")
    assert found[99_999_999] == "Input should be less than or equal to 16777216"


def test_a_side_of_several_languages_is_called_by_all():
    corpora = [{"grammar": "train", "pairs": 50, **pair} for pair in ({}, {"source": "de", "target": "en"})]
    data = {"train": corpora, "validation": {"grammar": "validation", "pairs": 5}}
    config = Config.model_validate({"data": data, "train": {"max_steps": 1}})
    (size,) = measure_sizes(config, [200]).sizes
    assert (size.source.language, size.target.language) == ("en, de", "de, en")


def test_the_largest_size_with_enough_frequent_subwords_is_suggested():
    side = MeasuredSide("en", 10.0, 1.2)
    sizes = [MeasuredSize(size, side, side, share, 0) for size, share in ((1000, 0.99), (2000, 0.95), (4000, 0.949))]
    assert Advice(10, 10, tuple(sizes), {}).suggested == 2000
    assert Advice(10, 10, tuple(sizes[2:]), {}).suggested is None


def test_an_existing_model_leaves_no_choice(tmp_path: Path):
    with pytest.raises(TokenizerError, match=r"spm\.model decides the vocabulary's size; there is no choice"):
        measure_sizes(config_of(model=tmp_path / "spm.model"))


def test_the_command_prints_a_table_or_json(monkeypatch, capsys, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "data:\n  train: {grammar: train, pairs: 300}\n  validation: {grammar: validation, pairs: 5}\n"
        "train: {max_steps: 1}\n"
    )
    given = ("tokenize", "--advise", str(path), "--sizes", "150,100,20")
    code, output, _ = command(monkeypatch, capsys, *given)
    lines = output.splitlines()
    assert code == 0
    assert lines[0] == "300 pairs"
    assert [line.split()[0] for line in lines[1:5]] == ["size", "100", "150", "20:"]
    assert "Gowda and May (2020)" in lines[5]
    _, output, _ = command(monkeypatch, capsys, *given, "--format", "json")
    document = json.loads(output)
    assert [each["size"] for each in document["sizes"]] == [100, 150]
    assert "suggested" in document


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--advise", "configs/quickstart.yaml", "--sizes", "1k"], "--sizes 1k: expected numbers between commas"),
        (["runs/x", "--advise", "configs/quickstart.yaml"], "--advise measures a configuration"),
        (["--seed", "2", "--advise", "configs/quickstart.yaml"], "--advise measures a configuration"),
        (["--side", "target", "--advise", "configs/quickstart.yaml"], "--advise measures a configuration"),
        (["runs/x", "--sizes", "100"], "name a run folder, or with --advise a configuration"),
        ([], "name a run folder, or with --advise a configuration"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(options: list[str], message: str, monkeypatch, capsys):
    code, output, said = command(monkeypatch, capsys, "tokenize", *options)
    assert (code, output, said.count("\n")) == (2, "", 1)
    assert said.startswith(message)
