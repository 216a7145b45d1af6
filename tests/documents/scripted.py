"""Engines that follow a script, and documents of pieces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from translator.data.alignment import Alignment
from translator.data.words import words_of
from translator.documents.pieces import Document, Pieces, raw
from translator.documents.translating import translated
from translator.languages import LanguagePair

ENGLISH = LanguagePair("en", "en")


class Identity:
    """Gives sentences back."""

    def translate_text(self, sentences, first_line=1, on_progress=None):
        return list(sentences)

    def align(self, sources, targets):
        raise AssertionError("nothing to align")


@dataclass
class Scripted:
    """Reorders words, and knows which is which.

    Attributes:
        order: numbers of the words of a translation, given how many the sentence has; a word may be left out, or come
            twice.
        rename: what becomes of a word.
        translated: what it was given.
    """

    order: Callable[[int], Sequence[int]] = lambda count: range(count)[::-1]
    rename: Callable[[str], str] = lambda word: word
    translated: list[str] = field(default_factory=list)

    def translate_text(self, sentences, first_line=1, on_progress=None):
        self.translated += sentences
        return [" ".join(self.rename(words[i]) for i in self.order(len(words))) for words in map(_words, sentences)]

    def align(self, sources, targets):
        found = []
        for source in sources:
            words = _words(source)
            order = self.order(len(words))
            target = tuple(self.rename(words[i]) for i in order)
            found.append(Alignment(words, target, frozenset((i, j) for j, i in enumerate(order))))
        return found


@dataclass
class Pages:
    """A document of units, whose markup is strings; they are written with a line between them."""

    units: Sequence[Pieces]

    def written(self, translations: Sequence[Pieces]) -> str:
        return "\n".join(map(raw, translations))


def unchanged(document: Document, languages: LanguagePair = ENGLISH) -> str:
    engine = Identity()
    return translated(document, languages, engine, lambda: engine)


def scripted(document: Document, engine: Scripted | None = None, languages: LanguagePair = ENGLISH) -> str:
    engine = engine or Scripted()
    return translated(document, languages, engine, lambda: engine)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.text for word in words_of(text))
