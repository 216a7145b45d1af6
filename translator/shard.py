"""One of so many parts of a work, which processes do without a word between them."""

import re
from dataclasses import dataclass

from translator.errors import TranslatorError


class ShardError(TranslatorError):
    """A part that there is not."""


@dataclass(frozen=True)
class Shard:
    """One of so many parts.

    Attributes:
        number: from 1.
        count: of all parts.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        """Raises a ShardError for a part that does not exist."""
        if not 1 <= self.number <= self.count:
            raise ShardError(
                f"--shard {self}: expected the number of a part and of all, as in 3/8; there is no part {self.number} "
                f"of {self.count}"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads "3/8"."""
        if not (found := re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)):
            raise ShardError(f"--shard {text}: expected the number of a part and of all, as in 3/8")
        return cls(int(found[1]), int(found[2]))

    def of(self, lines: int) -> range:
        """Its lines, from 0: the parts are contiguous, in order, and differ by one line at most."""
        return range(lines * (self.number - 1) // self.count, lines * self.number // self.count)
