"""Which sentences belong to which split, and the random choices that respect it.

A clause is built around one *kernel*: its predicate and the noun that goes with it most closely, which is the object of
a verb that has one, the goal of a verb of motion, and the subject of other verbs and of adjectives. A digest of the
kernel assigns it to a split, the same in every process and for every seed.
"""

import random
import zlib
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from translator.grammar.lexicon import Adjective, Noun, Verb

SPLITS = ("train", "validation", "test")
HELD_OUT_SHARE = 20
"""One kernel in this many is held out for validation, and another for test."""

Choice = TypeVar("Choice")
Head = TypeVar("Head", bound=Verb | Adjective)


def split_of(predicate: str, noun: str) -> str:
    """Assigns a kernel, given by the English words of its predicate and noun, to a split."""
    digest = zlib.crc32(f"{predicate}/{noun}".encode()) % HELD_OUT_SHARE
    return {0: "validation", 1: "test"}.get(digest, "train")


def partners(head: Verb | Adjective) -> tuple[Noun, ...]:
    """Lists the nouns that make a kernel with a verb or an adjective."""
    if isinstance(head, Adjective):
        return head.nouns
    return head.objects or head.subjects


@cache
def kernels(heads: tuple[Head, ...], split: str) -> tuple[tuple[Head, tuple[Noun, ...]], ...]:
    """Lists the heads that have kernels in a split, each with its nouns there.

    In training each head is listed once, so that verbs with few objects are learned too. In the other splits each is
    listed once for each of its nouns, so that all kernels are tested equally often.
    """
    found = []
    for head in heads:
        allowed = tuple(noun for noun in partners(head) if split_of(head.english, noun.english) == split)
        times = min(1, len(allowed)) if split == "train" else len(allowed)
        found.extend([(head, allowed)] * times)
    return tuple(found)


class Chooser:
    """Makes every random choice of one stream of sentences.

    Only `random.Random.random` is used: Python guarantees its sequence for a seed.

    Attributes:
        split: The split whose kernels main clauses are built around. All other clauses take those of training.
    """

    def __init__(self, split: str, seed: int) -> None:
        self.split = split
        self._random = random.Random(f"{split} {seed}").random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def pick(self, options: Sequence[Choice]) -> Choice:
        return options[int(self._random() * len(options))]

    def number(self, low: int, high: int) -> int:
        """Picks a number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def kernel(self, heads: tuple[Head, ...], split: str) -> tuple[Head, Noun]:
        """Picks the kernel of a clause: a head, then a noun that the split allows."""
        head, allowed = self.pick(kernels(heads, split))
        return head, self.pick(allowed)
