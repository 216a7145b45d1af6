"""Lengths as the batches of an epoch have them, from a corpus that has been encoded."""

from dataclasses import dataclass

import numpy as np

from translator.config.schema import Config
from translator.data.plan import paired_bucket_lengths, plan_epoch, weights_of
from translator.data.store import TokenStore


@dataclass(frozen=True)
class Bucket:
    """The pairs in batches whose longer side is padded to one length."""

    length: int  # tokens, EOS included
    pairs: int


@dataclass(frozen=True)
class BatchShapes:
    """The batches of the first epoch, without sampled subwords and modified pairs.

    Attributes:
        steps: batches.
        tokens: of both sides, EOS included.
        positions: of both sides, padding included.
        buckets: in order of their lengths.
    """

    steps: int
    tokens: int
    positions: int
    buckets: tuple[Bucket, ...]

    @property
    def padding(self) -> float:
        """The share of the positions that is padding."""
        return 1 - self.tokens / self.positions


def batch_shapes(config: Config, store: TokenStore) -> BatchShapes | None:
    """The shapes of the first epoch's batches; None while `train.batch_tokens` is to be found out (auto)."""
    train = config.train
    if train.batch_tokens == "auto":
        return None
    plan = plan_epoch(store, weights_of(config.data, store), train.batch_tokens, train.seed, 0, few_shapes=train.xla)
    tokens = positions = 0
    pairs: dict[int, int] = {}
    for rows in plan:
        sides = [sequences.lengths_of(rows) + 1 for sequences in (store.source, store.target)]
        source, target = (np.array(side.max()) for side in sides)
        padded = paired_bucket_lengths(source, target, train.xla)
        tokens += sum(int(side.sum()) for side in sides)
        positions += len(rows) * sum(map(int, padded))
        longer = max(map(int, padded))
        pairs[longer] = pairs.get(longer, 0) + len(rows)
    buckets = tuple(Bucket(length, pairs[length]) for length in sorted(pairs))
    return BatchShapes(len(plan), tokens, positions, buckets)
