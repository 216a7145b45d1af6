"""Pairs with a blank side, and pairs whose sides are the same text."""

import numpy as np

from translator.data.checks import characters
from translator.data.checks.blocks import Block
from translator.data.checks.findings import Finding, Severity, Tally, counted, graded
from translator.data.filters import has_equal_sides, has_text

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
    """Pairs that say the same on both sides, as `data.filters.identical` leaves them out of training."""

    def __init__(self) -> None:
        self._untranslated, self._short = Tally("identical"), Tally("identical-short")

    def look(self, block: Block) -> None:
        """Compares the sides, and counts their letters."""
        equal = np.fromiter((has_text(pair) and has_equal_sides(pair) for pair in block.pairs()), bool, len(block))
        is_short = block.source.count((block.source.classes & characters.LETTER) > 0) < FEWEST_LETTERS
        self._untranslated.add(block, np.flatnonzero(equal & ~is_short), block.source.lines.__getitem__)
        if block.section == "train":
            self._short.add(block, np.flatnonzero(equal & is_short), block.source.lines.__getitem__)

    def findings(self) -> list[Finding]:
        """A model learns to copy from a few per cent of pairs that are not translated (Khayrallah and Koehn, 2018)."""

        def of_untranslated(count: int, pairs: int) -> tuple[Severity, str]:
            what = counted(count, "pair has the same text on both sides", "pairs have the same text on both sides")
            return graded(count, pairs, 0.005, 0.2), f"{what}; a few per cent of them teach a model to copy"

        def of_short(count: int, pairs: int) -> tuple[Severity, str]:
            what = counted(count, "pair has", "pairs have")
            return "note", (
                f"{what} the same text of fewer than {FEWEST_LETTERS} letters on both sides; names and numbers may"
            )

        return [*self._untranslated.findings(of_untranslated), *self._short.findings(of_short)]
