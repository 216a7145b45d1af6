"""Spans of a sentence that are kept as they are: URLs, e-mail addresses, and whatever a pattern of the user's matches.

A vocabulary need not have seen any of them. So a sentence is translated as it stands first. Only if a span is missing
from the translation, it is translated again with a short marker in the place of each span, which is put back where the
marker stands; there are several kinds of markers, of which a model may copy one and not another. A translation counts
only if it has each marker just once. Where none does, the first translation stays, and its spans are counted as lost.
No TensorFlow here.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from translator.decoding.translating import TranslatesWithVocabularies
from translator.errors import TranslatorError
from translator.vocabulary import UNK_ID

# What `--keep` has a name for. A full stop or a bracket at the end is the sentence's.
NAMED = {
    "url": r"""(?:https?://|ftp://|www\.)[^\s<>"]*[^\s<>"'.,;:!?()\[\]{}]""",
    # From the start of such a run on: from each of its characters on, long ones would take quadratic time.
    "email": r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
}
# Numbers and capitals are what models copy most readily.
MARKERS: tuple[Callable[[int], str], ...] = (
    lambda i: str(101 + i),
    lambda i: f"X{i + 1}",
    lambda i: "".join(chr(ord("A") + int(digit)) for digit in f"{i + 10}") + "X",
)
MOST_LINES_NAMED = 5
_LETTER = "0-9A-Za-z\u00c0-\u024f"


class PatternError(TranslatorError):
    """A pattern that is not a regular expression."""


class LostSpans(NamedTuple):
    """How many spans to keep did not come through.

    Attributes:
        spans: to keep.
        missing: those of them that a translation does not have.
        lines: how many lines these are in.
        first_lines: the numbers of the first of these, in order.
    """

    spans: int = 0
    missing: int = 0
    lines: int = 0
    first_lines: tuple[int, ...] = ()

    def and_those(self, other: "LostSpans") -> "LostSpans":
        """Those of both."""
        first = tuple(sorted(self.first_lines + other.first_lines)[:MOST_LINES_NAMED])
        return LostSpans(self.spans + other.spans, self.missing + other.missing, self.lines + other.lines, first)

    @property
    def warning(self) -> str | None:
        """One line on what was lost; None if nothing was."""
        if not self.missing:
            return None
        more = self.lines - len(self.first_lines)
        return (
            f"{self.missing:,} of {self.spans:,} spans to keep are not in the translations as they were; "
            f"line{'s' * (self.lines > 1)} {', '.join(map(str, self.first_lines))}"
            + (f" and {more:,} more" if more > 0 else "")
        )


class Keeper:
    """Translates with a translator, and keeps spans.

    Attributes:
        lost: so far.
    """

    def __init__(self, translator: TranslatesWithVocabularies, patterns: Iterable[str]) -> None:
        """Takes names of `NAMED` and regular expressions.

        Raises:
            PatternError: one is neither.
        """
        self.translator = translator
        self.patterns = [_compiled(pattern) for pattern in patterns]
        self.lost = LostSpans()

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[str]:
        """As `Translator.translate_text`; a sentence without a span is translated as there."""
        texts = self.translator.translate_text(sentences, first_line, on_progress)
        spans = [self.spans(sentence) for sentence in sentences]
        kept = [
            [sentence[start:end] for start, end in places] for sentence, places in zip(sentences, spans, strict=True)
        ]
        missing = [i for i, text in enumerate(texts) if not _holds(text, kept[i])]
        for marker in MARKERS:
            missing = self._retry(marker, missing, sentences, spans, texts)
        count = sum(_lost_in(texts[i], kept[i]) for i in missing)
        lines = tuple((first_line or 1) + i for i in missing)
        self.lost = self.lost.and_those(LostSpans(sum(map(len, kept)), count, len(lines), lines))
        return texts

    def spans(self, sentence: str) -> list[tuple[int, int]]:
        """Where a sentence has something to keep, in order; of those that overlap the first, or longest."""
        places = [match.span() for pattern in self.patterns for match in pattern.finditer(sentence)]
        taken: list[tuple[int, int]] = []
        for start, end in sorted(places, key=lambda place: (place[0], -place[1])):
            if start < end and sentence[start:end].strip() and (not taken or start >= taken[-1][1]):
                taken.append((start, end))
        return taken

    def fingerprint(self) -> dict[str, Any]:
        """That of the translator, with what is kept."""
        return {**self.translator.fingerprint(), "keep": [pattern.pattern for pattern in self.patterns]}

    def _retry(
        self,
        marker: Callable[[int], str],
        missing: list[int],
        sentences: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        texts: list[str],
    ) -> list[int]:
        """Translates sentences with markers, and replaces the texts of those where that helps; returns the others."""
        marked: dict[int, tuple[str, dict[str, str]]] = {}
        for i in missing:
            names = [marker(n) for n in range(len(spans[i]))]
            if self._can_write(names) and not any(name in sentences[i] for name in names):
                marked[i] = _with_markers(sentences[i], spans[i], names)
        if not marked:
            return missing
        found = self.translator.translate_text([sentence for sentence, _ in marked.values()], None)
        restored = {
            i: _put_back(text, kept)
            for (i, (_, kept)), text in zip(marked.items(), found, strict=True)
            if all(_count(text, name) == text.count(name) == 1 for name in kept)
        }
        for i, text in restored.items():
            texts[i] = text
        return [i for i in missing if i not in restored]

    def _can_write(self, names: Sequence[str]) -> bool:
        """Whether both vocabularies have the characters of the markers."""
        for tokenizer in (self.translator.source, self.translator.target):
            encoded = tokenizer.encode(names)
            if any(UNK_ID in ids for ids in encoded) or tokenizer.decode(encoded) != list(names):
                return False
        return True


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(NAMED.get(pattern, pattern))
    except re.error as error:
        names = " and ".join(NAMED)
        raise PatternError(
            f"--keep {pattern!r} is not a regular expression: {error}; {names} are names for common ones"
        ) from error


def _with_markers(sentence: str, spans: Sequence[tuple[int, int]], names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The sentence with markers in the place of spans, and what each stands for."""
    parts, at = [], 0
    for (start, end), name in zip(spans, names, strict=True):
        parts += [sentence[at:start], name]
        at = end
    kept = {name: sentence[start:end] for name, (start, end) in zip(names, spans, strict=True)}
    return "".join([*parts, sentence[at:]]), kept


def _put_back(text: str, kept: dict[str, str]) -> str:
    """The text with what each marker stands for; all at once, since a span may look like a marker."""
    return re.sub("|".join(map(re.escape, kept)), lambda match: kept[match[0]], text)


def _holds(text: str, kept: Sequence[str]) -> bool:
    return _lost_in(text, kept) == 0


def _lost_in(text: str, kept: Sequence[str]) -> int:
    """How many of the spans a translation does not have, or has less often than the sentence."""
    return sum(max(0, wanted - _count(text, span)) for span, wanted in Counter(kept).items())


def _count(text: str, span: str) -> int:
    """How often a span stands in a text by itself: not as a part of a longer word, number or address."""
    before = f"(?<![{_LETTER}])" if re.match(f"[{_LETTER}]", span) else ""
    after = f"(?![{_LETTER}])" if re.search(f"[{_LETTER}/]$", span) else ""
    return len(re.findall(before + re.escape(span) + after, text))
