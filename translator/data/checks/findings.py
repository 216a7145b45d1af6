"""What checks find: trouble of one kind in one corpus, with its first places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from translator.data.checks.blocks import Block
from translator.data.corpora.base import Corpus, Side

Severity = Literal["error", "warning", "note"]  # an error would ruin a run
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MOST_EXAMPLES = 5  # of a finding
MOST_CHARACTERS = 120  # of an example


@dataclass(frozen=True)
class Example:
    """Where one of the things that were found stands, and what it is."""

    place: str  # such as `data/train.en:17`
    text: str


@dataclass(frozen=True)
class Finding:
    """Trouble of one kind in one corpus.

    Attributes:
        kind: of trouble, as in `empty` or `near-duplicate`.
        severity: an `error` would ruin a run.
        corpus: such as `train: data/train.en and data/train.de`.
        count: how many pairs have it, or how many characters where the vocabulary lacks some of training.
        pairs: of the corpus, or its characters likewise, of which `count` is a part; 0 of trouble that is not counted.
        message: what was found and what to do about it.
        examples: the first of them.
    """

    kind: str
    severity: Severity
    corpus: str
    count: int
    pairs: int
    message: str
    examples: tuple[Example, ...] = ()


class Check(Protocol):
    """Looks for one kind of trouble, or a few that are found in the same way."""

    def look(self, block: Block) -> None:
        """Takes in a block; those of a pair of languages come together, of training before validation and test."""
        ...

    def findings(self) -> list[Finding]:
        """What has been found, once all blocks have been looked at."""
        ...


@dataclass
class _Tallied:
    """What is found in one corpus."""

    corpus: Corpus
    section: str
    pairs: int = 0
    count: int = 0
    examples: list[Example] = field(default_factory=list)


class Tally:
    """Counts pairs with one kind of trouble, for each corpus, and keeps the first of them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._found: dict[int, _Tallied] = {}  # by the identity of the corpus, which `_Tallied` keeps alive

    def add(
        self, block: Block, rows: Sequence[int] | np.ndarray, text: Callable[[int], str], side: Side = "source"
    ) -> None:
        """Counts rows of a block; `text` gives what is shown of a row, which stands on that side."""
        found = self._found.setdefault(id(block.corpus), _Tallied(block.corpus, block.section))
        found.pairs = block.first - 1 + len(block)
        found.count += len(rows)
        for row in rows[: MOST_EXAMPLES - len(found.examples)]:
            found.examples.append(Example(block.place(int(row), side), shortened(text(int(row)))))

    def findings(self, describe: Callable[[int, int], tuple[Severity, str]]) -> list[Finding]:
        """A finding for each corpus where there is something; `describe` gets the count and the number of pairs."""
        found = []
        for each in self._found.values():
            if each.count:
                severity, message = describe(each.count, each.pairs)
                name = named(each.section, each.corpus)
                found.append(Finding(self.kind, severity, name, each.count, each.pairs, message, tuple(each.examples)))
        return found


def named(section: str, corpus: Corpus) -> str:
    """What findings call a corpus."""
    return f"{section}: {corpus.description}"


def graded(count: int, pairs: int, warning: float, error: float = 2.0) -> Severity:
    """The severity of what so many of the pairs have, given the shares from which on it is more than a note."""
    share = count / max(pairs, 1)
    return "error" if share >= error else "warning" if share >= warning else "note"


def counted(count: int, one: str, several: str) -> str:
    """`1 pair has`, `1,234 pairs have`."""
    return f"{count:,} {one if count == 1 else several}"


def shortened(text: str) -> str:
    """The start of a text, with all that is not printable escaped."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
