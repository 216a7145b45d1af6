"""A document translated, whatever its format: all sentences together, then each back in its place."""

from collections.abc import Callable, Sequence
from typing import Protocol

from translator.data.alignment import Alignment
from translator.decoding.translating import TranslatesText
from translator.documents.pieces import Document, Pieces
from translator.documents.placing import Sentence, placed
from translator.documents.units import Unit
from translator.languages import LanguagePair
from translator.progress import Show, show_nothing

SENTENCES_TOGETHER = 4096  # at most so many are translated and aligned before the next are


class Aligns(Protocol):
    """The part of an `Aligner` that is used here."""

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Alignment]:
        """See `Aligner.align`."""


class Sentences:
    """The sentences of a document, on their way into a translation.

    Attributes:
        texts: what is to be translated.
    """

    def __init__(self, document: Document, languages: LanguagePair) -> None:
        """Finds the sentences of a document."""
        self.document, self.languages = document, languages
        self._units = [Unit.of(pieces, languages.source) for pieces in document.units]
        self._places = [
            (unit, number)
            for unit in self._units
            for number, text in enumerate(unit.to_translate())
            if text is not None
        ]
        self.texts = [unit.text[slice(*unit.sentences[number])] for unit, number in self._places]

    @property
    def any_markup(self) -> bool:
        """Whether an alignment may be needed for any."""
        return any(unit.has_markup(number) for unit, number in self._places)

    def needs_alignment(self, number: int, translation: str) -> bool:
        """Whether a translation of a sentence of `texts` has to be aligned."""
        unit, own = self._places[number]
        return unit.needs_alignment(own, translation)

    def written(self, translations: Sequence[Sentence]) -> str:
        """The document with translations of `texts`."""
        of_place = {(id(unit), own): each for (unit, own), each in zip(self._places, translations, strict=True)}
        units: list[Pieces] = [
            placed(
                unit,
                [
                    of_place.get((id(unit), number)) or Sentence(unit.text[start:end])
                    for number, (start, end) in enumerate(unit.sentences)
                ],
                self.languages,
            )
            for unit in self._units
        ]
        return self.document.written(units)


def translated(
    document: Document,
    languages: LanguagePair,
    translator: TranslatesText,
    load_aligner: Callable[[], Aligns],
    show: Show = show_nothing,
) -> str:
    """Translates a document.

    Args:
        document: of any format.
        languages: from which into which.
        translator: such as a `Translator`.
        load_aligner: called if markup inside of a sentence has to be placed.
        show: told how many sentences are done, and how many there are.
    """
    sentences = Sentences(document, languages)
    found: list[Sentence] = []
    aligner = None
    for first in range(0, len(sentences.texts), SENTENCES_TOGETHER):
        texts = sentences.texts[first : first + SENTENCES_TOGETHER]

        def on_progress(done: int, total: int, first: int = first, count: int = len(texts)) -> None:
            show(first + done * count // total, len(sentences.texts))

        group = [Sentence(text) for text in translator.translate_text(texts, None, on_progress)]
        needing = [i for i, each in enumerate(group) if sentences.needs_alignment(first + i, each.text)]
        if needing:
            aligner = aligner or load_aligner()
            alignments = aligner.align([texts[i] for i in needing], [group[i].text for i in needing])
            for i, alignment in zip(needing, alignments, strict=True):
                group[i] = Sentence(group[i].text, alignment)
        found += group
    return sentences.written(found)
