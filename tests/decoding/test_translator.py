"""Translating lines with fake engines, and opening run folders."""

import logging
import math
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator.config.load import save_config
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data.prepare import load_tokenizers
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import Hypothesis, OptionsError, SearchOptions
from translator.decoding.pieces import Cutter
from translator.decoding.translator import Translator
from translator.model.build import build_model
from translator.model.weights import WeightsError, get_weights, read_weights, set_weights, write_weights
from translator.run_folder import RunError, RunFolder
from translator.training.checkpoints import Checkpoints
from translator.training.state import TrainingState, Validation

GENERATOR = random.Random(3)
WORDS = ["".join(GENERATOR.choices("abdeginorst", k=GENERATOR.randint(2, 6))) for _ in range(60)]
SENTENCES = [" ".join(GENERATOR.choices(WORDS, k=GENERATOR.randint(1, 9))) for _ in range(150)]
TOKENIZER = TokenizerConfig(vocabulary_size=40)
OPTIONS = SearchOptions(beam_size=2, length_penalty=1.0, max_length_factor=2.0, max_length_margin=5)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokenizer_of(SENTENCES, TOKENIZER)


class CopyingEngine:
    """Gives the source back as the best hypothesis, and rubbish as the second; keeps what it was asked for.

    The log-probability of a hypothesis is −1 for each of its tokens, and that of the second one lower by 5.
    """

    def __init__(self, silent_on: Sequence[int] = ()) -> None:
        """Translates one source to nothing."""
        self.silent_on = list(silent_on)
        self.batches: list[list[list[int]]] = []
        self.asked: list[SearchOptions] = []

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        self.batches.append([list(source) for source in sources])
        self.asked.append(options)
        copies = [tuple(source) if list(source) != self.silent_on else () for source in sources]
        return [
            [scored(copy, -1.0 - len(copy), options), scored((7,) * len(copy), -6.0 - len(copy), options)]
            for copy in copies
        ]


def scored(ids: tuple[int, ...], log_prob: float, options: SearchOptions) -> Hypothesis:
    attention = np.full((1, len(ids) + 1, 1), log_prob, np.float32) if options.with_attention else None
    return Hypothesis(ids, log_prob / (len(ids) + 1) ** options.length_penalty, log_prob, attention=attention)


def copying(
    tokenizer: Tokenizer, max_source_tokens: int = 1000, batch_sentences: int = 4, engine: CopyingEngine | None = None
) -> Translator:
    return Translator((tokenizer, tokenizer), engine or CopyingEngine(), OPTIONS, max_source_tokens, batch_sentences)


# Lines


@pytest.mark.parametrize("batch_sentences", [1, 2, 7, 150, 1000])
def test_each_line_gives_its_line_whatever_the_batch_size(tokenizer: Tokenizer, batch_sentences: int):
    assert copying(tokenizer, batch_sentences=batch_sentences).translate_text(SENTENCES) == SENTENCES


@pytest.mark.parametrize("lines", [[], [""], ["", "", ""], [" ", "\t \u3000", "\u200b"]])
def test_blank_lines_stay_blank_without_a_search(tokenizer: Tokenizer, lines: list[str]):
    engine = CopyingEngine()
    assert copying(tokenizer, engine=engine).translate_text(lines) == [""] * len(lines)
    assert engine.batches == []


def test_blank_lines_stay_blank_among_others(tokenizer: Tokenizer):
    lines = ["", *SENTENCES[:3], " \t", *SENTENCES[3:6], ""]
    assert copying(tokenizer).translate_text(lines) == ["", *SENTENCES[:3], "", *SENTENCES[3:6], ""]


def test_an_empty_translation_gives_an_empty_line(tokenizer: Tokenizer):
    silent = CopyingEngine(tokenizer.encode([SENTENCES[0]])[0])
    assert copying(tokenizer, engine=silent).translate_text(SENTENCES[:2]) == ["", SENTENCES[1]]


def test_batches_are_as_large_as_asked_for_and_begin_with_the_longest(tokenizer: Tokenizer):
    engine = CopyingEngine()
    copying(tokenizer, batch_sentences=4, engine=engine).translate_text(SENTENCES[:10])
    batches = engine.batches
    assert [len(batch) for batch in batches] == [4, 4, 2]
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == sorted(tokenizer.encode(SENTENCES[:10]))
    assert [len(row) for row in rows] == sorted(map(len, rows), reverse=True)


def test_source_and_target_have_their_own_vocabularies(tokenizer: Tokenizer):
    target = tokenizer_of([word.upper() for word in SENTENCES], TOKENIZER)
    ids = target.encode(["ANTS ORDER", "DIG"])

    class Fixed:
        def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
            assert [list(source) for source in sources] == tokenizer.encode([SENTENCES[0]])
            return [[Hypothesis(tuple(ids[0]), 0.0, 0.0)]]

    assert Translator((tokenizer, target), Fixed(), OPTIONS, 1000, 4).translate_text([SENTENCES[0]]) == target.decode(
        ids[:1]
    )


def test_progress_counts_pieces(tokenizer: Tokenizer):
    seen: list[tuple[int, int]] = []
    lines = [*SENTENCES[:9], ""]
    copying(tokenizer, batch_sentences=4).translate_text(
        lines, on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(4, 9), (8, 9), (9, 9)]


# Long lines


def test_a_long_line_is_translated_in_pieces_and_named(tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture):
    long = " ".join(SENTENCES[:100])
    (ids,) = tokenizer.encode([long])
    most = 500
    assert most < 1000 < len(ids) < 10_000
    lines = [SENTENCES[0], "", long, SENTENCES[1]]
    engine = CopyingEngine()
    with caplog.at_level(logging.WARNING):
        translations = copying(tokenizer, most, engine=engine).translate_text(lines, first_line=41)
    pieces = Cutter(tokenizer.pieces(range(40))).cut(ids, most)
    assert len(translations) == 4
    assert [translations[i] for i in (0, 1, 3)] == [lines[i] for i in (0, 1, 3)]
    assert translations[2] == " ".join(tokenizer.decode(pieces)) == long
    assert max(len(row) for batch in engine.batches for row in batch) <= most
    tokens = f"{len(ids) // 1000},{len(ids) % 1000:03}"
    assert [record.getMessage() for record in caplog.records] == [
        f"line 43 has {tokens} tokens, more than the 500 that the model was trained on: "
        f"translated in {len(pieces)} pieces"
    ]


def test_a_line_just_short_enough_is_left_whole(tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture):
    (ids,) = tokenizer.encode([SENTENCES[0]])
    assert copying(tokenizer, max_source_tokens=len(ids)).translate_text([SENTENCES[0]]) == [SENTENCES[0]]
    assert not caplog.records
    copying(tokenizer, max_source_tokens=len(ids) - 1).translate_text([SENTENCES[0]])
    assert [record.getMessage().split(" ")[:4] for record in caplog.records] == [["line", "1", "has", str(len(ids))]]


def test_a_piece_without_a_translation_leaves_no_joiner(tokenizer: Tokenizer):
    words = sorted(WORDS, key=len)[-3:]
    encoded = tokenizer.encode(words)
    engine = CopyingEngine(silent_on=encoded[1])
    most = max(map(len, encoded))
    for joiner, between in ((" ", " "), ("", " "), ("·", "·")):  # the words are in a script with spaces
        translator = Translator((tokenizer, tokenizer), engine, OPTIONS, most, 1, joiner)
        assert translator.translate_text([" ".join(words)]) == [f"{words[0]}{between}{words[2]}"]


class BeginningEngine(CopyingEngine):
    """Gives target prefix and source back, and as the second hypothesis the target prefix alone."""

    def search_after(
        self, sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        return [
            [
                Hypothesis(ids, -1.0, -1.0, token_log_probs=(-1.0,) * (len(ids) + 1))
                for ids in ((*prefix, *source), tuple(prefix))
            ]
            for source, prefix in zip(sources, prefixes, strict=True)
        ]


def test_what_the_vocabulary_lacks_of_a_target_prefix_stands_as_it_was_given(tokenizer: Tokenizer):
    first, second = WORDS[:2]
    lines, prefixes = [first, "", second, f"{first} {second}"], ["龘 gg犬犬", "犬", "", "a犬 (犬)"]
    translator = copying(tokenizer, engine=BeginningEngine())
    expected = [f"龘 gg犬犬 {first}", "", second, f"a犬 (犬) {first} {second}"]
    assert translator.translate_text(lines, target_prefixes=prefixes) == expected
    found = translator.translate(lines, target_prefixes=prefixes)
    assert [each.text for each in found] == [each.hypotheses[0].text for each in found] == expected
    assert [each.hypotheses[1].text for each in found if each.pieces] == ["龘 gg犬犬", "", "a犬 (犬)"]
    assert "".join(found[0].hypotheses[1].tokens).replace("▁", " ").strip() == "龘 gg犬犬</s>"
    in_pieces = copying(tokenizer, max_source_tokens=len(tokenizer.encode([first])[0]), engine=BeginningEngine())
    assert in_pieces.translate_text([f"{first} {first}"], None, target_prefixes=["犬"]) == [f"犬 {first} {first}"]


# Scores


def test_a_sentence_in_one_piece_has_the_engines_scores_and_hypotheses(tokenizer: Tokenizer):
    (ids,) = tokenizer.encode([SENTENCES[0]])
    ((found, blank),) = [copying(tokenizer).translate([SENTENCES[0], ""])]
    length = len(ids) + 1
    assert found.text == SENTENCES[0]
    assert found.score == found.log_prob / length == -1.0
    assert found.log_prob == -length
    assert [text.score for text in found.hypotheses] == [-1.0, (-5.0 - length) / length]
    assert [text.text for text in found.hypotheses] == [SENTENCES[0], tokenizer.decode([[7] * len(ids)])[0]]
    assert [piece.source_ids for piece in found.pieces] == [tuple(ids)]
    assert found.attention is None
    assert (blank.text, blank.score, blank.log_prob, blank.pieces) == ("", 0.0, 0.0, ())
    assert [text.text for text in blank.hypotheses] == [""]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_the_score_of_several_pieces_is_the_formula_of_one_with_their_sums(tokenizer: Tokenizer, alpha: float):
    options = SearchOptions(2, alpha, max_length_factor=2.0, max_length_margin=5, with_attention=True)
    long = " ".join(SENTENCES[:4])
    (ids,) = tokenizer.encode([long])
    (found,) = copying(tokenizer, max_source_tokens=len(ids) // 3, batch_sentences=1).translate([long], options=options)
    lengths = [len(piece.source_ids) + 1 for piece in found.pieces]
    assert len(lengths) >= 3
    assert found.text == long
    assert found.log_prob == -sum(lengths)
    assert math.isclose(found.score, -sum(lengths) / sum(lengths) ** alpha)
    assert [(text.text, text.score) for text in found.hypotheses] == [(long, found.score)]
    assert found.attention is not None
    assert [part.shape[1] for part in found.attention] == lengths


def test_the_text_alone_is_that_of_the_translations_and_options_reach_the_engine(tokenizer: Tokenizer):
    engine = CopyingEngine()
    translator = copying(tokenizer, max_source_tokens=5, engine=engine)
    lines = [*SENTENCES[:9], ""]
    assert translator.translate_text(lines) == [found.text for found in translator.translate(lines)]
    assert set(engine.asked) == {OPTIONS}
    other = SearchOptions(7, 0.5, max_length_factor=1.0, max_length_margin=1)
    translator.translate(lines[:1], options=other)
    assert engine.asked[-1] == other


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
    message = "has no model yet: its training has not ended. `translator train` resumes it; until then "
    assert str(raised.value).startswith(f"{tmp_path} {message}`--checkpoint best` or `--checkpoint last`")


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
        build_model(config, tokenizer, tokenizer), tokenizer, tokenizer, config, SearchOptions.of(config.search)
    )
    keras.utils.set_random_seed(6)
    loaded = Translator.load(run.path)
    assert (loaded.max_source_tokens, loaded.batch_sentences) == (12, 2)
    assert loaded.source.model == loaded.target.model
    found, wanted = (each.engine.search([[5, 6, 7], [8]], each.options) for each in (loaded, expected))
    assert [len(hypotheses) for hypotheses in found] == [2, 2]
    assert found == wanted
    lines = [SENTENCES[0], "", SENTENCES[1]]
    assert loaded.translate_text(lines) == expected.translate_text(lines)


def test_a_checkpoint_is_loaded_while_a_run_is_training(run: RunFolder, tokenizer: Tokenizer):
    expected = Translator.load(run.path).translate(SENTENCES[:3])
    model = build_model(config_of(), tokenizer, tokenizer)
    set_weights(model.named_weights(), read_weights(run.model), run.model)
    run.model.unlink()
    with run.locked():  # as the training process holds it
        state = TrainingState(4, validations=[Validation(4, 1.0, 1.0, 1.0)])
        Checkpoints(run.checkpoints, keep=1).save(state, model.named_weights(), {})
        assert Translator.load(run.path, checkpoint="last").translate(SENTENCES[:3]) == expected
        assert Translator.load(run.path, checkpoint="best").translate(SENTENCES[:3]) == expected


@pytest.mark.parametrize(
    ("sentences", "said"),
    [("A man.", r"found one str; .* pass \[sentence\]"), ([b"A man."], "found bytes: b'A man.'"), ([None], "NoneType")],
)
def test_what_is_no_list_of_sentences_is_named(run: RunFolder, sentences: Any, said: str):
    translator = Translator.load(run.path)
    for translate in (translator.translate, translator.translate_text):
        with pytest.raises(TypeError, match=said):
            translate(sentences)


def test_what_is_suppressed_is_a_list(run: RunFolder):
    with pytest.raises(OptionsError, match=r"`suppressed` is a list of texts; for one, pass \[text\]"):
        Translator.load(run.path).options_with({"suppressed": "Frau"})


@pytest.mark.parametrize(("target", "joiner"), [("zho_Hans", ""), ("th", ""), ("ko", " "), ("de", " ")])
def test_pieces_are_joined_as_the_target_language_is_written(tokenizer: Tokenizer, target: str, joiner: str):
    config = config_of()
    config = config.model_copy(update={"data": config.data.model_copy(update={"target": target})})
    model = build_model(config, tokenizer, tokenizer)
    assert Translator.of_model(model, tokenizer, tokenizer, config, SearchOptions.of(config.search)).joiner == joiner


def test_a_beam_size_takes_the_place_of_the_runs_own(run: RunFolder):
    loaded = Translator.load(run.path, beam_size=3)
    assert loaded.options == SearchOptions.of(config_of().search, beam_size=3)
    assert [len(found) for found in loaded.engine.search([[5]], loaded.options)] == [3]


def test_threads_that_share_a_translator_get_what_one_alone_gets(run: RunFolder):
    some = SENTENCES[:9]
    lines, prefixes = [*some, ""], ["", some[0], *[""] * (len(some) - 1)]
    sampling = {"sample": True, "seed": 4}

    def asked_of(translator: Translator) -> list[Callable[[], Any]]:
        return [
            lambda: translator.translate(lines),
            lambda: translator.translate_text(lines),
            lambda: translator.translate(lines, options=translator.options_with({"beam_size": 3})),
            lambda: translator.translate(lines, options=translator.options_with(sampling)),
            lambda: translator.translate(lines, target_prefixes=prefixes),
            lambda: translator.score(lines, [*reversed(some), ""]),
        ]

    expected = [ask() for ask in asked_of(Translator.load(run.path))]
    everyone = asked_of(Translator.load(run.path)) * 2  # one translator, which has compiled nothing yet
    together = threading.Barrier(len(everyone))

    def at_once(ask: Callable[[], Any]) -> Any:
        together.wait(60)
        return ask()

    with ThreadPoolExecutor(len(everyone)) as threads:
        assert list(threads.map(at_once, everyone)) == expected * 2


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
