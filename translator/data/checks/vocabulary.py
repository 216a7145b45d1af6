"""Characters that the vocabulary lacks, or will lack."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from translator.config.tokenizer import Normalization, TokenizerConfig
from translator.data.checks import characters
from translator.data.checks.blocks import SIDES, Block, Texts
from translator.data.checks.findings import Example, Finding, Severity, Tally, counted, graded, shortened
from translator.data.normalization import normalizer, writable
from translator.data.tokenizer import Tokenizer
from translator.vocabulary import UNK_ID

MOST_NAMED = 10  # characters, in a message
UNREAD = ("read as unknown", "never written")  # what happens to them
_CODES = 0x110000


@dataclass(frozen=True)
class Vocabulary:
    """What decides which characters there are subwords for.

    Attributes:
        settings: of the vocabulary that will be learned.
        tokenizers: of the source and the target, if there are some already.
        added: how many subwords these will still get, the most frequent characters that they lack first.
    """

    settings: TokenizerConfig
    tokenizers: tuple[Tokenizer, Tokenizer] | None = None
    added: int = 0

    @property
    def is_known(self) -> bool:
        """Whether its characters do not depend on the training corpus."""
        return self.tokenizers is not None and not self.added

    def as_read(self, side: int, text: Texts) -> Texts:
        """Lines with the characters that are looked up: those are normalized in which some join others, as accents do.

        The characters of all other lines may be normalized one by one.
        """
        rows = np.unique(text.rows[characters.joining(text.codes)]).tolist()
        if not rows:
            return text
        lines = list(text.lines)
        for row in rows:
            lines[row] = self._normalized_line(side, lines[row]).replace("▁", " ")
        return Texts(lines)

    def lacks(self, side: int, codes: Sequence[int], counts: np.ndarray) -> list[int]:
        """Those of the characters of one side that no subword has, given the counts in training: int64 [2, _CODES].

        Characters of user-defined symbols are not looked at: they may stand in text only inside these.
        """
        in_symbols = set("".join(self.settings.user_defined_symbols))
        codes = [code for code in codes if chr(code) not in in_symbols]
        if self.tokenizers:
            new = self._will_get(self.tokenizers, side, counts)
            return [code for code in _unknown(self.tokenizers[side], codes) if code not in new]
        if self.settings.byte_fallback:
            return []
        known = self._will_have(side, counts)
        return [
            code
            for code in codes
            if not known.issuperset(c for c in self._normalized(side, chr(code)) if not c.isspace())
        ]

    def _will_get(self, tokenizers: tuple[Tokenizer, Tokenizer], side: int, counts: np.ndarray) -> set[int]:
        """The characters that the tokenizers will be extended by."""
        if not self.added:
            return set()
        times: Counter[int] = Counter()
        for each in (0, 1) if self.settings.joint else (side,):
            for code in _unknown(tokenizers[each], np.flatnonzero(counts[each]).tolist()):
                times[code] += int(counts[each][code])
        return {code for code, _ in times.most_common(self.added)}

    def _will_have(self, side: int, counts: np.ndarray) -> set[str]:
        """The most frequent characters, up to `character_coverage` of the text: as SentencePiece takes them."""
        of_text: dict[str, int] = {}
        for each in (0, 1) if self.settings.joint else (side,):
            for code in np.flatnonzero(counts[each]).tolist():
                for character in self._normalized(each, chr(code)):
                    of_text[character] = of_text.get(character, 0) + int(counts[each][code])
        total, covered, taken = sum(of_text.values()), 0, set()
        for character, count in sorted(of_text.items(), key=lambda item: -item[1]):
            if covered >= self.settings.character_coverage * total:
                break
            taken.add(character)
            covered += count
        return taken

    def _normalized_line(self, side: int, line: str) -> str:
        if self.tokenizers:
            return self.tokenizers[side].normalize(line)
        return str(normalizer(self._normalization(side)).Normalize(writable(line)))

    def _normalized(self, side: int, character: str) -> str:
        if characters.classes_of(np.array([ord(character)], np.uint32))[0] & characters.CONTROL:
            return ""
        given = self._normalization(side)
        normalized = unicodedata.normalize("NFKC", character) if "nfkc" in given else character
        return normalized.casefold() if given.endswith("_cf") else normalized

    def _normalization(self, side: int) -> Normalization:
        return self.settings.normalizations[side]


def _unknown(tokenizer: Tokenizer, codes: Sequence[int]) -> list[int]:
    """Those of some characters that no subword has."""
    encoded = tokenizer.encode([chr(code) for code in codes])
    return [code for code, ids in zip(codes, encoded, strict=True) if UNK_ID in ids]


class MissingCharacters:
    """Characters of training and of the evaluation sets that the vocabulary lacks.

    Source characters outside the vocabulary are read as unknown, target characters are never written.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._counts = np.zeros((2, _CODES), np.int64)
        self._first: tuple[dict[int, Example], dict[int, Example]] = {}, {}
        self._corpora: dict[str, None] = {}
        self._evaluation: list[Block] = []

    def look(self, block: Block) -> None:
        """Counts the characters of training, and keeps the evaluation sets for the end."""
        if block.section != "train":
            self._evaluation.append(block)
            return
        self._corpora[block.corpus.description] = None
        for side, (name, counts, first) in enumerate(zip(SIDES, self._counts, self._first, strict=True)):
            text = self._vocabulary.as_read(side, block.sides[side])
            here = np.bincount(text.codes, minlength=_CODES)
            new = ((here > 0) & (counts == 0))[text.codes]
            for code, place in zip(*np.unique(text.codes[new], return_index=True), strict=True):
                row = int(text.rows[new][place])
                first[int(code)] = Example(block.place(row, name), shortened(block.sides[side].lines[row]))
            counts += here

    def findings(self) -> list[Finding]:
        """Errors are a tenth of the characters of training, or half of the pairs of an evaluation set."""
        found = []
        for side, name in enumerate(SIDES):
            found += self._of_training(side, f"missing-{name}-character")
            found += self._of_evaluation(side, f"missing-{name}-character")
        return found

    def _of_training(self, side: int, kind: str) -> list[Finding]:
        counts = self._counts[side]
        missing = self._vocabulary.lacks(side, np.flatnonzero(counts).tolist(), self._counts)
        if not missing:
            return []
        times, total = int(counts[missing].sum()), int(counts.sum())
        message = (
            f"{counted(len(missing), 'character', 'characters')}, {times / total:.2%} of the {SIDES[side]} text, "
            f"outside the vocabulary, {UNREAD[side]}: {_named(missing)}"
        )
        name = f"train: {', '.join(self._corpora)}"
        examples = tuple(dict.fromkeys(self._first[side][code] for code in missing[:3]))
        return [Finding(kind, graded(times, total, 0.001, 0.1), name, times, total, message, examples)]

    def _of_evaluation(self, side: int, kind: str) -> list[Finding]:
        tally, named = Tally(kind), {}
        for block in self._evaluation:
            lines = block.sides[side].lines
            text = self._vocabulary.as_read(side, block.sides[side])
            here = np.flatnonzero(np.bincount(text.codes, minlength=1)).tolist()
            missing = self._vocabulary.lacks(side, here, self._counts)
            named.update(dict.fromkeys(missing))
            tally.add(block, np.unique(text.rows[np.isin(text.codes, missing)]), lines.__getitem__, SIDES[side])

        def describe(count: int, pairs: int) -> tuple[Severity, str]:
            have = counted(count, f"{SIDES[side]} has", f"{SIDES[side]}s have")
            message = f"{have} characters outside the vocabulary, {UNREAD[side]}: {_named(list(named))}"
            return graded(count, pairs, 0.01, 0.5), message

        return tally.findings(describe)


def _named(codes: Sequence[int]) -> str:
    names = ", ".join(f"{shortened(chr(code))} (U+{code:04X})" for code in codes[:MOST_NAMED])
    return names + (f" and {len(codes) - MOST_NAMED:,} more" if len(codes) > MOST_NAMED else "")
