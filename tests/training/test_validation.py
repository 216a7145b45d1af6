"""What validation says of its sentences."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tokenizers import tokenizer_of
from translator.config.data import DataConfig
from translator.config.schema import ModelConfig
from translator.config.tokenizer import TokenizerConfig
from translator.data.corpora.formats import open_corpora, read_by_pair
from translator.data.provenance import places
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.translator import Translator
from translator.model.transformer import Transformer
from translator.training.validation import Validator

WORDS = "one two three four five six seven"


class SilentEngine:
    """Translates everything to nothing."""

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        return [[Hypothesis((), 0.0, 0.0)] for _ in sources]


def test_a_long_validation_source_is_named_once_with_file_line_and_length(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    long = " ".join([WORDS] * 4)
    for name, lines in (("a", ["one", "two"]), ("b", ["three", long, "four"])):
        for language in ("en", "de"):
            (tmp_path / f"{name}.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    corpora = [{"files": "a.{lang}"}, {"files": "b.{lang}"}]
    data = DataConfig.model_validate(
        {"root": tmp_path, "source": "en", "target": "de", "train": "a.{lang}", "validation": corpora}
    )
    tokenizer = tokenizer_of([WORDS] * 20, TokenizerConfig(vocabulary_size=20))
    (ids,) = tokenizer.encode([long])
    most = len(ids) - 1
    sizes = ModelConfig(d_model=8, d_ff=8, num_heads=2, encoder_layers=1, decoder_layers=1)
    size = tokenizer.vocabulary_size
    options = SearchOptions(1, length_penalty=1.0, max_length_factor=1.0, max_length_margin=1)
    translator = Translator((tokenizer, tokenizer), SilentEngine(), options, most, 8, languages=["de"])
    validator = Validator(Transformer(sizes, size, size, 99), translator, read_by_pair(data.validation, data), 0.1)
    with caplog.at_level(logging.WARNING):
        validator.warn_of_pieces(places(open_corpora(data.validation, data)))
        for step in (1, 2):
            validator.validate(step)
    expected = f"{len(ids)} tokens, more than data.max_tokens {most}: validation translates it in pieces"
    assert caplog.messages == [f"{tmp_path}/b.en:2: the source has {expected}"]
