"""Translations as lines of a file or as JSON: with scores, and several for each sentence. No TensorFlow here."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from translator.data.alignment import Alignment
from translator.decoding.translating import TranslatesInFull
from translator.decoding.translation import ScoredText, Translation

Format = Literal["text", "moses", "json"]


class Formatted:
    """A translator that writes lines with scores, and several translations of a sentence."""

    def __init__(self, translator: TranslatesInFull, form: Format, n_best: int = 1) -> None:
        """Takes `form` and `n_best` of `lines_of`."""
        self.translator, self.form, self.n_best = translator, form, n_best

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        target_prefixes: Sequence[str] | None = None,
    ) -> list[str]:
        """The lines of all sentences; see `Translator.translate`."""
        found = self.translator.translate(sentences, first_line, on_progress, target_prefixes=target_prefixes)
        numbered = enumerate(found, first_line or 1)
        return [line for number, each in numbered for line in lines_of(each, number, self.form, self.n_best)]

    def fingerprint(self) -> dict[str, Any]:
        """That of the translator, with the format."""
        return {**self.translator.fingerprint(), "format": self.form, "n_best": self.n_best}


def lines_of(translation: Translation, number: int, form: Format, n_best: int) -> list[str]:
    """The lines of one sentence's translations.

    - "text": the translation alone, in one line; with its alignment behind it, as Marian writes it, if it has one.
    - "moses": a line for each hypothesis, as Moses writes n-best lists: the number of the sentence, from 0 on, text,
      features, score, and the alignment if there is one, with ` ||| ` between them.
    - "json": one JSON object with all hypotheses.

    Args:
        translation: of the sentence.
        number: of its line, from 1 on.
        form: see above.
        n_best: the most hypotheses to write.
    """
    hypotheses = translation.hypotheses[:n_best]
    if form == "text":
        return [translation.text + _alignment_field(translation.alignment)]
    if form == "moses":
        return [_moses_line(each, number - 1) for each in hypotheses]
    document = {"line": number} | document_of(translation, n_best)
    return [json.dumps(document, ensure_ascii=False, allow_nan=False)]


def document_of(translation: Translation, n_best: int) -> dict[str, Any]:
    """A translation and its first hypotheses, as JSON has them."""
    best = {"score": _finite(translation.score), "log_prob": _finite(translation.log_prob)}
    hypotheses = [_json_object(each) for each in translation.hypotheses[:n_best]]
    return {"text": translation.text} | best | {"hypotheses": hypotheses}


def _moses_line(hypothesis: ScoredText, number: int) -> str:
    features = f"log_prob= {hypothesis.log_prob:.6g}"
    if hypothesis.token_log_probs:
        features += f" token_log_probs= {' '.join(f'{each:.6g}' for each in hypothesis.token_log_probs)}"
    line = f"{number} ||| {hypothesis.text} ||| {features} ||| {hypothesis.score:.6g}"
    return line + _alignment_field(hypothesis.alignment)


def _alignment_field(alignment: Alignment | None) -> str:
    return "" if alignment is None else f" ||| {alignment.line('pharaoh')}"


def _json_object(hypothesis: ScoredText) -> dict[str, Any]:
    found: dict[str, Any] = {
        "text": hypothesis.text,
        "score": _finite(hypothesis.score),
        "log_prob": _finite(hypothesis.log_prob),
    }
    if hypothesis.alignment is not None:
        found["alignment"] = hypothesis.alignment.document
    if not hypothesis.token_log_probs:
        return found
    tokens: Sequence[str] = hypothesis.tokens
    return found | {"tokens": tokens, "token_log_probs": [_finite(each) for each in hypothesis.token_log_probs]}


def _finite(number: float) -> float | None:
    """JSON has neither NaN nor infinity: null stands for them."""
    return number if math.isfinite(number) else None
