"""Which of some languages a text is in, by how probable each run finds it.

A run's source vocabulary splits the text into subwords, and the text's log-probability is the sum of theirs. They are
as frequent as in the run's training corpus, if its encoded copy is still there; else their order in the vocabulary, the
most frequent first, stands in for it (Zipf's law). Characters that the vocabulary lacks, as those of another script,
are as improbable as any of Unicode's.
"""

import math
from collections.abc import Container, Mapping

import numpy as np

from translator.data.store import open_store
from translator.data.tokenizer import Tokenizer
from translator.run_folder import RunFolder
from translator.vocabulary import UNK_ID

CHARACTERS = 1000  # of a text, that are looked at
COUNTED_TOKENS = 2_000_000  # of the corpus, at most
UNKNOWN = -math.log(150_000)  # of each character that the vocabulary lacks: Unicode has about so many


class Profile:
    """How probable texts are in one language."""

    def __init__(self, tokenizer: Tokenizer, counts: np.ndarray) -> None:
        """Takes the vocabulary, and how often each subword comes, [V]."""
        smoothed = counts.astype(np.float64) + 0.5
        self._tokenizer = tokenizer
        self._log_probs: list[float] = np.log(smoothed / smoothed.sum()).tolist()

    @classmethod
    def of_run(cls, run: RunFolder, tokenizer: Tokenizer, corpora: Container[int] | None = None) -> "Profile":
        """The profile of a run's source language: of some of its training corpora, by their numbers, or of all."""
        size, store = tokenizer.vocabulary_size, open_store(run.data, None)
        if store is None or not len(store.source):
            return cls(tokenizer, 1e6 / (1 + np.arange(size)))
        counts, left = np.zeros(size, np.int64), COUNTED_TOKENS
        for number, rows in enumerate(store.corpora):
            if corpora is None or number in corpora:
                start, end = (int(store.source.offsets[row]) for row in (rows.start, rows.stop))
                ids = np.asarray(store.source.ids[start : min(end, start + left)])
                counts += np.bincount(ids[ids < size], minlength=size)
                left -= len(ids)
        return cls(tokenizer, counts)

    def log_prob(self, text: str) -> float:
        """The natural logarithm of a text's probability."""
        [(ids, spans)] = self._tokenizer.encode_in_place([text])
        return sum(
            UNKNOWN * max(1, end - start) if id_ == UNK_ID else self._log_probs[id_]
            for id_, (start, end) in zip(ids, spans, strict=True)
        )


def detect(text: str, profiles: Mapping[str, Profile]) -> list[tuple[str, float]]:
    """The languages of a text, the most probable first, with how probable each is, in percent, if it is one of them."""
    text = text.strip()[:CHARACTERS]
    if not text:
        return [(language, 0.0) for language in profiles]
    log_probs = {language: profile.log_prob(text) for language, profile in profiles.items()}
    best = max(log_probs.values())
    weights = {language: math.exp(each - best) for language, each in log_probs.items()}
    total = sum(weights.values())
    found = [(language, 100.0 * weight / total) for language, weight in weights.items()]
    return sorted(found, key=lambda pair: -pair[1])
