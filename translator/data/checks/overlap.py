"""Sentences of the validation and test sets that stand in the training corpora too, or nearly."""

from collections.abc import Callable, Sequence

import numpy as np

from translator.data.checks.blocks import Block
from translator.data.checks.findings import Finding, Severity, Tally, counted, graded
from translator.data.checks.shingles import ShingleIndex

KINDS = ("in-training", "in-training-short", "near-training", "source-in-training")
FEWEST_LETTERS = 20  # of a text that is not there by chance, as a greeting is


class Overlap:
    """Indexes the few thousand pairs of the evaluation sets, and lets training stream past them.

    A pair *is in* training if both sides have the same letters and digits there, whatever their case; it is *near*
    training if the letters and digits of neither side differ by more edits than a tenth of its characters.
    """

    def __init__(self, evaluation: Sequence[Block]) -> None:
        """Takes all blocks of the evaluation sets."""
        self._evaluation = evaluation
        self._lines = [[line for block in evaluation for line in block.sides[side].words.lines] for side in (0, 1)]
        self._size = len(self._lines[0])
        self._indices = [
            ShingleIndex([line for block in evaluation for line in block.sides[side].lines]) for side in (0, 1)
        ]
        self._pairs: dict[tuple[str, str], list[int]] = {}
        self._sources: dict[str, list[int]] = {}
        for number, (source, target) in enumerate(zip(*self._lines, strict=True)):
            if source and target:
                self._pairs.setdefault((source, target), []).append(number)
            if len(source) >= FEWEST_LETTERS:
                self._sources.setdefault(source, []).append(number)
        # What is shown of the training pair, by the number of the evaluation pair.
        self._found: dict[str, dict[int, str]] = {kind: {} for kind in KINDS}

    def look(self, block: Block) -> None:
        """Looks training pairs up."""
        if block.section != "train" or not self._size:
            return
        equal, short, near, sources = (self._found[kind] for kind in KINDS)
        for row, (source, target) in enumerate(zip(*(side.words.lines for side in block.sides), strict=True)):
            if source in self._sources:
                for number in self._sources[source]:
                    sources.setdefault(number, _shown(block, row))
            by_chance = max(len(source), len(target)) < FEWEST_LETTERS
            for number in self._pairs.get((source, target), ()):
                (short if by_chance else equal).setdefault(number, _shown(block, row))
        for row, number in zip(*self._near(block), strict=True):
            near.setdefault(int(number), _shown(block, int(row)))

    def _near(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a block and numbers of evaluation pairs that are near each other on both sides: int64 [P] each."""
        found = [index.candidates(side) for index, side in zip(self._indices, block.sides, strict=True)]
        short = [index.too_short for index in self._indices]
        # A side that is too short for shingles leaves it to the other one to find candidates.
        keys = np.union1d(
            np.intersect1d(found[0], found[1], assume_unique=True),
            np.concatenate([found[side][short[1 - side][found[side] % self._size]] for side in (0, 1)]),
        )
        rows, numbers = np.divmod(keys, self._size)
        for index, side in zip(self._indices, block.sides, strict=True):
            near = index.near(side, rows, numbers)
            rows, numbers = rows[near], numbers[near]
        return rows, numbers

    def findings(self) -> list[Finding]:
        """One pair in a hundred in training is an error: scores would say how well the model remembers."""
        equal, short, near, sources = (self._found[kind] for kind in KINDS)
        same = equal.keys() | short.keys()
        near = {number: shown for number, shown in near.items() if number not in same}
        sources = {number: shown for number, shown in sources.items() if number not in same and number not in near}
        found = []
        for kind, shown, what, warning, error in (
            ("in-training", equal, "in training too", 0.0, 0.01),
            (
                "in-training-short",
                short,
                f"in training too, with fewer than {FEWEST_LETTERS} letters a side",
                0.05,
                0.5,
            ),
            ("near-training", near, "in training with at most a tenth of each side's characters edited", 0.01, 0.1),
            ("source-in-training", sources, "in training with the same source and another target", 0.01, 2.0),
        ):
            found += self._tallied(kind, shown).findings(_describe(what, warning, error))
        return found

    def _tallied(self, kind: str, shown: dict[int, str]) -> Tally:
        tally, start = Tally(kind), 0
        for block in self._evaluation:
            of_block = {number - start: text for number, text in sorted(shown.items())}
            tally.add(block, [row for row in of_block if 0 <= row < len(block)], of_block.__getitem__)
            start += len(block)
        return tally


def _shown(block: Block, row: int) -> str:
    return f"{block.place(row)}: {block.both(row)}"


def _describe(what: str, warning: float, error: float) -> Callable[[int, int], tuple[Severity, str]]:
    def describe(count: int, pairs: int) -> tuple[Severity, str]:
        message = f"{counted(count, 'pair stands', 'pairs stand')} {what}; take it out of one of the two"
        return graded(count, pairs, warning, error), message

    return describe
