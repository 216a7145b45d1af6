"""Pairs with a blank side, and pairs whose sides are the same text."""

import numpy as np

from translator.data.checks import characters
from translator.data.checks.blocks import Block
from translator.data.checks.findings import Finding, Severity, Tally, counted, graded

FEWEST_LETTERS = 8  # of a text that is hardly the same in two languages, as a name or a number is


class BlankSides:
    """Pairs that have nothing but spaces on a side."""

    def __init__(self) -> None:
        self._tally = Tally("empty")

    def look(self, block: Block) -> None:
        """Counts characters that are not spaces."""
        written = [side.count((side.classes & (characters.SPACE | characters.CONTROL)) == 0) for side in block.sides]
        self._tally.add(block, np.flatnonzero(np.minimum(*written) == 0), block.both)

    def findings(self) -> list[Finding]:
        """Half of a corpus without text is an error."""

        def describe(count: int, pairs: int) -> tuple[Severity, str]:
            what = counted(count, "pair has an empty side", "pairs have an empty side")
            return graded(count, pairs, 0.001, 0.5), f"{what}; training leaves such pairs out, evaluation keeps them"

        return self._tally.findings(describe)


class EqualSides:
    """Pairs that say the same on both sides: they have not been translated."""

    def __init__(self) -> None:
        self._tally = Tally("identical")

    def look(self, block: Block) -> None:
        """Compares the sides of pairs that have some letters."""
        pairs = zip(block.source.lines, block.target.lines, strict=True)
        equal = np.fromiter((one == other for one, other in pairs), bool, len(block))
        letters = block.source.count((block.source.classes & characters.LETTER) > 0)
        self._tally.add(block, np.flatnonzero(equal & (letters >= FEWEST_LETTERS)), block.source.lines.__getitem__)

    def findings(self) -> list[Finding]:
        """A model learns to copy from a few per cent of such pairs (Khayrallah and Koehn, 2018)."""

        def describe(count: int, pairs: int) -> tuple[Severity, str]:
            what = counted(count, "pair has the same text on both sides", "pairs have the same text on both sides")
            return graded(count, pairs, 0.005, 0.2), f"{what}; a few per cent of them teach a model to copy"

        return self._tally.findings(describe)
