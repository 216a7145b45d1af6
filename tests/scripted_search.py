"""Searches of scripts: tables of logits by prefix in place of a model, and the same searches over plain lists.

Letters: B sentences, V vocabulary.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.decoding.search.loop import Constraint, Decoder, Step, search
from translator.decoding.search.scoring import NEVER, Scoring
from translator.decoding.search.strategies import Beam, Greedy, Hypotheses, SpecialIds, Strategy

EOS = 0
# PAD is no token of the tables, so that no hypothesis can be mistaken for a shorter one. BOS is only ever read.
SPECIAL = SpecialIds(pad=-1, bos=99, eos=EOS)


class Hypothesis(NamedTuple):
    score: float
    tokens: tuple[int, ...]  # without EOS


class Script:
    """A language model that is a table of logits for each prefix of each sentence.

    A prefix's number is its state: the empty one has 0, and one token more leads from n to n·V + token + 1. A search
    that hands a hypothesis the state of another one reads the wrong rows. The row of a sentence is its other state.
    """

    def __init__(self, tables: np.ndarray) -> None:
        """Tables: [B, prefixes, V]."""
        self.tables, self.V = tables.astype(np.float32), tables.shape[-1]
        self.batch_sizes: list[int] = []

    @classmethod
    def random(cls, seed: int, sentences: int, V: int, longest: int, spread: float = 2.0) -> "Script":
        prefixes = sum(V**length for length in range(longest))
        return cls(np.random.default_rng(seed).normal(0.0, spread, (sentences, prefixes, V)))

    def step(self, tokens: tf.Tensor, position: tf.Tensor, rows: tf.Tensor, numbers: tf.Tensor) -> Step:
        self.batch_sizes.append(rows.shape[0])
        width = tf.size(tokens) // tf.size(rows)
        numbers = tf.where(position == 0, tf.zeros_like(numbers), numbers * self.V + tokens + 1)
        logits = tf.gather_nd(self.tables, tf.stack([tf.repeat(rows, width), numbers], 1))
        # The prefix's number stands for attention, too: it must go wherever its token goes.
        return Step(logits, numbers, tf.cast(numbers, tf.float32)[:, None])

    def decoder(self, rows: tf.Tensor, width: int) -> Decoder:
        numbers = tf.zeros([tf.size(rows) * width], tf.int32)
        attention = tf.zeros([tf.size(rows), width, 0, 1])
        return Decoder(self.step, rows, numbers, tf.TensorShape([None]), attention)

    def search(
        self,
        max_lengths: Sequence[int],
        strategy: Strategy,
        constraints: Sequence[Constraint] = (),
        rows: Sequence[int] | None = None,
        longest: int | None = None,
    ) -> Hypotheses:
        rows = tf.constant(range(len(max_lengths)) if rows is None else rows)
        return search(self.decoder(rows, strategy.width), tf.constant(max_lengths), strategy, constraints, longest)

    def greedy(
        self,
        max_lengths: Sequence[int],
        alpha: float,
        rows: Sequence[int] | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> Hypotheses:
        return self.search(max_lengths, Greedy(SPECIAL, Scoring(alpha)), constraints, rows)

    def beam(
        self,
        max_lengths: Sequence[int],
        width: int,
        alpha: float,
        rows: Sequence[int] | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> Hypotheses:
        return self.search(max_lengths, Beam(width, SPECIAL, Scoring(alpha)), constraints, rows)

    def logits(self, row: int, prefix: Sequence[int]) -> np.ndarray:
        """Of each next token, in float64."""
        return self.tables[row, self.number(prefix)].astype(np.float64)

    def number(self, prefix: Sequence[int]) -> int:
        number = 0
        for token in prefix:
            number = number * self.V + token + 1
        return number

    def log_probs(self, row: int, prefix: Sequence[int]) -> np.ndarray:
        """Of each next token, in float64."""
        logits = self.logits(row, prefix)
        logits = logits - logits.max()
        return logits - np.log(np.exp(logits).sum())

    def bonus(self, full: Sequence[int]) -> float:
        """What is added to the score of a translation that ends with the last of these tokens."""
        return 0.0

    def score(self, row: int, tokens: Sequence[int], max_length: int, alpha: float, gnmt: bool = False) -> float:
        """log p / length^α of a translation; one that is as long as may be has no EOS."""
        full = [*tokens, EOS] if len(tokens) < max_length else list(tokens)
        log_prob = sum(self.log_probs(row, full[:i])[token] for i, token in enumerate(full))
        return log_prob / penalty(len(full), alpha, gnmt) + self.bonus(full)

    def every_translation(self, row: int, max_length: int, alpha: float, gnmt: bool = False) -> list[Hypothesis]:
        """All there are, by brute force, the best first; impossible ones are left out."""
        words = range(1, self.V)
        texts = (text for length in range(max_length + 1) for text in itertools.product(words, repeat=length))
        every = (Hypothesis(self.score(row, text, max_length, alpha, gnmt), text) for text in texts)
        return sorted((each for each in every if each.score > IMPOSSIBLE), reverse=True)

    def beam_by_the_book(
        self, row: int, max_length: int, width: int, alpha: float, is_over: "IsOver | None" = None, gnmt: bool = False
    ) -> list[Hypothesis]:
        """Beam search of one sentence over plain lists, the best first; by default it ends at the limit alone."""
        alive: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
        finished: list[Hypothesis] = []
        for length in range(1, max_length + 1):
            grown = sorted(
                (
                    (p + more, (*prefix, token))
                    for p, prefix in alive
                    for token, more in enumerate(self.log_probs(row, prefix))
                ),
                reverse=True,
            )[: 2 * width]
            for p, tokens in grown[:width]:
                if tokens[-1] == EOS or length == max_length:
                    text = tokens[:-1] if tokens[-1] == EOS else tokens
                    finished.append(Hypothesis(p / penalty(length, alpha, gnmt) + self.bonus(tokens), text))
            finished.sort(reverse=True)
            alive = [(p, tokens) for p, tokens in grown if tokens[-1] != EOS][:width]
            best = alive[0][0] / penalty(length, alpha, gnmt) if alive else NEVER
            if is_over is not None and is_over(finished, best):
                break
        return finished[:width]


IMPOSSIBLE = -1e5  # no score of a script is so low, but for what has been forbidden
# (all that has finished, the best first; the score of the best prefix) -> whether the search is over
IsOver = Callable[[list[Hypothesis], float], bool]


def penalty(length: int, alpha: float, gnmt: bool) -> float:
    return ((5 + length) / 6 if gnmt else length) ** alpha


def texts_of(found: Hypotheses, row: int) -> list[tuple[int, ...]]:
    """The tokens of a sentence's hypotheses, checked to have nothing but padding behind them."""
    texts = []
    for ids, score in zip(found.ids[row].numpy(), found.scores[row].numpy(), strict=True):
        length = int(np.sum(ids != SPECIAL.pad))
        assert (ids[length:] == SPECIAL.pad).all()
        if score > NEVER / 2:
            texts.append(tuple(ids[:length].tolist()))
        else:
            assert score == NEVER
            assert length == 0
    return texts


def assert_finds(found: Hypotheses, row: int, expected: list[Hypothesis]) -> None:
    assert texts_of(found, row) == [hypothesis.tokens for hypothesis in expected]
    scores = found.scores[row].numpy()[: len(expected)]
    np.testing.assert_allclose(scores, [hypothesis.score for hypothesis in expected], rtol=1e-5, atol=1e-5)
