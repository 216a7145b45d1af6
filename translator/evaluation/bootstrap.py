"""Paired bootstrap of a difference in BLEU (Koehn, 2004): how sure it is that one system is no worse than another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from translator.evaluation.scores import bleu_tokenizer


@dataclass(frozen=True)
class Difference:
    """BLEU of a second system minus that of a first, on the same sentences, with a 95% interval."""

    first: float
    second: float
    low: float
    high: float


def bleu_difference(
    first: Sequence[str],
    second: Sequence[str],
    references: Sequence[str],
    target_language: str,
    samples: int = 1000,
    seed: int = 1,
) -> Difference:
    """Draws test sets of the same size with replacement, and takes the 2.5th and 97.5th percentile of the difference.

    Args:
        first: translations, one for each reference; at least one.
        second: likewise.
        references: in the same order.
        target_language: which decides the tokenization, as in `translator.evaluation.scores`.
        samples: test sets that are drawn.
        seed: of the draws; equal seeds give equal intervals.
    """
    bleu = BLEU(tokenize=bleu_tokenizer(target_language))
    statistics = [_statistics(bleu, lines, references) for lines in (first, second)]  # int64 [N, 10] each
    N = len(references)
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(samples):
        counts = np.bincount(rng.integers(0, N, N), minlength=N)
        one, other = (_bleu_of(counts @ each) for each in statistics)
        differences.append(other - one)
    low, high = np.percentile(differences, [2.5, 97.5])
    of_first, of_second = (_bleu_of(each.sum(0)) for each in statistics)
    return Difference(of_first, of_second, float(low), float(high))


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
