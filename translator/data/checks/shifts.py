"""Stretches of a corpus in which the lines of one side have slipped against those of the other.

How well a line suits another is read off what needs no dictionary: lengths, numbers, words that begin alike, the
closing mark (Gale and Church, 1993; Simard et al., 1992). What each says is learned from the corpus: the log-ratio of
how often it comes among lines that belong together and among lines that do not. A cumulative sum of the differences
between two alignments (Page, 1954) tells where one becomes better than the other.

Letters: n lines of a block.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from translator.data.checks import characters
from translator.data.checks.blocks import Block, Texts
from translator.data.checks.findings import MOST_EXAMPLES, Example, Finding, graded, named
from translator.data.corpora.base import Corpus

SHIFTS = (-3, -2, -1, 1, 2, 3)  # lines by which a target may stand too late
UNRELATED = 11  # lines that far from each other have nothing to do with each other
FEWEST_PAIRS = 200  # of a block, from which something can be learned
EVIDENCE = 25.0  # nats by which a shifted stretch must be more likely
WINDOW = 16  # pairs by which it is judged whether they belong together as they stand
CLASSES = 24  # of length ratios
_FIELD = np.uint64(2**40)
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9), np.uint64(1))


_MARKS = {".": 1, "。": 1, "．": 1, "।": 1, "?": 2, "？": 2, "؟": 2, "!": 3, "！": 3, ":": 4, "：": 4, ",": 5, "、": 5}
_MARKS |= dict.fromkeys("\"'»”’“」』)）", 6)
_OTHER = 7
_SIZES = (CLASSES + 1, 4, 4, (_OTHER + 1) ** 2)  # classes of each feature
_OFFSETS = np.cumsum([0, *_SIZES[:-1]])


class _Side:
    """What the lines of a block are compared by."""

    def __init__(self, text: Texts) -> None:
        self.sizes = np.log(text.lengths + 5.0)
        self.words = _starts_of_words(text, characters.LETTER)
        self.numbers = _starts_of_words(text, characters.DIGIT)
        self.has_numbers = np.bincount((self.numbers // _FIELD).astype(np.int64), minlength=len(text)) > 0
        self.marks = np.array([_MARKS.get(line.rstrip()[-1:], _OTHER) for line in text.lines], np.int64)


class Statistics:
    """How often each class of each feature comes among lines that are so far apart: int64 [sum of `_SIZES`] each."""

    def __init__(self) -> None:
        self.pairs = 0
        self._counts = {shift: np.zeros(sum(_SIZES), np.int64) for shift in (0, *SHIFTS, UNRELATED)}

    def learn(self, features: dict[int, np.ndarray], pairs: int) -> None:
        """Adds the pairs of a block; `features` has int64 [·, 4] for each shift."""
        self.pairs += pairs
        for shift, counts in self._counts.items():
            counts += np.bincount(features[shift].ravel(), minlength=len(counts))

    def log_ratios(self) -> np.ndarray:
        """Log-ratio of each class among lines that belong together and among unrelated ones: float64.

        Those belong together which stand as far apart as most do, which is not at all unless most of the corpus has
        slipped.
        """
        unrelated = _log_shares(self._counts[UNRELATED])
        ratios = {shift: _log_shares(self._counts[shift]) - unrelated for shift in (0, *SHIFTS)}
        information = {s: (np.exp(_log_shares(self._counts[s])) * ratio).sum() for s, ratio in ratios.items()}
        return ratios[max(information, key=information.__getitem__)]


def _log_shares(counts: np.ndarray) -> np.ndarray:
    """The log-probability of each class of each feature, smoothed."""
    parts = np.split(counts + 1.0, _OFFSETS[1:])
    return np.concatenate([np.log(part / part.sum()) for part in parts])


def _features(source: _Side, target: _Side, usual: float, shift: int) -> np.ndarray:
    """The classes of source line i and target line i + shift, for each i that has one: int64 [·, 4]."""
    n = len(source.sizes)
    first, last = max(0, -shift), n - max(0, shift)
    of_source, of_target = slice(first, last), slice(first + shift, last + shift)
    ratio = (target.sizes[of_target] - source.sizes[of_source] - usual) / 0.12
    length = np.clip(np.rint(ratio), -CLASSES // 2, CLASSES // 2).astype(np.int64) + CLASSES // 2
    words = np.minimum(_shared(source.words, target.words, shift, n)[of_source], 3)
    has = source.has_numbers[of_source].astype(np.int64) + target.has_numbers[of_target]
    numbers = np.where(_shared(source.numbers, target.numbers, shift, n)[of_source] > 0, 3, has)
    marks = source.marks[of_source] * (_OTHER + 1) + target.marks[of_target]
    return np.stack([length, words, numbers, marks], 1) + _OFFSETS


def _shared(source: np.ndarray, target: np.ndarray, shift: int, n: int) -> np.ndarray:
    """How many keys of each source line its target line, so far away, has too: int64 [n]."""
    if not len(target):
        return np.zeros(n, np.int64)
    wanted = (source.astype(np.int64) + shift * int(_FIELD)).astype(np.uint64)  # negative ones are found nowhere
    places = np.minimum(np.searchsorted(target, wanted), len(target) - 1)
    rows = (source[target[places] == wanted] // _FIELD).astype(np.int64)
    return np.bincount(rows, minlength=n)


def _starts_of_words(text: Texts, kind: int) -> np.ndarray:
    """Line and start of each word of at least four letters, or of each number, as one key: uint64, ascending."""
    of_kind = (text.classes & kind) > 0
    starts = of_kind.copy()
    starts[1:] &= ((text.classes[:-1] & characters.WORD) == 0) | (text.rows[1:] != text.rows[:-1])
    places = np.flatnonzero(starts)
    codes, hashes = characters.lowered(text.codes), np.zeros(len(places), np.uint64)
    whole = np.ones(len(places), bool)
    for i, factor in enumerate(_FACTORS):
        here = np.minimum(places + i, len(codes) - 1)
        whole &= (places + i == here) & of_kind[here] & (text.rows[here] == text.rows[places])
        hashes += np.where(whole, codes[here], 0).astype(np.uint64) * factor
    if kind == characters.LETTER:
        places, hashes = places[whole], hashes[whole]
    hashes *= _FACTORS[0]
    return np.unique(text.rows[places].astype(np.uint64) * _FIELD + (hashes >> np.uint64(24)))


def _means(values: np.ndarray) -> np.ndarray:
    """Means of each value and those after it, `WINDOW` together: float64 [n]."""
    window = min(WINDOW, len(values))
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.minimum(np.arange(len(values)) + window, len(values))
    return (sums[ends] - sums[ends - window]) / window


@dataclass
class Run:
    """A stretch of pairs in which another alignment is better."""

    first: int  # number of its first pair
    last: int
    evidence: float  # nats


class RisingSum:
    """A cumulative sum that starts again wherever it falls below 0 (Page, 1954)."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._value, self._first = 0.0, 1
        self._open: Run | None = None  # the one that the sum is in, from `EVIDENCE` on

    def add(self, gains: np.ndarray, first: int) -> None:
        """Goes on with gains: float64 [n]; `first` is the number of the first one's pair."""
        start = 0
        while start < len(gains):
            start += self._add_until_closed(gains[start:], first + start)

    def _add_until_closed(self, gains: np.ndarray, first: int) -> int:
        """Adds gains up to where a run ends, or all; gives how many."""
        sums = self._value + np.cumsum(gains)
        low = np.minimum(np.minimum.accumulate(sums), 0.0)
        values = sums - low
        if self._open is None:
            above = np.flatnonzero(values > EVIDENCE)
            if not len(above):
                if low[-1] < 0:
                    self._first = first + int(np.argmin(sums)) + 1
                self._value = float(values[-1])
                return len(gains)
            before = sums[: above[0] + 1]
            begins = first + int(np.argmin(before)) + 1 if before.min() < 0 else self._first
            self._open = Run(begins, first + int(above[0]), float(values[above[0]]))
            self._value = float(values[above[0]])
            return int(above[0]) + 1
        run = self._open
        highest = np.maximum(np.maximum.accumulate(sums), run.evidence)
        fallen = np.flatnonzero(sums < highest - EVIDENCE)
        stop = int(fallen[0]) + 1 if len(fallen) else len(gains)
        best = int(np.argmax(sums[:stop]))
        if sums[best] > run.evidence:
            run.last, run.evidence = first + best, float(sums[best])
        self._value = float(sums[stop - 1])
        if len(fallen):
            self.close()
            self._first = first + stop
        return stop

    def close(self) -> None:
        """Ends the run that is open, if one is."""
        if self._open:
            self.runs.append(self._open)
        self._open, self._value = None, 0.0


@dataclass
class _OfCorpus:
    """What is known of one corpus."""

    section: str
    corpus: Corpus
    statistics: Statistics = field(default_factory=Statistics)
    sums: dict[int, RisingSum] = field(default_factory=lambda: {shift: RisingSum() for shift in SHIFTS})


class Shifts:
    """Finds the stretches in which one side is some lines late."""

    def __init__(self) -> None:
        self._corpora: list[_OfCorpus] = []

    def look(self, block: Block) -> None:
        """Learns from a block and compares each pair with its neighbours in it."""
        if not self._corpora or self._corpora[-1].corpus is not block.corpus:
            self._corpora.append(_OfCorpus(block.section, block.corpus))
        known = self._corpora[-1]
        if len(block) <= UNRELATED:
            return
        source, target = map(_Side, block.sides)
        usual = float(np.median(target.sizes - source.sizes))
        features = {shift: _features(source, target, usual, shift) for shift in (0, *SHIFTS, UNRELATED)}
        known.statistics.learn(features, len(block))
        if known.statistics.pairs < FEWEST_PAIRS:
            return
        ratios = known.statistics.log_ratios()
        as_they_stand = np.maximum(_means(ratios[features[0]].sum(1)), 0)
        for shift in SHIFTS:
            gains = np.zeros(len(block))
            of_source = slice(max(0, -shift), len(block) - max(0, shift))
            gains[of_source] = ratios[features[shift]].sum(1) - as_they_stand[of_source]
            known.sums[shift].add(gains, block.first)

    def findings(self) -> list[Finding]:
        """A stretch is an error if it is more than a hundredth of the corpus."""
        return [finding for known in self._corpora if (finding := _finding(known))]


def _finding(known: _OfCorpus) -> Finding | None:
    for each in known.sums.values():
        each.close()
    runs = apart((run, shift) for shift, each in known.sums.items() for run in each.runs)
    if not runs:
        return None
    count = sum(run.last - run.first + 1 for run, _ in runs)
    stretches = "a stretch" if len(runs) == 1 else f"{len(runs):,} stretches"
    return Finding(
        "misaligned",
        graded(count, known.statistics.pairs, 0.0, 0.01),
        named(known.section, known.corpus),
        count,
        known.statistics.pairs,
        f"{stretches} of {count:,} pairs in which the sides do not belong together, but lines some way apart do; "
        "a line is missing, or there twice, on one side at the start of each",
        tuple(Example(known.corpus.place(run.first), _described(run, shift)) for run, shift in runs[:MOST_EXAMPLES]),
    )


def apart(found: Iterable[tuple[Run, int]]) -> list[tuple[Run, int]]:
    """Runs with their shifts, in order, without what lies in one with more evidence.

    Of a run that overlaps it, the longest part beside it is left, if that is more than half.
    """
    kept: list[tuple[Run, int]] = []
    for run, shift in sorted(found, key=lambda each: -each[0].evidence):
        first, last = run.first, run.last
        for other, _ in kept:
            if other.first <= last and first <= other.last:
                before, after = (first, other.first - 1), (other.last + 1, last)
                first, last = max(before, after, key=lambda part: part[1] - part[0])
        if 2 * (last - first + 1) > run.last - run.first + 1:
            kept.append((Run(first, last, run.evidence), shift))
    return sorted(kept, key=lambda each: each[0].first)


def _described(run: Run, shift: int) -> str:
    lines = "one line" if abs(shift) == 1 else f"{abs(shift)} lines"
    return f"about {run.last - run.first + 1:,} pairs: the target comes {lines} too {'late' if shift > 0 else 'early'}"
