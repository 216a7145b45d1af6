"""A run's own model, which can be looked into: what the faster engines cannot do is asked of it."""

from collections.abc import Sequence
from functools import cached_property

from translator.config.schema import Config
from translator.data.alignment import Alignment
from translator.decoding.translator import Translator
from translator.inspect.alignment import Aligner
from translator.inspect.attention import Attention
from translator.inspect.attention_reader import AttentionReader
from translator.inspect.attribution.attributor import Attributor
from translator.inspect.word_weights import Direction, Reading


class OwnModel:
    """Searches, aligns and explains with one model; each part of it is made when it is first asked for.

    Two threads may share it: one that searches and aligns, one that asks for attention and shares.
    """

    def __init__(self, translator: Translator, config: Config) -> None:
        """Takes a translator whose engine is the run's own."""
        self.translator, self._config = translator, config
        self._languages = config.data.source, config.data.target

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Alignment]:
        """See `Aligner.align`."""
        return self._aligner.align(sources, targets)

    def attention(self, source: str, target: str) -> Attention:
        """See `AttentionReader.read`."""
        return self._reader.read(source, target)

    def source_shares(self, source: str, target: str) -> list[float]:
        """How much of what speaks for each word of a translation, and for its end, is the sentence's.

        Found by value zeroing; see `translator.inspect.attribution.result.Attribution.source_share`.
        """
        return self._attributor.attribute(source, target).source_share.tolist()

    @cached_property
    def _aligner(self) -> Aligner:
        return Aligner([Direction(self.translator, Reading.best_of(self._config))], self._languages)

    @cached_property
    def _reader(self) -> AttentionReader:
        return AttentionReader(self.translator, self._languages)

    @cached_property
    def _attributor(self) -> Attributor:
        return Attributor(self.translator, self._languages)
