"""Translators that follow a script, for processes too: what they are made by has a name in a module."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from translator.decoding.placeholders import LostSpans
from translator.errors import TranslatorError


@dataclass
class Upside:
    """Writes each line backwards, after its target prefix."""

    weights: str = "w"
    beam_size: int = 4
    seconds: float = 0.0  # for each group of lines
    dies_at: str = ""  # a line at which the process kills itself
    fails_at: str = ""  # a line at which it raises
    started: Path | None = None  # where a file with the id of each process appears

    def __post_init__(self) -> None:
        if self.started:
            (self.started / str(os.getpid())).touch()

    def fingerprint(self) -> dict[str, Any]:
        return {"options": {"beam_size": self.beam_size}, "vocabularies": "v" * 64, "weights": self.weights * 64}

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        target_prefixes: Sequence[str] | None = None,
    ) -> list[str]:
        time.sleep(self.seconds)
        if self.dies_at in sentences:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails_at in sentences:
            raise TranslatorError(f"line {first_line}: not this one")
        if on_progress:
            on_progress(len(sentences), len(sentences))
        return [
            begins + line[::-1]
            for begins, line in zip(target_prefixes or [""] * len(sentences), sentences, strict=True)
        ]


@dataclass
class Forgetful(Upside):
    """Counts each line that ends in 0 as one in which one of two spans is lost."""

    lost: LostSpans = field(default_factory=LostSpans)

    def translate_text(self, sentences: Sequence[str], first_line: int | None = None, *others: Any) -> list[str]:
        lost = tuple(number for number, line in enumerate(sentences, first_line or 1) if line.endswith("0"))
        self.lost = self.lost.and_those(LostSpans(2 * len(lost), len(lost), len(lost), lost))
        return super().translate_text(sentences, first_line, *others)


def upside(**settings: Any) -> Upside:
    return Upside(**{"dies_at": "-", "fails_at": "-", **settings})


def start_nothing(threads: int) -> None:
    """In place of `start_tensorflow`, of which scripts have no need."""


def forgetful() -> Forgetful:
    return Forgetful(dies_at="-", fails_at="-")
