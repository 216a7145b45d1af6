"""Minimum Bayes risk: of a sentence's hypotheses, the one that the others agree with most (Kumar and Byrne, 2004).

The hypothesis that is most probable may be an outlier, and the mode of a model is often too short. So each hypothesis
is compared by chrF (Popović, 2015) with all of them, each as likely to be right as the model says; the one with the
highest expected chrF is chosen (Eikema and Aziz, 2022). No TensorFlow here.

Letters: N distinct hypotheses, G n-grams.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from translator.data.tokenizer import Tokenizer
from translator.decoding.options import Engine, Hypothesis, Identified, OptionsError, SearchOptions

ORDER, BETA = 6, 2  # sacreBLEU's defaults


class MbrEngine:
    """Searches with another engine, and puts the hypothesis with the highest expected chrF first.

    The others follow in the order of theirs. Scores and log-probabilities stay those of the search.
    """

    def __init__(self, engine: Engine, target: Tokenizer, *, samples: bool = False) -> None:
        """Wraps an engine.

        Args:
            engine: what searches.
            target: the vocabulary of the translations, since text is compared.
            samples: whether the hypotheses are samples, which are as frequent as they are probable: all count alike.
                Those of a beam are all different, and count by their probability.
        """
        self.engine, self.target, self.samples = engine, target, samples

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`.

        Raises:
            OptionsError: there is one hypothesis a sentence, or attention is asked for, which the best of the search
                has alone.
        """
        if options.beam_size == 1:
            raise OptionsError("MBR chooses among hypotheses, of which greedy search gives one; use a larger beam")
        if options.with_attention:
            raise OptionsError("MBR may choose a hypothesis whose attention is not kept; ask for one of the two")
        return [self._ranked(hypotheses) for hypotheses in self.engine.search(sources, options)]

    def fingerprint(self) -> dict[str, str]:
        """See `Identified.fingerprint`; without `weights` if the engine that searches has none."""
        inner = self.engine.fingerprint() if isinstance(self.engine, Identified) else {}
        return {**inner, "mbr": "samples" if self.samples else "beam"}

    def _ranked(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        texts = self.target.decode([list(hypothesis.ids) for hypothesis in hypotheses])
        weights = None if self.samples else probabilities([hypothesis.log_prob for hypothesis in hypotheses])
        expected = expected_chrf(texts, weights)
        return [hypotheses[i] for i in np.argsort(-expected, kind="stable")]


def probabilities(log_probs: Sequence[float]) -> list[float]:
    """What each hypothesis of a beam is worth as a reference: its probability, given that one of them is right."""
    largest = max(log_probs)
    shares = [math.exp(log_prob - largest) for log_prob in log_probs]
    return [share / math.fsum(shares) for share in shares]


def expected_chrf(texts: Sequence[str], weights: Sequence[float] | None = None) -> np.ndarray:
    """The mean of each text's sentence chrF, as sacreBLEU has it, against all the texts.

    Args:
        texts: one or more; the same one may come several times, as in samples.
        weights: how probable it is that each is right; None for samples, which are as frequent as they are probable.

    Returns:
        float64 [len(texts)], 0 to 100.
    """
    weights = [1 / len(texts)] * len(texts) if weights is None else weights
    distinct = list(dict.fromkeys(texts))
    row = {text: i for i, text in enumerate(distinct)}
    together = np.zeros(len(distinct))
    for text, weight in zip(texts, weights, strict=True):
        together[row[text]] += weight
    # Rounded, so that what differs in the last bits only is a tie, which the search's order decides.
    expected = np.round(chrf_matrix(distinct) @ together, 9)
    return expected[[row[text] for text in texts]]


def chrf_matrix(texts: Sequence[str]) -> np.ndarray:
    """Sentence chrF of each text as hypothesis (row) against each as reference (column): float64 [N, N].

    The n-grams of each text are counted once; N² comparisons are sums of minima of rows of counts.
    """
    precision, recall, orders = (np.zeros([len(texts)] * 2) for _ in range(3))
    for counts, totals in _counts(texts):
        matches = np.stack([np.minimum(counts, row).sum(1) for row in counts])  # [N, N], symmetric
        np.fill_diagonal(matches, totals)
        there = (totals[:, None] > 0) & (totals > 0)  # texts shorter than n say nothing of order n
        precision += np.where(there, matches / np.maximum(totals[:, None], 1), 0.0)
        recall += np.where(there, matches / np.maximum(totals, 1), 0.0)
        orders += there
    precision, recall = (sums / np.maximum(orders, 1) for sums in (precision, recall))
    weighted = BETA**2 * precision + recall
    return 100 * (1 + BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1.0)


def _counts(texts: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each n: how often each text has each n-gram of characters that others have too, int64 [N, G]; and all [N]."""
    by_text: list[list[Counter[str]]] = [extract_all_char_ngrams(text, ORDER) for text in texts]
    for counters in zip(*by_text, strict=True):
        spread = Counter(ngram for counter in counters for ngram in counter)
        columns = {ngram: i for i, ngram in enumerate(ngram for ngram, count in spread.items() if count > 1)}
        counts = np.zeros([len(texts), len(columns)], np.int64)
        for row, counter in zip(counts, counters, strict=True):
            for ngram in counter.keys() & columns.keys():
                row[columns[ngram]] = counter[ngram]
        yield counts, np.array([counter.total() for counter in counters])
