"""A test set translated and scored, and what of it stays in the run folder."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.data.corpus import SentencePair
from translator.decoding.translator import Translator
from translator.evaluation import Scores, score


@dataclass(frozen=True)
class Report:
    """How a model translates a test set."""

    pairs: Sequence[SentencePair]
    hypotheses: Sequence[str]
    scores: Scores
    seconds: float  # of translating, without loading the model
    hypothesis_tokens: int  # subwords

    @property
    def figures(self) -> dict[str, Any]:
        """What `eval --json` prints."""
        return dataclasses.asdict(self.scores) | {
            "sentences": len(self.hypotheses),
            "seconds": self.seconds,
            "hypothesis_tokens": self.hypothesis_tokens,
        }

    def write(self, folder: Path) -> None:
        """Writes scores and translations: `scores.json`, and `source`, `reference` and `hypothesis`, a line each."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scores.json").write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        texts = {
            "source.txt": [pair.source for pair in self.pairs],
            "reference.txt": [pair.target for pair in self.pairs],
            "hypothesis.txt": self.hypotheses,
        }
        for name, lines in texts.items():
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def evaluate(
    translator: Translator,
    pairs: Sequence[SentencePair],
    target_language: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Translates every source and scores all against the references; none is dropped or reordered."""
    began = time.monotonic()
    hypotheses = translator.translate([pair.source for pair in pairs], on_progress=on_progress)
    seconds = time.monotonic() - began
    scores = score(hypotheses, [pair.target for pair in pairs], target_language)
    return Report(pairs, hypotheses, scores, seconds, sum(map(len, translator.target.encode(hypotheses))))
