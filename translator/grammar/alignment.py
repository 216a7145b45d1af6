"""Words that know what they come from, and the word alignment of a sentence that follows from it.

Words are what spaces separate, but a punctuation mark is a word of its own; *twenty-one* and *o'clock* are one word
each. A link is *sure* or *possible* (Och and Ney, 2003, §5.1): a sure one is missed if it is absent, a possible one is
merely no fault if it is there. These are the rules:

1. **Content words** – nouns, adjectives, adverbs, numbers, names of days and months – are sure with their translation,
   as are degree (*very* – *sehr*), conjunctions, question words, pronouns and relative pronouns.
2. **Determiners**: articles, demonstratives, possessives and quantifiers are sure with one another. What only one
   language has is not linked (*trinkt Milch*).
3. **Prepositions** are sure with one another. What is *contracted* is sure with both parts: *im* with *in* and *the*.
   An English preposition that German expresses by case is linked to nothing, but see 5.
4. **Verbs**: a main verb is sure with the main verb, and an auxiliary, a modal or *will* with the finite verb that does
   the same: *will read* – *wird lesen*, *did read* – *hat gelesen*, *would* and *like* both with *möchte*. An auxiliary
   that has no counterpart is possible with the verb whose tense it forms: *read* – *hat (gelesen)*, *does* and *is*
   with *liest*; so it is even where it has one (*did* – *gelesen*). *to* before an infinitive is possible with the
   modal and with the infinitive.
5. **Verbs of several words**: a verb with a particle or a preposition and a verb with a separable prefix correspond as
   a whole. Written as one word, it is sure with all words of the other (*get* and *up* – *aufstehen*, *look* and
   *for* – *suchen*, *invite* – *lädt* and *ein*). Where both are parted, head with head and particle with prefix are
   sure, the other two possible. The preposition of a German verb is sure with that of the English one.
6. **Negation**: *not* is sure with *nicht*, *never* with *nie*, *cannot* with *kann* and with *nicht*. *kein* is sure
   with *not* and possible with the article *a*.
7. **Expressions**: *there is* – *es gibt* is sure word by word (*there* – *es*). In *half past three* – *halb vier*
   the halves and the hours are sure, *past* is possible with both. *of* in a date is possible with the ordinal.
8. **Punctuation** is sure with its counterpart. A comma that one language alone has is possible with the other's word
   for the conjunction or relative pronoun whose clause it bounds, or with the phrase that it follows at the beginning.

The links are not found afterwards: each phrase is written in both languages at once, and its words carry the same
labels. A clause puts the name of a role before the labels of the phrase that fills it, so that they stay apart.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

MARKS = ",.?"


class Word(NamedTuple):
    """A word or a punctuation mark.

    Two words of two languages have a sure link if they share a label of `sure`, and a possible one if one of them has
    a label in `possible` that the other has in `sure`.
    """

    text: str
    sure: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()


Words = tuple[Word, ...]
Link = tuple[int, int]


class AlignedPair(NamedTuple):
    """A sentence in both languages with its word alignment.

    Attributes:
        sure: links (i, j) between word i of the English sentence and word j of the German one, both from 0 on.
        possible: the others that are no fault.
    """

    english: str
    german: str
    english_words: tuple[str, ...]
    german_words: tuple[str, ...]
    sure: frozenset[Link]
    possible: frozenset[Link]


@cache
def labelled(text: str, *labels: str) -> Words:
    """The words of a text, all with the same labels."""
    return tuple(Word(word, labels) for word in text.split())


def under(role: str, words: Words) -> Words:
    """The same words as the part of a larger whole that plays a role in it."""
    return tuple([_word_under(role, word) for word in words])


@cache
def _word_under(role: str, word: Word) -> Word:
    sure, possible = (tuple(f"{role}.{label}" for label in labels) for labels in (word.sure, word.possible))
    return Word(word.text, sure, possible)


def mark(text: str, sure: Iterable[str] = (), possible: Iterable[str] = ()) -> Words:
    """A word or a punctuation mark with its labels."""
    return (Word(text, tuple(sure), tuple(possible)),)


def labels_of(words: Words) -> tuple[str, ...]:
    """The labels of sure links of all words."""
    return tuple(label for word in words for label in word.sure)


def written(words: Words) -> str:
    """The text of words: a space before each but punctuation marks."""
    text = " ".join([word.text for word in words])
    for each in MARKS:
        text = text.replace(f" {each}", each)
    return text


def aligned(english: Words, german: Words) -> AlignedPair:
    """A pair of sentences with the links that its labels say."""
    sure, possible = _links(english, german, "sure", "sure"), _links(english, german, "sure", "possible")
    possible |= _links(english, german, "possible", "sure")
    words = tuple(word.text for word in english), tuple(word.text for word in german)
    return AlignedPair(written(english), written(german), *words, frozenset(sure), frozenset(possible - sure))


def _links(english: Words, german: Words, of_english: str, of_german: str) -> set[Link]:
    """The pairs of words that share a label among those kinds of labels."""
    where = defaultdict(list)
    for j, word in enumerate(german):
        for label in getattr(word, of_german):
            where[label].append(j)
    return {(i, j) for i, word in enumerate(english) for label in getattr(word, of_english) for j in where[label]}
