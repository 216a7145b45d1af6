from pathlib import Path

import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator.config.schema import CorpusConfig, DataConfig, TokenizerConfig
from translator.data.provenance import described, place_of
from translator.data.store import Counts, Sequences, TokenStore


@pytest.mark.parametrize(
    ("corpus", "place"),
    [
        ({"files": "news/train.{lang}.gz"}, "data/news/train.en.gz:17"),
        ({"tsv": "pairs.tsv"}, "data/pairs.tsv:17"),
        ({"tfds": "wmt14_translate/de-en"}, "wmt14_translate/de-en, pair 17"),
        ({"grammar": "train", "pairs": 20}, "grammar train, pair 17"),
    ],
)
def test_a_pair_has_a_place_in_its_corpus(corpus: dict[str, object], place: str):
    data = DataConfig(root=Path("data"), train="x.{lang}", validation="x.{lang}")
    assert place_of(CorpusConfig.model_validate(corpus), data, 17) == place


def test_rows_are_told_by_place_and_text_of_both_sides():
    sentences = ["one two seven", "two three eleven", "three one nineteen"]
    tokenizer = tokenizer_of(sentences, TokenizerConfig(vocabulary_size=18))
    ids = Sequences.of(tokenizer.encode(sentences))
    # The second corpus begins with the third row, which is its second line: the first was left out.
    store = TokenStore(ids, ids.take(np.array([2, 1, 0])), (range(2), range(2, 3)), Counts(3), np.array([1, 2, 2]))
    data = DataConfig(train=["a.{lang}", {"tsv": "b.tsv"}], validation="x.{lang}")
    assert list(described([2, 0], store, data, (tokenizer, tokenizer))) == [
        "b.tsv:2: three one nineteen  |  one two seven",
        "a.en:1: one two seven  |  three one nineteen",
    ]
