"""Which words in a row some markup encloses."""

from collections.abc import Sequence

from translator.documents.units import Node, Span

OTHER = "other"  # what belongs to no markup


def runs_of(owners: Sequence[Node | str | None]) -> dict[Node, Span]:
    """The first and last word of each child: those in a row with the most of its own and the fewest of other text."""
    own: dict[Node, list[int]] = {}
    for i, owner in enumerate(owners):
        if isinstance(owner, Node):
            own.setdefault(owner, []).append(i)
    return {child: _best_run(owners, places, strict=bool(child.marker)) for child, places in own.items()}


def _best_run(owners: Sequence[Node | str | None], places: Sequence[int], *, strict: bool) -> Span:
    """See `runs_of`; `places` has the words of one child. If it is strict, none of others."""
    start = last = places[0]
    best, most, total = (start, last), 1, 1
    for i in places[1:]:
        between = owners[last + 1 : i]
        others = sum(each is OTHER for each in between)
        if total <= others or any(isinstance(each, Node) for each in between) or (strict and between):
            start, total = i, 0
        else:
            total -= others
        total, last = total + 1, i
        if total > most:
            best, most = (start, i), total
    return best
