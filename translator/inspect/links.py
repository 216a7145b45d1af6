"""Sets of links between the words of a sentence and of its translation: made from weights, and joined.

No TensorFlow here.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from translator.data.alignment import Link, Links

Symmetrization = Literal["grow-diag-final-and", "intersection", "union", "none"]


def best_of_targets(weights: np.ndarray) -> Links:
    """Joins each word of the translation with the word that it looks at most, or with none.

    Args:
        weights: [T, S + 1]; the last column is the end of the sentence: what looks there most, comes from nowhere.
    """
    if not weights.size:
        return frozenset()
    best = weights.argmax(1)
    return frozenset((int(i), j) for j, i in enumerate(best) if i < weights.shape[1] - 1)


def best_of_sources(weights: np.ndarray) -> Links:
    """Joins each word of the sentence with the word of the translation that looks at it most: [T, S + 1]."""
    if not weights.size:
        return frozenset()
    return frozenset((i, int(j)) for i, j in enumerate(weights[:, :-1].argmax(0)))


def reversed_links(links: Links) -> Links:
    """The links of the pair the other way round."""
    return frozenset((j, i) for i, j in links)


def grow_diag_final_and(forward: Links, backward: Links) -> Links:
    """Begins with what both say, adds neighbours that one says, then what links two words that have no link yet.

    Koehn, Och and Marcu (2003, §4.5), in the variant "final-and" of Moses.
    """
    either = forward | backward
    links = set(forward & backward)
    sources, targets = {i for i, _ in links}, {j for _, j in links}

    def add(link: Link) -> None:
        links.add(link)
        sources.add(link[0])
        targets.add(link[1])

    grows = True
    while grows:
        grows = False
        for i, j in sorted(either):
            for near in [(i + di, j + dj) for di, dj in _NEIGHBOURS] if (i, j) in links else ():
                if near in either and near not in links and (near[0] not in sources or near[1] not in targets):
                    add(near)
                    grows = True
    for direction in (forward, backward):
        for link in sorted(direction):
            if link[0] not in sources and link[1] not in targets:
                add(link)
    return frozenset(links)


_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))

SYMMETRIZATIONS: dict[Symmetrization, Callable[[Links, Links], Links]] = {
    "grow-diag-final-and": grow_diag_final_and,
    "intersection": frozenset.__and__,
    "union": frozenset.__or__,
    "none": lambda of_targets, _: of_targets,
}
