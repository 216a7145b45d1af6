"""Byte-pair encoding (Sennrich et al., 2016), of which some merges are left out."""

import itertools
import math
from collections.abc import Mapping, Sequence

from translator.vocabulary import UNK_ID


class Merges:
    """The merges of a vocabulary, by which it makes subwords of characters."""

    def __init__(self, ids: Mapping[str, int], ranks: Mapping[str, float]) -> None:
        """Takes what a vocabulary has of each subword.

        Args:
            ids: by what they spell, with "▁" for a space.
            ranks: how early each was made, likewise.
        """
        self._ids, self._ranks = ids, ranks

    def with_dropout(self, text: str, skips: Sequence[int]) -> list[int] | None:
        """A segmentation by BPE-dropout (Provilkov et al., 2020, algorithm 1).

        Args:
            text: a part of normalized text, with "▁" for a space.
            skips: for each merge, how many of the best are passed over; as many numbers as there are characters. Where
                that is all, the text is done.

        Returns:
            The ids; None where it has characters, or would have subwords, that the vocabulary lacks.
        """
        ranks = self._ranks
        symbols = list(text)
        # An array: its minimum is quicker than a heap for what is ever one word.
        found = [ranks.get(a + b, math.inf) for a, b in itertools.pairwise(symbols)]
        for skip in skips:
            i = _place_of_smallest(found, skip)
            if i is None:
                break
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            del found[i]
            if i < len(found):
                found[i] = ranks.get(symbols[i] + symbols[i + 1], math.inf)
            if i:
                found[i - 1] = ranks.get(symbols[i - 1] + symbols[i], math.inf)
        ids = [self._ids.get(symbol, UNK_ID) for symbol in symbols]
        return None if UNK_ID in ids else ids


def _place_of_smallest(values: Sequence[float], skip: int) -> int | None:
    """Where the smallest value is, after so many that are passed over; None where it is infinite, or there is none."""
    if skip >= len(values):
        return None
    i = sorted(range(len(values)), key=values.__getitem__)[skip] if skip else values.index(min(values))
    return None if values[i] == math.inf else i
