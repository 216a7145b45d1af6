"""Chromium, and a server for it with a translator that follows a script."""

import contextlib
import dataclasses
import math
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from tests.serve.scripted import Shouting
from translator.decoding.options import SearchOptions
from translator.decoding.translation import ScoredText, Translation
from translator.serve.server import address_of, listen

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
ENDINGS = ("", "a", "b", "c")


def executable() -> str | None:
    """Where Chromium is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class WordByWord(Shouting):
    """Translates each word by itself, and has four forms of each: `DOG`, `DOGa`, `DOGb`, `DOGc`.

    They have a probability of 1/2, 1/4, 1/8, 1/16; the hypotheses of a beam differ in the last word. A sentence with
    "slow" in it takes half a second.

    Attributes:
        words: what the first word becomes, the second, …; capitals where there are none.
    """

    words: tuple[str, ...] = ()

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        *,
        options: SearchOptions | None = None,
        target_prefixes: Sequence[str] | None = None,
    ) -> list[Translation]:
        self.batches.append(list(sentences))
        if any("slow" in each for each in sentences):
            time.sleep(0.5)
        prefixes = target_prefixes or [""] * len(sentences)
        return [
            self._translation(sentence, prefix, options or self.options)
            for sentence, prefix in zip(sentences, prefixes, strict=True)
        ]

    def _translation(self, sentence: str, prefix: str, options: SearchOptions) -> Translation:
        begun = prefix.split() if self.joiner else list(prefix)
        words = [self.words[i] if self.words else word.upper() for i, word in enumerate(sentence.split())]
        words = begun + words[len(begun) :]
        place = len(begun) if options.alternatives else len(words) - 1
        hypotheses = []
        for k, ending in enumerate(ENDINGS[: options.beam_size]):
            found = [word + ending if i == place else word for i, word in enumerate(words)]
            log_probs = [0.0 if i < len(begun) else -math.log(2) * (k + 1) for i in range(len(words) + 1)]
            tokens = ("▁" if self.joiner else "") + "\0".join(found)
            tokens = tokens.replace("\0", "\0▁" if self.joiner else "\0")
            spread = (*tokens.split("\0"), "</s>"), tuple(log_probs)
            text = self.joiner.join(found)
            hypotheses.append(ScoredText(text, -0.25 * (k + 1), sum(log_probs), *spread))
        return Translation(hypotheses[0].text, hypotheses[0].score, hypotheses[0].log_prob, tuple(hypotheses), ())


def word_by_word(**fields: Any) -> WordByWord:
    """With a beam of 3."""
    translator = WordByWord(**fields)
    return dataclasses.replace(translator, options=dataclasses.replace(translator.options, beam_size=3))


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a server in a thread."""
    with listen("127.0.0.1", 0) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield address_of(bound)
        finally:
            server.should_exit = True
            thread.join()
