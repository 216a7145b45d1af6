"""Training pairs modified at random: capitals, typos, lost punctuation, merged sentences, noise, placeholders.

As those of OpusTrainer (Bogoychev et al., 2023, arXiv:2311.14838) do, each is applied to a share of the pairs, other
ones in each epoch. What is drawn is a function of (seed, epoch, row). A modified text is segmented again; the plan of
an epoch knows which rows will be modified and how, and leaves room for it.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from translator.config.modifiers import ModifiersConfig
from translator.data.corpora.base import SentencePair
from translator.data.random_numbers import uniform
from translator.data.rewriting import changed_between, noise, title, with_typos, without_end_punctuation
from translator.data.store import Sequences, TokenStore
from translator.data.tokenizer import Tokenizer
from translator.vocabulary import UNK_ID

STREAM = 2**16  # of random numbers, beside those of sampled subwords
MEASURED, FITTING = 256, 0.9  # rows by which room is measured, and the share of modified ones that fits into it
MERGE_ATTEMPTS = 4  # pairs that are looked at for one no longer than the pair that it is appended to
NOISE_CHARACTERS = 4  # of a sentence, for which noise has one: in most vocabularies, as many tokens
PLACEHOLDERS = ("{0}", "{1}", "{name}", "{count}", "%s", "%d", "%1$s", "$1", "${name}", "[1]", "<x1/>", "<br/>")
TAGS = (("<b>", "</b>"), ("<i>", "</i>"), ("<a>", "</a>"), ("<g1>", "</g1>"), ("**", "**"), ('"', '"'))


class Material(NamedTuple):
    """What modifiers need beside the pair."""

    settings: ModifiersConfig
    characters: str = ""  # of noise
    other: Callable[[Random], SentencePair | None] = lambda _: None  # another pair of the corpus, drawn at random
    symbols: Sequence[str] = ()  # user-defined ones, of which no letter changes


@dataclass(frozen=True)
class Modifier:
    """One thing that may be done to a pair.

    Attributes:
        modified: the pair after it; the same pair where it cannot be done.
        in_vocabulary: whether it brings regular strings that the vocabulary should have subwords for.
    """

    modified: Callable[[SentencePair, Random, Material], SentencePair]
    in_vocabulary: bool = False


def _cased(pair: SentencePair, material: Material, change: Callable[[str], str]) -> SentencePair:
    both = material.settings.case_sides == "both"
    source, target = (changed_between(material.symbols, side, change) for side in pair)
    return SentencePair(source, target if both else pair.target)


def _with_typos(pair: SentencePair, random: Random, material: Material) -> SentencePair:
    def change(text: str) -> str:
        return with_typos(text, material.settings.typo_words, random)

    return SentencePair(changed_between(material.symbols, pair.source, change), pair.target)


def _without_end_punctuation(pair: SentencePair, random: Random, material: Material) -> SentencePair:
    return SentencePair(*map(without_end_punctuation, pair))


def _merged(pair: SentencePair, random: Random, material: Material) -> SentencePair:
    others = (material.other(random) for _ in range(MERGE_ATTEMPTS))
    for other in others:
        if other and all(len(more) <= len(side) for side, more in zip(pair, other, strict=True)):
            return joined([pair, other])
    return pair


def _noise(pair: SentencePair, random: Random, material: Material) -> SentencePair:
    if not material.characters:
        return pair
    text = noise(material.characters, max(1, min(map(len, pair)) // NOISE_CHARACTERS), random)
    return SentencePair(text, text)


def _with_placeholder(pair: SentencePair, random: Random, material: Material) -> SentencePair:
    before, after = random.choice([*TAGS, *((placeholder, "") for placeholder in PLACEHOLDERS)])
    sides = pair.source.split(" "), pair.target.split(" ")
    common = [word for word in sides[0] if word and all(words.count(word) == 1 for words in sides)]
    if common:
        word = random.choice(common)
        put = f"{before}{word}{after}" if after else before
        return SentencePair(*(" ".join(put if each == word else each for each in words) for words in sides))
    if after:
        return SentencePair(*(f"{before}{side}{after}" for side in pair))
    first = random.random() < 0.5
    return SentencePair(*(f"{before} {side}" if first else f"{side} {before}" for side in pair))


MODIFIERS: Mapping[str, Modifier] = {
    "upper": Modifier(lambda pair, _, material: _cased(pair, material, str.upper), in_vocabulary=True),
    "title": Modifier(lambda pair, _, material: _cased(pair, material, title), in_vocabulary=True),
    "typos": Modifier(_with_typos),
    "no_end_punctuation": Modifier(_without_end_punctuation),
    "merged": Modifier(_merged),
    "noise": Modifier(_noise),
    "placeholders": Modifier(_with_placeholder, in_vocabulary=True),
}


def joined(pairs: Iterable[SentencePair]) -> SentencePair:
    """Pairs as one, with spaces between their sentences."""
    return SentencePair(*(" ".join(sides) for sides in zip(*pairs, strict=True)))


def modified_for_vocabulary(
    pairs: Iterable[SentencePair], settings: ModifiersConfig, seed: int, symbols: Sequence[str] = ()
) -> Iterator[SentencePair]:
    """The pairs that a vocabulary is learned from, the share of them modified that training will modify.

    By those modifiers alone that bring strings which come again and again.
    """
    shares = {name: share for name, share in settings.shares.items() if MODIFIERS[name].in_vocabulary}
    names, ends = list(shares), list(itertools.accumulate(shares.values()))
    if not shares:
        yield from pairs
        return
    random, material = Random(seed), Material(settings, symbols=symbols)
    for pair in pairs:
        drawn = random.random()
        name = next((name for name, end in zip(names, ends, strict=True) if drawn < end), None)
        yield MODIFIERS[name].modified(pair, random, material) if name else pair


class Effect(NamedTuple):
    """What a modifier does to the rows by which room is measured."""

    changed: int  # rows whose text it changes
    lost: int  # of those, the ones that stay as they are, since the vocabulary lacks characters of the new text


@dataclass(frozen=True)
class Modifying:
    """Modifies rows of a store: what is drawn is a function of the seed, the epoch and the row.

    A row stays as it is if its modified text does not fit into the batch or has characters that the vocabulary lacks,
    or if its ids lack some already.
    """

    store: TokenStore
    tokenizers: tuple[Tokenizer, Tokenizer]  # of the source and of the target
    settings: ModifiersConfig

    def room(
        self, lengths: tuple[np.ndarray, np.ndarray], seeds: tuple[int, int], rows: np.ndarray, longest: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The most tokens that the sides of rows may have, of which `lengths` are what they have now.

        Nothing gets longer than `longest`, the longest side in the store, so that `data.max_tokens` holds.
        """
        which, _ = self._drawn(seeds, rows)
        source, target = (
            np.minimum(np.ceil(side * growth[which]), longest).astype(np.min_scalar_type(longest))
            for side, growth in zip(lengths, self._growth, strict=True)
        )
        return source, target

    def draw(self, seeds: tuple[int, int], rows: np.ndarray, most: tuple[int, int]) -> tuple[Sequences, Sequences]:
        """Takes rows from the store, those modified that are to be.

        Args:
            seeds: the run's seed and the epoch.
            rows: int64, the number of each pair in the store.
            most: tokens of a source and of a target that no modified one passes.
        """
        which, keys = self._drawn(seeds, rows)
        modified = self._modified(rows, which, keys)
        sides = [list(side.take(rows)) for side in (self.store.source, self.store.target)]
        for place, pair in modified.items():
            if all(len(ids) <= limit for ids, limit in zip(pair, most, strict=True)):
                for side, ids in zip(sides, pair, strict=True):
                    side[place] = ids
        return Sequences.of(sides[0]), Sequences.of(sides[1])

    def effects(self) -> dict[str, Effect]:
        """What each of the modifiers does."""
        effects = {}
        for name, (texts, modified) in self._measured.items():
            effects[name] = Effect(len(texts), len(texts) - len(modified))
        return effects

    def _modified(self, rows: np.ndarray, which: np.ndarray, keys: np.ndarray) -> dict[int, tuple[np.ndarray, ...]]:
        """The ids of both sides of those rows that come out modified, by their places."""
        return self._encoded(self._texts(rows, which, keys))

    def _texts(self, rows: np.ndarray, which: np.ndarray, keys: np.ndarray) -> dict[int, SentencePair]:
        """The texts of those rows that are changed, by their places."""
        names = list(self.settings.shares)
        texts: dict[int, SentencePair] = {}
        for place in np.flatnonzero(which < len(names)).tolist():
            if pair := self._pair(int(rows[place])):
                modifier = MODIFIERS[names[which[place]]]
                modified = modifier.modified(pair, Random(int(keys[place])), self._material)
                if modified != pair:
                    texts[place] = modified
        return texts

    def _encoded(self, texts: dict[int, SentencePair]) -> dict[int, tuple[np.ndarray, ...]]:
        """The ids of both sides of those texts of which the vocabulary has all characters, by their places."""
        source, target = ([pair[side] for pair in texts.values()] for side in (0, 1))
        encoded = zip(self.tokenizers[0].encode(source, 1), self.tokenizers[1].encode(target, 1), strict=True)
        return {
            place: tuple(map(np.array, ids))
            for place, ids in zip(texts, encoded, strict=True)
            if all(side and UNK_ID not in side for side in ids)
        }

    @functools.cached_property
    def _measured_rows(self) -> np.ndarray:
        """Rows from all over the store: int64 [at most `MEASURED`]."""
        return np.unique(np.linspace(0, len(self.store) - 1, MEASURED).astype(np.int64))

    @functools.cached_property
    def _measured(self) -> dict[str, tuple[dict[int, SentencePair], dict[int, tuple[np.ndarray, ...]]]]:
        """What each modifier makes of the measured rows: `_texts`, and `_encoded` of them."""
        rows = self._measured_rows
        made = {
            name: self._texts(rows, np.full(len(rows), number), rows)
            for number, name in enumerate(self.settings.shares)
        }
        return {name: (texts, self._encoded(texts)) for name, texts in made.items()}

    @functools.cached_property
    def _growth(self) -> tuple[np.ndarray, np.ndarray]:
        """How many times as many tokens a side may have, by modifier; 1 without one."""
        growth = np.ones([2, 1 + len(self.settings.shares)])
        for number, (_, modified) in enumerate(self._measured.values()):
            for side, sequences in enumerate((self.store.source, self.store.target)):
                ratios = [
                    len(ids[side]) / len(sequences[self._measured_rows[place]]) for place, ids in modified.items()
                ]
                growth[side, number] = max(1.0, np.quantile(ratios, FITTING)) if ratios else 1.0
        return growth[0], growth[1]

    def _drawn(self, seeds: tuple[int, int], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of each row's modifier, or how many there are; and a key for its random choices."""
        ends = np.cumsum(list(self.settings.shares.values()))
        numbers = uniform([*seeds, STREAM], rows)
        return np.searchsorted(ends, numbers, side="right"), (numbers * 2.0**53).astype(np.uint64)

    def _pair(self, row: int) -> SentencePair | None:
        """The text of a row; None if the ids do not have all of it."""
        sides = self.store.source[row], self.store.target[row]
        if any((ids == UNK_ID).any() for ids in sides):
            return None
        return SentencePair(*(text_of(ids.tolist(), of) for of, ids in zip(self.tokenizers, sides, strict=True)))

    @functools.cached_property
    def _material(self) -> Material:
        return Material(
            self.settings,
            shared_characters(self.tokenizers),
            lambda random: self._pair(random.randrange(len(self.store))),
            [symbol for tokenizer in self.tokenizers for symbol in tokenizer.symbols],
        )


def text_of(ids: list[int], tokenizer: Tokenizer) -> str:
    """What `Tokenizer.decode` gives for ids without special ones, at less cost for one sentence."""
    spelled = tokenizer.spelled(ids)
    return tokenizer.decode([ids])[0] if spelled is None else spelled.replace("▁", " ").strip(" ")


def shared_characters(tokenizers: tuple[Tokenizer, Tokenizer]) -> str:
    """The characters that are a subword of their own on both sides."""
    source, target = (
        {text for id_ in range(of.vocabulary_size) if (text := of.spelled([id_])) and len(text) == 1 and text != "▁"}
        for of in tokenizers
    )
    return "".join(sorted(source & target))
