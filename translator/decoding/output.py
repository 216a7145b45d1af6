"""Translations as lines of a file: with scores, and several for each sentence. No TensorFlow here."""

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

from translator.decoding.translation import ScoredText, Translation

Format = Literal["text", "moses", "json"]


def lines_of(translation: Translation, number: int, form: Format, n_best: int) -> list[str]:
    """The lines of one sentence's translations.

    - "text": the translation alone, in one line.
    - "moses": a line for each hypothesis, as Moses writes n-best lists: the number of the sentence, from 0 on, text,
      features, score, with ` ||| ` between them.
    - "json": one JSON object with all hypotheses.

    Args:
        translation: of the sentence.
        number: of its line, from 1 on.
        form: see above.
        n_best: the most hypotheses to write.
    """
    hypotheses = translation.hypotheses[:n_best]
    if form == "text":
        return [translation.text]
    if form == "moses":
        return [_moses_line(each, number - 1) for each in hypotheses]
    best = {"score": _finite(translation.score), "log_prob": _finite(translation.log_prob)}
    document = (
        {"line": number, "text": translation.text} | best | {"hypotheses": [_json_object(each) for each in hypotheses]}
    )
    return [json.dumps(document, ensure_ascii=False, allow_nan=False)]


def _moses_line(hypothesis: ScoredText, number: int) -> str:
    features = f"log_prob= {hypothesis.log_prob:.6g}"
    if hypothesis.token_log_probs:
        features += f" token_log_probs= {' '.join(f'{each:.6g}' for each in hypothesis.token_log_probs)}"
    return f"{number} ||| {hypothesis.text} ||| {features} ||| {hypothesis.score:.6g}"


def _json_object(hypothesis: ScoredText) -> dict[str, Any]:
    found = {
        "text": hypothesis.text,
        "score": _finite(hypothesis.score),
        "log_prob": _finite(hypothesis.log_prob),
    }
    if not hypothesis.token_log_probs:
        return found
    tokens: Sequence[str] = hypothesis.tokens
    return found | {"tokens": tokens, "token_log_probs": [_finite(each) for each in hypothesis.token_log_probs]}


def _finite(number: float) -> float | None:
    """JSON has neither NaN nor infinity: null stands for them."""
    return number if math.isfinite(number) else None
