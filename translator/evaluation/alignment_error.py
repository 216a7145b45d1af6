"""Alignment error rate (Och and Ney, 2003, §5.2)."""

from collections.abc import Iterable, Set
from typing import NamedTuple

Link = tuple[int, int]


class AlignmentScore(NamedTuple):
    """Figures of the links of all sentences together.

    Attributes:
        error_rate: AER, 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|) with A the links, S the sure ones and P ⊇ S the possible.
        precision: |A ∩ P| / |A|.
        recall: |A ∩ S| / |S|.
    """

    error_rate: float
    precision: float
    recall: float


def alignment_score(
    found: Iterable[Set[Link]], sure: Iterable[Set[Link]], possible: Iterable[Set[Link]]
) -> AlignmentScore:
    """Compares links with those of a gold alignment, sentence by sentence.

    Args:
        found: links of each sentence.
        sure: the links that must be there.
        possible: those that may be there; sure ones need not be said again.
    """
    links = right = hit = wanted = 0
    for a, s, p in zip(found, sure, possible, strict=True):
        links, wanted = links + len(a), wanted + len(s)
        hit, right = hit + len(a & s), right + len(a & (s | p))
    return AlignmentScore(
        1 - (hit + right) / (links + wanted) if links + wanted else 0.0,
        right / links if links else 1.0,
        hit / wanted if wanted else 1.0,
    )
