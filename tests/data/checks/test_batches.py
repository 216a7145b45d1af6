"""The shapes of an epoch's batches."""

import numpy as np

from tests.data.checks.planted import config_of
from translator.data.checks.batches import Bucket, batch_shapes
from translator.data.store import Counts, Sequences, TokenStore


def test_steps_padding_and_buckets_by_hand(tmp_path):
    # With EOS: two pairs of 3 and 5 tokens, one of 4 and 5, one of 9 and 9. Of 15 tokens, a batch holds three pairs of
    # length 5, padded to 4 and 5; the fourth is alone. 3+5 + 3+5 + 4+5 + 9+9 = 43 tokens in
    # 3 · (4 + 5) + 18 = 45 positions.
    lengths = [(2, 4), (2, 4), (3, 4), (8, 8)]
    source, target = (Sequences.of([[5] * pair[side] for pair in lengths]) for side in (0, 1))
    store = TokenStore(source, target, (range(4),), Counts(4), np.arange(1, 5))
    config = config_of(tmp_path, data={"max_tokens": 10}, train={"max_steps": 1, "batch_tokens": 15})
    shapes = batch_shapes(config, store)
    assert shapes is not None
    assert (shapes.steps, shapes.tokens, shapes.positions) == (2, 43, 45)
    assert shapes.buckets == (Bucket(5, 3), Bucket(9, 1))
    assert shapes.padding == 1 - 43 / 45


def test_corpora_are_drawn_on_by_their_weights_and_at_the_temperature(tmp_path):
    sizes = 400, 100
    draw = np.random.default_rng(0)
    source, target = (Sequences.of([[5] * n for n in draw.integers(1, 20, sum(sizes))]) for _ in range(2))
    store = TokenStore(source, target, (range(400), range(400, 500)), Counts(500), np.arange(1, 501))
    data = {"max_tokens": 30, "temperature": 2.0, "train": ["train.{lang}", {"files": "other.{lang}", "weight": 1.5}]}
    config = config_of(tmp_path, data=data, train={"max_steps": 1, "batch_tokens": 60})
    shapes = batch_shapes(config, store)
    assert shapes is not None
    # √400 : √100 = 2 : 1 of 500 pairs, the second corpus half as often again.
    assert sum(bucket.pairs for bucket in shapes.buckets) == 333 + 250
