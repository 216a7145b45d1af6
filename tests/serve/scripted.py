"""A translator that follows a script, and an application over it."""

import dataclasses
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
from fastapi import FastAPI

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data.alignment import Alignment
from translator.data.tokenizer import Tokenizer
from translator.data.words import words_of
from translator.decoding.options import OptionsError, SearchOptions
from translator.decoding.translation import ScoredText, Translation
from translator.inspect.attention import KINDS, Attention, Maps
from translator.serve.app import create_app
from translator.serve.detection import Profile
from translator.serve.limits import Limits
from translator.serve.models import Model, Models

OPTIONS = SearchOptions(beam_size=2, length_penalty=1.0, max_length_factor=2.0, max_length_margin=5)
ENGLISH = ["the dog sees the house", "this is what they think", "where were you when the water rose"]
LONGEST = 50  # words of a sentence that can be looked into
GERMAN = ["der Hund sieht das Haus", "das ist was sie denken", "wo warst du als das Wasser stieg"]


@cache
def tokenizer() -> Tokenizer:
    return tokenizer_of([*ENGLISH, *GERMAN], TokenizerConfig(vocabulary_size=40))


@dataclass
class Shouting:
    """Writes sentences in capitals; the k-th further hypothesis ends in k exclamation marks.

    A sentence with "fault" in it raises, one with "refused" raises what a user can fix.
    """

    options: SearchOptions = OPTIONS
    batch_sentences: int = 64
    joiner: str = " "
    source: Tokenizer = field(default_factory=tokenizer)
    target: Tokenizer = field(default_factory=tokenizer)
    seconds: float = 0.0  # for each batch
    gate: threading.Event | None = None  # which batches wait for
    batches: list[list[str]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def translate_text(
        self, sentences: Sequence[str], first_line: int | None = 1, *, target_prefixes: Sequence[str] | None = None
    ) -> list[str]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(sentences))
        if self.gate:
            assert self.gate.wait(30)
        time.sleep(self.seconds)
        if any("fault" in each for each in sentences):
            raise ValueError("a secret sentence")
        if any("refused" in each for each in sentences):
            raise OptionsError("`beam_size` must be another")
        return [
            prefix + each.upper()
            for prefix, each in zip(target_prefixes or [""] * len(sentences), sentences, strict=True)
        ]

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        *,
        options: SearchOptions | None = None,
        target_prefixes: Sequence[str] | None = None,
    ) -> list[Translation]:
        options = options or self.options
        found = []
        for text in self.translate_text(sentences, first_line, target_prefixes=target_prefixes):
            tokens = ((text,), (-1.0,)) if options.with_token_log_probs else ((), ())
            hypotheses = tuple(
                ScoredText(text + "!" * k, -1.0 - k, -2.0 - k, *tokens) for k in range(options.beam_size)
            )
            found.append(Translation(text, -1.0, -2.0, hypotheses, ()))
        return found

    def options_with(self, changes: Mapping[str, Any]) -> SearchOptions:
        if "suppressed" in changes:
            changes = {**changes, "suppressed": [[5]] * len(changes["suppressed"])}
        return self.options.with_changes(changes)


@dataclass
class Diagonal:
    """Aligns the first words. In head 1 of layer 1 the i-th word looks at the i-th, in all others at all alike."""

    translator: Shouting = field(default_factory=Shouting)
    gate: threading.Event | None = None  # which looks wait for
    looked: list[str] = field(default_factory=list)

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Alignment]:
        return [
            Alignment(tuple(source.split()), tuple(target.split()), frozenset({(0, 0)}))
            for source, target in zip(sources, targets, strict=True)
        ]

    def attention(self, source: str, target: str) -> Attention:
        self.looked.append(source)
        if self.gate:
            assert self.gate.wait(30)
        if len(source.split()) > LONGEST:
            raise OptionsError("the pair is too long for the model")
        read = tuple(word.text for word in words_of(source))
        written = tuple(word.text for word in words_of(target, spaceless=not self.translator.joiner))
        columns, rows, begun = (*read, "</s>"), (*written, "</s>"), ("<s>", *written)
        maps = {
            kind: Maps(*axes, _first_head_diagonal(*map(len, axes)))
            for kind, axes in zip(KINDS, ((columns, columns), (rows, begun), (rows, columns)), strict=True)
        }
        return Attention(source, target, ("en", "de"), "written", {"words": maps})

    def source_shares(self, source: str, target: str) -> list[float]:
        return [0.75] * (len(words_of(target)) + 1)


def _first_head_diagonal(rows: int, columns: int) -> np.ndarray:
    weights = np.full([2, 2, rows, columns], 1 / columns, np.float32)
    weights[0, 0] = np.eye(columns)[np.minimum(np.arange(rows), columns - 1)]
    return weights


@cache
def profile(sentences: Iterable[str]) -> Profile:
    ids = [id_ for each in tokenizer().encode(list(sentences)) for id_ in each]
    return Profile(tokenizer(), np.bincount(ids, minlength=tokenizer().vocabulary_size))


def scripted_app(
    limits: Limits | None = None, translators: Mapping[tuple[str, str], Shouting] | None = None
) -> FastAPI:
    """Serves English to German and back, or what is given."""
    limits = limits or Limits()
    translators = translators or {("en", "de"): Shouting(), ("de", "en"): Shouting()}
    profiles = {"en": profile(tuple(ENGLISH)), "de": profile(tuple(GERMAN))}
    return create_app(
        Models(
            [
                Model(
                    pair, translator, profiles.get(pair[0][:2], profiles["en"]), limits, partial(Diagonal, translator)
                )
                for pair, translator in translators.items()
            ]
        ),
        limits,
    )


def with_limits(**changes: Any) -> Limits:
    return dataclasses.replace(Limits(), **changes)
