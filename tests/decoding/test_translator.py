"""Translating lines with fake searches, and opening run folders."""

import logging
import random
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from tests.tokenizers import tokenizer_of
from translator.config.load import save_config
from translator.config.schema import Config, TokenizerConfig
from translator.data.prepare import load_tokenizers
from translator.data.tokenizer import Tokenizer
from translator.decoding.pieces import Cutter
from translator.decoding.search import Hypotheses
from translator.decoding.translator import Translator
from translator.model.build import build_model
from translator.model.weights import WeightsError, get_weights, write_weights
from translator.run_folder import RunError, RunFolder
from translator.vocabulary import EOS_ID, PAD_ID

GENERATOR = random.Random(3)
WORDS = ["".join(GENERATOR.choices("abdeginorst", k=GENERATOR.randint(2, 6))) for _ in range(60)]
SENTENCES = [" ".join(GENERATOR.choices(WORDS, k=GENERATOR.randint(1, 9))) for _ in range(150)]
TOKENIZER = TokenizerConfig(vocabulary_size=40)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokenizer_of(SENTENCES, TOKENIZER)


class CopyingSearch:
    """Gives the source back as the best hypothesis, and rubbish as the second; keeps what it was asked for."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []

    def __call__(self, source_ids: tf.Tensor) -> Hypotheses:
        assert source_ids.dtype == tf.int32
        self.batches.append(source_ids.numpy().tolist())
        best = tf.where(source_ids == EOS_ID, PAD_ID, source_ids)
        return Hypotheses(tf.stack([best, tf.fill(tf.shape(best), 7)], 1), tf.zeros([len(source_ids), 2]))


def copying(
    tokenizer: Tokenizer, max_source_tokens: int = 1000, batch_sentences: int = 4, search: CopyingSearch | None = None
) -> Translator:
    return Translator(tokenizer, tokenizer, search or CopyingSearch(), max_source_tokens, batch_sentences)


# Lines


@pytest.mark.parametrize("batch_sentences", [1, 2, 7, 150, 1000])
def test_each_line_gives_its_line_whatever_the_batch_size(tokenizer: Tokenizer, batch_sentences: int):
    assert copying(tokenizer, batch_sentences=batch_sentences).translate(SENTENCES) == SENTENCES


@pytest.mark.parametrize("lines", [[], [""], ["", "", ""], [" ", "\t \u3000", "\u200b"]])
def test_blank_lines_stay_blank_without_a_search(tokenizer: Tokenizer, lines: list[str]):
    search = CopyingSearch()
    assert copying(tokenizer, search=search).translate(lines) == [""] * len(lines)
    assert search.batches == []


def test_blank_lines_stay_blank_among_others(tokenizer: Tokenizer):
    lines = ["", *SENTENCES[:3], " \t", *SENTENCES[3:6], ""]
    assert copying(tokenizer).translate(lines) == ["", *SENTENCES[:3], "", *SENTENCES[3:6], ""]


def test_an_empty_translation_gives_an_empty_line(tokenizer: Tokenizer):
    def silent(source_ids: tf.Tensor) -> Hypotheses:
        return Hypotheses(tf.fill([len(source_ids), 1, 3], PAD_ID), tf.zeros([len(source_ids), 1]))

    assert Translator(tokenizer, tokenizer, silent, 1000, 4).translate(SENTENCES[:6]) == [""] * 6


def test_batches_are_as_large_as_asked_for_end_with_eos_and_begin_with_the_longest(tokenizer: Tokenizer):
    search = CopyingSearch()
    copying(tokenizer, batch_sentences=4, search=search).translate(SENTENCES[:10])
    batches = search.batches
    assert [len(batch) for batch in batches] == [4, 4, 2]
    rows = [[token for token in row if token != PAD_ID] for batch in batches for row in batch]
    assert sorted(rows) == sorted([*ids, EOS_ID] for ids in tokenizer.encode(SENTENCES[:10]))
    assert [len(row) for row in rows] == sorted(map(len, rows), reverse=True)
    for batch in batches:
        assert len(batch[0]) == max(row.index(EOS_ID) for row in batch) + 1  # padded to the longest, and no further


def test_source_and_target_have_their_own_vocabularies(tokenizer: Tokenizer):
    target = tokenizer_of([word.upper() for word in SENTENCES], TOKENIZER)
    ids = target.encode(["ANTS ORDER", "DIG"])

    def search(source_ids: tf.Tensor) -> Hypotheses:
        assert source_ids.numpy().tolist() == [[*tokenizer.encode([SENTENCES[0]])[0], EOS_ID]]
        return Hypotheses(tf.constant([[ids[0]]]), tf.zeros([1, 1]))

    assert Translator(tokenizer, target, search, 1000, 4).translate([SENTENCES[0]]) == target.decode(ids[:1])


def test_progress_counts_pieces(tokenizer: Tokenizer):
    seen: list[tuple[int, int]] = []
    lines = [*SENTENCES[:9], ""]
    copying(tokenizer, batch_sentences=4).translate(lines, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 9), (8, 9), (9, 9)]


# Long lines


def test_a_long_line_is_translated_in_pieces_and_named(tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture):
    long = " ".join(SENTENCES[:100])
    (ids,) = tokenizer.encode([long])
    most = 500
    assert most < 1000 < len(ids) < 10_000
    lines = [SENTENCES[0], "", long, SENTENCES[1]]
    search = CopyingSearch()
    with caplog.at_level(logging.WARNING):
        translations = copying(tokenizer, most, search=search).translate(lines, first_line=41)
    pieces = Cutter(tokenizer.pieces(range(40))).cut(ids, most)
    assert len(translations) == 4
    assert [translations[i] for i in (0, 1, 3)] == [lines[i] for i in (0, 1, 3)]
    assert translations[2] == " ".join(tokenizer.decode(pieces)) == long
    assert max(len(row) for batch in search.batches for row in batch) <= most + 1
    tokens = f"{len(ids) // 1000},{len(ids) % 1000:03}"
    assert [record.getMessage() for record in caplog.records] == [
        f"line 43 has {tokens} tokens, more than the 500 that the model was trained on: "
        f"translated in {len(pieces)} pieces"
    ]


def test_a_line_just_short_enough_is_left_whole(tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture):
    (ids,) = tokenizer.encode([SENTENCES[0]])
    assert copying(tokenizer, max_source_tokens=len(ids)).translate([SENTENCES[0]]) == [SENTENCES[0]]
    assert not caplog.records
    copying(tokenizer, max_source_tokens=len(ids) - 1).translate([SENTENCES[0]])
    assert [record.getMessage().split(" ")[:4] for record in caplog.records] == [["line", "1", "has", str(len(ids))]]


def test_a_piece_without_a_translation_leaves_no_joiner(tokenizer: Tokenizer):
    words = sorted(WORDS, key=len)[-3:]
    encoded = tokenizer.encode(words)

    def search(source_ids: tf.Tensor) -> Hypotheses:
        copied = CopyingSearch()(source_ids)
        is_second = source_ids.numpy().tolist() == [[*encoded[1], EOS_ID]]
        return copied._replace(ids=copied.ids * PAD_ID) if is_second else copied

    most = max(map(len, encoded))
    for joiner in (" ", "", "·"):
        translator = Translator(tokenizer, tokenizer, search, most, 1, joiner)
        assert translator.translate([" ".join(words)]) == [f"{words[0]}{joiner}{words[2]}"]


# Run folders


def config_of(**tokenizer_settings) -> Config:
    corpus = {"grammar": "train", "pairs": 10}
    return Config.model_validate(
        {
            "data": {"train": corpus, "validation": corpus, "max_tokens": 12},
            "tokenizer": {"vocabulary_size": 40, **tokenizer_settings},
            "model": {
                "d_model": 4, "d_ff": 4, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1,
                "tied_embeddings": "target",
            },
            "train": {"max_steps": 10, "warmup_steps": 1, "batch_tokens": 100},
            "search": {"beam_size": 2, "max_length_factor": 0.0, "max_length_margin": 3, "batch_sentences": 2},
        }
    )  # fmt: skip


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunError) as raised:
            Translator.load(folder)
        assert str(raised.value) == f"{folder} is not a run: it has no config.yaml. `translator train` makes one"


def test_a_run_without_a_model_is_named(tmp_path: Path):
    save_config(config_of(), tmp_path / "config.yaml")
    with pytest.raises(RunError) as raised:
        Translator.load(str(tmp_path))
    message = "has no model yet: its training has not come to an end. `translator train` goes on"
    assert str(raised.value) == f"{tmp_path} {message}"


@pytest.fixture
def run(tokenizer: Tokenizer, tmp_path: Path) -> RunFolder:
    """A run with random weights."""
    config, run = config_of(), RunFolder(tmp_path)
    save_config(config, run.config)
    tokenizer.save(run.path / "tokenizer.model")
    keras.utils.set_random_seed(5)
    write_weights(get_weights(build_model(config, tokenizer, tokenizer).named_weights()), run.model)
    return run


def test_loading_gives_the_model_that_was_saved(run: RunFolder, tokenizer: Tokenizer):
    keras.utils.set_random_seed(5)
    config = config_of()
    expected = Translator.of_model(
        build_model(config, tokenizer, tokenizer), tokenizer, tokenizer, config, config.search
    )
    keras.utils.set_random_seed(6)
    loaded = Translator.load(run.path)
    assert (loaded.max_source_tokens, loaded.batch_sentences) == (12, 2)
    assert loaded.source.model == loaded.target.model
    source = tf.constant([[5, 6, 7, EOS_ID], [8, EOS_ID, PAD_ID, PAD_ID]])
    found, wanted = loaded.search(source), expected.search(source)
    assert found.ids.shape == (2, 2, 3)
    assert found.ids.numpy().tolist() == wanted.ids.numpy().tolist()
    assert found.scores.numpy().tolist() == wanted.scores.numpy().tolist()
    lines = [SENTENCES[0], "", SENTENCES[1]]
    assert loaded.translate(lines) == expected.translate(lines)


@pytest.mark.parametrize(("target", "joiner"), [("zho_Hans", ""), ("th", ""), ("ko", " "), ("de", " ")])
def test_pieces_are_joined_as_the_target_language_is_written(tokenizer: Tokenizer, target: str, joiner: str):
    config = config_of()
    config = config.model_copy(update={"data": config.data.model_copy(update={"target": target})})
    model = build_model(config, tokenizer, tokenizer)
    assert Translator.of_model(model, tokenizer, tokenizer, config, config.search).joiner == joiner


def test_a_beam_size_takes_the_place_of_the_runs_own(run: RunFolder):
    found = Translator.load(run.path, beam_size=3).search(tf.constant([[5, EOS_ID]]))
    assert found.ids.shape == (1, 3, 3)


def test_weights_of_another_model_name_the_file_and_the_weight(run: RunFolder, tokenizer: Tokenizer):
    save_config(config_of().model_copy(update={"model": config_of().model.model_copy(update={"d_ff": 5})}), run.config)
    with pytest.raises(WeightsError) as raised:
        Translator.load(run.path)
    assert str(raised.value).startswith(f"{run.model} holds the weights of another model; they differ in ")
    assert "decoder.layers.0.feed_forward.inner.bias (model: (5,), file: (4,))" in str(raised.value)


def test_separate_vocabularies_are_two_files(tokenizer: Tokenizer, tmp_path: Path):
    run, other = RunFolder(tmp_path), tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=30))
    tokenizer.save(tmp_path / "tokenizer.source.model")
    other.save(tmp_path / "tokenizer.target.model")
    source, target = load_tokenizers(run)
    assert (source.vocabulary_size, target.vocabulary_size) == (40, 30)
