"""The built-in grammar as a corpus."""

from collections.abc import Generator
from dataclasses import dataclass

from translator import grammar
from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.alignment import Link
from translator.data.corpora.base import CorpusError, InputFile, SentencePair, Side


@dataclass(frozen=True)
class GrammarCorpus:
    """A split of the built-in grammar, English to German or German to English; endless.

    Attributes:
        split: One of `translator.grammar.SPLITS`.
        source: The source language, `en` or `de`.
        target: The other of the two.
        key: The setting that names the split, for messages.
    """

    split: str
    source: str
    target: str
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "GrammarCorpus":
        return cls(str(corpus.grammar), data.source, data.target, key)

    @property
    def description(self) -> str:
        return f"grammar {self.split}"

    def pairs(self) -> Generator[SentencePair, None, None]:
        self._require_languages()
        for english, german in grammar.sentence_pairs(self.split):
            yield SentencePair(english, german) if self.source == "en" else SentencePair(german, english)

    def aligned_pairs(self) -> Generator[tuple[SentencePair, list[Link]], None, None]:
        self._require_languages()
        for aligned in grammar.aligned_pairs(self.split):
            links = sorted(aligned.sure)
            if self.source == "en":
                yield SentencePair(aligned.english, aligned.german), links
            else:
                yield SentencePair(aligned.german, aligned.english), [(j, i) for i, j in links]

    def _require_languages(self) -> None:
        if {self.source, self.target} != {"en", "de"}:
            raise CorpusError(
                f"{self.key}: the built-in grammar writes English and German, so data.source and data.target must be "
                f"en and de or de and en; found {self.source} and {self.target}"
            )

    def inputs(self) -> list[InputFile]:
        return []

    def place(self, number: int, side: Side = "source") -> str:
        return f"{self.description}, pair {number}"
