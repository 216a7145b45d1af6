"""An index of sentences that finds those which a stream of others is nearly the same as.

Of each sentence some *shingles*, runs of five letters, are chosen: the rarest of each stretch of it. A few edits leave
others whole, so a text that shares enough of them may be near, and its edit distance is then computed.

Letters: P pairs of a line and an indexed sentence.
"""

from collections.abc import Sequence

import numpy as np

from translator.data.checks.blocks import Letters, Texts
from translator.data.checks.edit_distance import Pattern

SHINGLE = 5
NEAR = 0.1  # edits by which sentences may differ, for each character of the longer one
FEWEST_CHARACTERS = 10  # in which one edit is allowed
CHOSEN = 12  # shingles of a sentence, or up to twice as many
COMMON = 20  # sentences with a shingle, from which on it tells little
ALWAYS_KEPT = 6  # of a sentence's chosen shingles, however common
TABLE_BITS = 22
HISTOGRAM = 32  # classes of letters

_FACTORS = np.random.default_rng(5).integers(2**62, 2**63, SHINGLE, np.uint64) * np.uint64(2) + np.uint64(1)


class ShingleIndex:
    """The sentences that others may be near to."""

    def __init__(self, sentences: Sequence[str]) -> None:
        """Indexes sentences; those with fewer than `FEWEST_CHARACTERS` are never near."""
        self._texts = Texts(sentences)
        self._letters = self._texts.words
        self._edits = edits_of(self._texts.lengths)
        self._histograms = histograms(self._letters)
        self._patterns: dict[int, Pattern] = {}
        hashes, rows, self._required = self._choose()
        order = np.argsort(hashes, kind="stable")
        self._hashes, starts = np.unique(hashes[order], return_index=True)
        self._sentences = rows[order]  # by hash
        self._starts = np.append(starts, len(rows))
        self._table = np.zeros(2**TABLE_BITS, bool)  # whether there may be a hash that begins so
        self._table[self._hashes >> np.uint64(64 - TABLE_BITS)] = True

    def _choose(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The hashes and sentences of the chosen shingles, and how many a text must have of each sentence."""
        hashes, rows = shingles_of(self._letters)
        _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        commonness = counts[inverse]
        of_each = np.bincount(rows, minlength=len(self._edits))
        width = np.maximum(1, of_each // CHOSEN)  # of a stretch
        place = np.arange(len(rows)) - np.repeat(np.cumsum(of_each) - of_each, of_each)
        stretch = place // width[rows]
        order = np.lexsort((commonness, stretch, rows))
        first = np.ones(len(order), bool)
        first[1:] = (rows[order][1:] != rows[order][:-1]) | (stretch[order][1:] != stretch[order][:-1])
        chosen = order[first & (self._edits[rows[order]] > 0)]
        # Of common ones only the rarest few: each text that has one is compared with all sentences that have it.
        ranked = chosen[np.lexsort((commonness[chosen], rows[chosen]))]
        of_each = np.bincount(rows[ranked], minlength=len(self._edits))
        rank = np.arange(len(ranked)) - np.repeat(np.cumsum(of_each) - of_each, of_each)
        chosen = ranked[(rank < ALWAYS_KEPT) | (commonness[ranked] <= COMMON)]
        chosen_of_each = np.bincount(rows[chosen], minlength=len(self._edits))
        # So many edits destroy that many of them at most; long sentences hardly ever lose three quarters.
        left = chosen_of_each - self._edits * -(-SHINGLE // width)
        return hashes[chosen], rows[chosen], np.maximum(1, np.maximum(left, chosen_of_each // 4))

    @property
    def too_short(self) -> np.ndarray:
        """Which sentences are so short that only equal ones are near: bool."""
        return self._edits == 0

    def near(self, texts: Texts, rows: np.ndarray, sentences: np.ndarray) -> np.ndarray:
        """Which of these lines are near which of these sentences: bool [P], of int64 [P] each."""
        letters, longer = texts.words, np.maximum(texts.lengths[rows], self._texts.lengths[sentences])
        most = edits_of(longer)
        near = np.abs(letters.lengths[rows] - self._letters.lengths[sentences]) <= most
        places = np.flatnonzero(near)
        wanted, inverse = np.unique(rows[places], return_inverse=True)
        difference = np.abs(histograms(letters, wanted)[inverse] - self._histograms[sentences[places]]).sum(1)
        near[places] = difference <= 2 * most[places]
        for place in np.flatnonzero(near):
            line, sentence = letters.lines[rows[place]], int(sentences[place])
            near[place] = self._pattern(sentence).distance(line) <= most[place]
        return near

    def candidates(self, texts: Texts) -> np.ndarray:
        """Lines and sentences that share enough shingles.

        Returns:
            line · number of sentences + sentence, ascending: int64 [P].
        """
        hashes, rows = shingles_of(texts.words)
        seen = self._table[hashes >> np.uint64(64 - TABLE_BITS)]
        hashes, rows = hashes[seen], rows[seen].astype(np.int64)
        places = np.minimum(np.searchsorted(self._hashes, hashes), max(len(self._hashes) - 1, 0))
        found = self._hashes[places] == hashes if len(self._hashes) else np.zeros(len(hashes), bool)
        places, rows = places[found], rows[found]
        counts = self._starts[places + 1] - self._starts[places]
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        sentences = self._sentences[np.repeat(self._starts[places], counts) + offsets]
        size = len(self._edits)
        keys, shared = np.unique(np.repeat(rows, counts) * size + sentences, return_counts=True)
        return keys[shared >= self._required[keys % max(size, 1)]]

    def _pattern(self, sentence: int) -> Pattern:
        if sentence not in self._patterns:
            self._patterns[sentence] = Pattern(self._letters.lines[sentence])
        return self._patterns[sentence]


def edits_of(lengths: np.ndarray) -> np.ndarray:
    """The edits by which a text of so many characters may differ from a near one, in its letters and digits: int64."""
    return np.where(lengths >= FEWEST_CHARACTERS, np.floor(lengths * NEAR), 0).astype(np.int64)


def shingles_of(letters: Letters) -> tuple[np.ndarray, np.ndarray]:
    """The hash of each run of letters within a line, and its line: uint64 and int32."""
    count = max(0, len(letters.codes) - SHINGLE + 1)
    hashes = np.zeros(count, np.uint64)
    for i, factor in enumerate(_FACTORS):
        hashes += letters.codes[i : i + count] * factor
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0x9E3779B97F4A7C15)
    within = letters.rows[:count] == letters.rows[SHINGLE - 1 :][:count]
    return hashes[within], letters.rows[:count][within]


def histograms(letters: Letters, rows: np.ndarray | None = None) -> np.ndarray:
    """How often each of `HISTOGRAM` classes of letters comes in each line, or in some of them: int64 [·, HISTOGRAM].

    An edit changes two of the numbers by one each, or one of them.
    """
    codes, owners, count = letters.codes, letters.rows.astype(np.int64), letters.count
    if rows is not None:
        number = np.full(count, -1, np.int64)
        number[rows] = np.arange(len(rows))
        owners = number[owners]
        codes, owners, count = codes[owners >= 0], owners[owners >= 0], len(rows)
    return np.bincount(owners * HISTOGRAM + codes % HISTOGRAM, minlength=count * HISTOGRAM).reshape(-1, HISTOGRAM)
