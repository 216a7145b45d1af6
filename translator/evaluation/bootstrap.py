"""Bootstrap resampling of test sets: how sure a score is, and a difference of two (Koehn, 2004).

Samples, intervals and p-values are those of `sacrebleu --confidence` and `sacrebleu --paired-bs`, sentence for
sentence. All that is compared is scored on the same samples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from translator.evaluation.metrics import Counted, bleu

SAMPLES = 1000
SEED = 12345  # sacreBLEU's


class Interval(NamedTuple):
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """A difference with its 95% interval, and the p-value of there being none."""

    value: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{signed(self.value)} (95% interval {signed(self.low)} to {signed(self.high)}, p = {self.p:.3f})"


def signed(value: float, places: int = 2) -> str:
    """A difference as it is printed, with its sign; what is rounded to zero has none."""
    text = f"{value:+.{places}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def samples_of(sentences: int, samples: int = SAMPLES, seed: int = SEED) -> Iterator[np.ndarray]:
    """Test sets of the same size, drawn with replacement: int64 [sentences], how often each sentence is in it."""
    rng = np.random.default_rng(seed)
    for _ in range(samples):
        yield np.bincount(rng.integers(0, sentences, sentences), minlength=sentences)


def resampled(counted: Sequence[Counted], samples: int = SAMPLES, seed: int = SEED) -> np.ndarray:
    """The scores of samples, float64 [samples, len(counted)]; all see the same sentences."""
    sentences = len(counted[0].statistics)
    return np.array([[each.score(counts) for each in counted] for counts in samples_of(sentences, samples, seed)])


def interval(value: float, drawn: np.ndarray) -> Interval:
    """The figure of the whole test set, and what 95% of the samples lie between.

    Args:
        value: of the whole.
        drawn: [samples], of each sample.
    """
    ordered, outside = np.sort(drawn), len(drawn) // 40
    return Interval(value, float(ordered[outside]), float(ordered[-1 - outside]))


def difference(first: float, second: float, first_drawn: np.ndarray, second_drawn: np.ndarray) -> Difference:
    """The second figure minus the first, with interval and p-value.

    The p-value is sacreBLEU's: how often a sample's absolute difference lies further above the mean of those than the
    whole test set's is above 0; 1 is added to the count, and to the number of samples. It is 1 where there is no
    difference, neither in the whole nor in any sample.
    """
    absolute = np.abs(second_drawn - first_drawn)
    if first == second and not absolute.any():
        return Difference(0.0, 0.0, 0.0, 1.0)
    extreme = int((absolute - absolute.mean() > abs(second - first)).sum())
    return Difference(*interval(second - first, second_drawn - first_drawn), (extreme + 1) / (len(absolute) + 1))


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
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Comparison:
    """BLEU of two systems, each trained once or several times, and the difference.

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
    metric = bleu(target_language)
    counted = [metric.count(lines, [references]) for trainings in (first, second) for lines in trainings]

    def figures(scores: np.ndarray) -> np.ndarray:
        """[…, trainings] -> […, 3]: both means, and their difference."""
        one, other = scores[..., : len(first)].mean(-1), scores[..., len(first) :].mean(-1)
        return np.stack([one, other, other - one], -1)

    whole = figures(np.array([each.score() for each in counted])).tolist()
    drawn = figures(resampled(counted, samples, seed))
    return Comparison(*(interval(value, drawn[:, i]) for i, value in enumerate(whole)))
