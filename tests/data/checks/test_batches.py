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
