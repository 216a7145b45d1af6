"""What attribution gives. No TensorFlow here."""

import json
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len

BEST = 3  # words that a row of the table names on either side


@dataclass(frozen=True)
class Attribution:
    """How much each token, or word, of a sentence and of its translation so far adds to those of the translation.

    Letters: R tokens or words that are explained, S of the source with its end, T of the prefix with its begin.

    Attributes:
        source: what stands in the sentence; its end, `</s>`, is last.
        prefix: what the translation has before its end; its begin, `<s>`, is first.
        target: what is explained: all of the translation with its end, or one of a contrast.
        instead: what does not stand there, in a contrast; otherwise any other token, and None.
        source_scores: float32 [R, S]; positive speaks for the token, negative against it.
        prefix_scores: float32 [R, T]; 0 where nothing had been read yet.
        source_share: float32 [R] in [0, 1]: how much of the scores is the source's, Σ |source| / Σ |all|, after
            the idea of Voita et al. (2021) and Ferrando et al. (2022).
        margins: float32 [R], what the scores share out: ln p / (1 − p) of the token, p its probability, or
            ln p / p(instead); of a word, the mean over its subwords.
        baselines: float32 [R], the same where no token has an embedding, only positions. Integrated gradients of a
            token sum to margin − baseline.
    """

    source: tuple[str, ...]
    prefix: tuple[str, ...]
    target: tuple[str, ...]
    instead: str | None
    source_scores: np.ndarray
    prefix_scores: np.ndarray
    source_share: np.ndarray
    margins: np.ndarray
    baselines: np.ndarray

    def json(self) -> str:
        """All of it as a JSON object in one line, numbers with six digits."""
        document = {
            name: np.round(value.astype(float), 6).tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }
        return json.dumps(document, ensure_ascii=False)

    def table(self) -> str:
        """A line for each word that is explained, with those that speak for it most, the strongest first."""
        first = "" if self.instead is None else f"instead of {self.instead}"
        rows = [(first, "margin", "source", "from the source", "from the prefix")]
        for row, word in enumerate(self.target):
            best = _best(self.source, self.source_scores[row]), _best(self.prefix, self.prefix_scores[row])
            rows.append((word, f"{self.margins[row]:.2f}", f"{self.source_share[row]:.0%}", *best))
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                " " * (width - cell_len(cell)) + cell if i in (1, 2) else cell + " " * (width - cell_len(cell))
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )


def _best(words: tuple[str, ...], scores: np.ndarray) -> str:
    order = sorted(range(len(words)), key=lambda i: -scores[i])[:BEST]
    return ", ".join(f"{words[i]} {scores[i]:.2f}" for i in order if scores[i] > 0)
