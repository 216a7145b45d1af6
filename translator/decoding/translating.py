"""What a `Translator` is to those who use a part of it, and so may be given something else. No TensorFlow here."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from translator.data.tokenizer import Tokenizer

if TYPE_CHECKING:
    from translator.decoding.translation import Translation


class TranslatesText(Protocol):
    """Gives the text alone."""

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        /,
    ) -> list[str]:
        """See `Translator.translate_text`."""


class Translates(TranslatesText, Protocol):
    """Says what its text depends on, too."""

    def fingerprint(self) -> dict[str, Any]:
        """See `Translator.fingerprint`."""


class TranslatesWithVocabularies(Translates, Protocol):
    """Shows which characters it knows, too."""

    target: Tokenizer

    @property
    def source(self) -> Tokenizer:
        """See `Translator.source`."""


class TranslatesInFull(Protocol):
    """Gives all that it has found."""

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        *,
        target_prefixes: Sequence[str] | None = None,
    ) -> "list[Translation]":
        """See `Translator.translate`."""

    def fingerprint(self) -> dict[str, Any]:
        """See `Translator.fingerprint`."""
