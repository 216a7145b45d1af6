"""Translations with their word alignment: found by the search, then read once more by a model that aligns them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from translator.data.alignment import Alignment
from translator.decoding.translating import TranslatesInFull
from translator.decoding.translation import Translation
from translator.inspect.alignment import Aligner


class Aligned:
    """A translator whose translations have an `alignment`.

    It is that of the text, whatever found it: CTranslate2, an ensemble, samples.

        >>> aligned = Aligned(Translator.load("runs/quickstart"), Aligner.load("runs/quickstart"))
        >>> aligned.translate(["The dog sleeps."])[0].alignment
    """

    def __init__(self, translator: TranslatesInFull, aligner: Aligner, n_best: int = 1) -> None:
        """Takes what translates and what aligns.

        Args:
            translator: such as a `Translator`.
            aligner: of a run with the same languages.
            n_best: how many hypotheses of each sentence are aligned, at most.
        """
        self.translator, self.aligner, self.n_best = translator, aligner, n_best

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        *,
        target_prefixes: Sequence[str] | None = None,
    ) -> list[Translation]:
        """As `Translator.translate`, with the alignment of each hypothesis, up to `n_best` of a sentence."""
        found = self.translator.translate(sentences, first_line, on_progress, target_prefixes=target_prefixes)
        pairs = [
            (sentence, hypothesis.text)
            for sentence, translation in zip(sentences, found, strict=True)
            for hypothesis in translation.hypotheses[: self.n_best]
        ]
        alignments = iter(self.aligner.align([source for source, _ in pairs], [target for _, target in pairs]))
        return [self._with(alignments, translation) for translation in found]

    def fingerprint(self) -> dict[str, Any]:
        """That of the translator, with what the alignment depends on."""
        return {**self.translator.fingerprint(), "alignment": self.aligner.fingerprint()}

    def _with(self, alignments: Iterator[Alignment], translation: Translation) -> Translation:
        """The translation with the next alignments, one for each hypothesis that is aligned."""
        aligned = tuple(
            dataclasses.replace(each, alignment=next(alignments)) for each in translation.hypotheses[: self.n_best]
        )
        return dataclasses.replace(translation, hypotheses=aligned + translation.hypotheses[self.n_best :])
