import numpy as np

from tests.tokenizers import tokenizer_of
from translator.config.data import DataConfig
from translator.config.tokenizer import TokenizerConfig
from translator.data.corpora.formats import open_corpora
from translator.data.provenance import described
from translator.data.store import Counts, Sequences, TokenStore


def test_rows_are_told_by_place_and_text_of_both_sides():
    sentences = ["one two seven", "two three eleven", "three one nineteen"]
    tokenizer = tokenizer_of(sentences, TokenizerConfig(vocabulary_size=18))
    ids = Sequences.of(tokenizer.encode(sentences))
    # The second corpus begins with the third row, which is its second line: the first was left out.
    store = TokenStore(ids, ids.take(np.array([2, 1, 0])), (range(2), range(2, 3)), Counts(3), np.array([1, 2, 2]))
    data = DataConfig(train=["a.{lang}", {"tsv": "b.tsv"}], validation="x.{lang}")
    assert list(described([2, 0], store, open_corpora(data.train, data), (tokenizer, tokenizer))) == [
        "b.tsv:2: three one nineteen  |  one two seven",
        "a.en:1: one two seven  |  three one nineteen",
    ]
