"""Pairs whose sides differ in length far more than the languages do."""

import numpy as np

from translator.data.checks.blocks import Block
from translator.data.checks.findings import Finding, Severity, Tally, counted, graded

MOST_TIMES = 3.0  # how many times longer a side may be, beside the ratio that is usual in the corpus
FEWEST_CHARACTERS = 25  # by which it must be longer, too
SMOOTHED_BY = 5  # characters added to each side, for short texts


class LengthRatios:
    """Pairs in which one side is three times as long as it usually is beside the other."""

    def __init__(self) -> None:
        self._tally = Tally("ratio")
        self._sum, self._count = 0.0, 0  # of the medians of blocks, weighted by their pairs

    def look(self, block: Block) -> None:
        """Compares with the median ratio of the blocks so far."""
        source, target = (side.lengths for side in block.sides)
        ratios = np.log((target + SMOOTHED_BY) / (source + SMOOTHED_BY))
        written = np.minimum(source, target) > 0
        if written.any():
            self._sum += float(np.median(ratios[written])) * len(block)
            self._count += len(block)
        usual = self._sum / max(self._count, 1)
        differing = np.abs(ratios - usual) > np.log(MOST_TIMES)
        rows = np.flatnonzero(written & differing & (np.abs(target - source * np.exp(usual)) > FEWEST_CHARACTERS))
        self._tally.add(block, rows, block.both)

    def findings(self) -> list[Finding]:
        """A third of a corpus with such pairs is an error: the sides do not belong together."""

        def describe(count: int, pairs: int) -> tuple[Severity, str]:
            what = counted(count, "pair has a side", "pairs have a side")
            message = f"{what} {MOST_TIMES:.0f} times as long as usual beside the other; one of the two lacks something"
            return graded(count, pairs, 0.005, 0.33), message

        return self._tally.findings(describe)
