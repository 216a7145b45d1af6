"""Paired bootstrap of a difference in BLEU (Koehn, 2004): how sure it is that one system is no worse than another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from translator.evaluation.scores import bleu_tokenizer


class Interval(NamedTuple):
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """BLEU of two systems on the same sentences, and the second's minus the first's."""

    first: Interval
    second: Interval
    difference: Interval


def bleu_difference(
    first: Sequence[Sequence[str]],
    second: Sequence[Sequence[str]],
    references: Sequence[str],
    target_language: str,
    samples: int = 1000,
    seed: int = 1,
) -> Comparison:
    """Draws test sets of the same size with replacement, and takes 2.5th and 97.5th percentiles.

    Where a system was trained several times, its BLEU is the mean over the trainings. The intervals are over test sets:
    how far trainings of the same kind are apart is not in them.

    Args:
        first: the translations of each training, one for each reference; at least one.
        second: likewise.
        references: in the same order.
        target_language: which decides the tokenization, as in `translator.evaluation.scores`.
        samples: test sets that are drawn.
        seed: of the draws; equal seeds give equal intervals.
    """
    bleu = BLEU(tokenize=bleu_tokenizer(target_language))
    systems = [[_statistics(bleu, lines, references) for lines in trainings] for trainings in (first, second)]
    N = len(references)
    rng = np.random.default_rng(seed)

    def figures(counts: np.ndarray) -> list[float]:
        one, other = (float(np.mean([_bleu_of(counts @ each) for each in trainings])) for trainings in systems)
        return [one, other, other - one]

    drawn = [figures(np.bincount(rng.integers(0, N, N), minlength=N)) for _ in range(samples)]
    lows, highs = np.percentile(drawn, [2.5, 97.5], axis=0).tolist()
    return Comparison(*map(Interval, figures(np.ones(N, np.int64)), lows, highs))


def _statistics(bleu: BLEU, hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """What BLEU sums over sentences: n-grams that match, n-grams, and the lengths of both sides."""
    rows = []
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        of_one = bleu.corpus_score([hypothesis], [[reference]])
        rows.append([*of_one.counts, *of_one.totals, of_one.sys_len, of_one.ref_len])
    return np.array(rows, np.int64)


def _bleu_of(sums: np.ndarray) -> float:
    correct, total = sums[: len(sums) // 2 - 1], sums[len(sums) // 2 - 1 : -2]
    hypothesis_length, reference_length = sums[-2:]
    return BLEU.compute_bleu(
        correct.tolist(), total.tolist(), int(hypothesis_length), int(reference_length), smooth_method="exp"
    ).score
