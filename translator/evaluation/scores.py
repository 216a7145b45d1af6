"""How good translations are: BLEU, chrF and TER, the same as the `sacrebleu` command gives, with 95% intervals.

Scores are percentages. A score is reported with its signature, which says how it was computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from translator.evaluation.bootstrap import SAMPLES, interval, resampled
from translator.evaluation.metrics import (
    CHRF2,
    CHRF_PLUS_PLUS,
    EDIT_RATE,
    Counted,
    bleu,
    edit_rate,
    literature_bleu,
    require_equal_numbers,
    spbleu,
    too_long_for_ter,
)


class NamedScore(NamedTuple):
    """A score as it is printed."""

    name: str
    value: float | None
    interval: tuple[float, float] | None
    signature: str


@dataclass(frozen=True)
class Scores:
    """What a list of translations scores; `dataclasses.asdict` gives the fields in this order."""

    bleu: float
    """Cased BLEU (Papineni et al., 2002), of the tokens that `bleu_signature` names; higher is better."""
    bleu_signature: str
    chrf: float
    """chrF2 (Popović, 2015), the F-score of character n-grams; higher is better."""
    chrf_signature: str
    ter: float | None
    """Translation edit rate (Snover et al., 2006): edits for each word of the reference, or for each character in
    Chinese and Japanese; *lower* is better. None in other languages without spaces, and where some hypothesis and a
    reference of it both have more than `metrics.MOST_TER_WORDS` of these, for which it may take hours."""
    ter_signature: str
    bleu_lowercase_tokenized: float
    """The figure of the Multi30k literature: both sides lowercased, punctuation-normalised and tokenised by Moses'
    rules for the target language, as Multi30k's own `task1-tokenize.sh` has it; then BLEU of what stands between
    spaces, unsmoothed, as `multi-bleu.perl` has it. Where that finds no words, the tokens are `bleu_tokenizer`'s."""
    bleu_lowercase_tokenized_signature: str = ""
    chrf_plus_plus: float | None = None
    """chrF2++ (Popović, 2017), with n-grams of one and two words too; None in a report of an earlier version."""
    chrf_plus_plus_signature: str = ""
    spbleu: float | None = None
    """BLEU of subwords (Goyal et al., 2022), where FLORES-200's model is at hand."""
    spbleu_signature: str = ""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By field: what 95% of bootstrap samples of the test set score, as `sacrebleu --confidence` has it."""

    @property
    def named(self) -> list[NamedScore]:
        """The scores as they are printed, without those that an earlier version lacks, and spBLEU without its model."""
        shown = [
            NamedScore(name, getattr(self, key), self.intervals.get(key), getattr(self, f"{key}_signature"))
            for key, name in NAMES.items()
        ]
        return [each for each in shown if each.value is not None or each.name == EDIT_RATE.name]


NAMES: Mapping[str, str] = {
    "bleu": "BLEU",
    "chrf": CHRF2.name,
    "chrf_plus_plus": CHRF_PLUS_PLUS.name,
    "ter": EDIT_RATE.name,
    "spbleu": "spBLEU",
    "bleu_lowercase_tokenized": "BLEU lc tok",
}


def score(
    hypotheses: Sequence[str],
    references: Sequence[str],
    target_language: str,
    tokenize: str | None = None,
    more_references: Sequence[Sequence[str]] = (),
    samples: int = SAMPLES,
) -> Scores:
    """Scores translations.

    Args:
        hypotheses: plain text, as a reader would see it: neither tokenised nor in subwords.
        references: likewise, in the same order.
        target_language: code such as `de`, `pt-BR` or `zho_Hans`, which decides the tokenisation.
        tokenize: sacreBLEU's name of a tokenizer for `bleu`, in place of `bleu_tokenizer(target_language)`.
        more_references: further ones for the same hypotheses, as many lists as there are; all scores use all.
        samples: of the test set, for the intervals; 0 for none.

    Raises:
        EvaluationError: unequal numbers of hypotheses and references, or none; no such tokenizer.
    """
    counted = count(hypotheses, [references, *more_references], target_language, tokenize)
    drawn = resampled(list(counted.values()), samples) if samples else None
    figures: dict[str, Any] = {"ter": None, "ter_signature": ""}
    intervals = {}
    for number, (key, each) in enumerate(counted.items()):
        figures |= {key: each.score(), f"{key}_signature": each.signature}
        if drawn is not None:
            intervals[key] = interval(figures[key], drawn[:, number])[1:]
    return Scores(**figures, intervals=intervals)


def count(
    hypotheses: Sequence[str],
    every_reference: Sequence[Sequence[str]],
    target_language: str,
    tokenize: str | None = None,
) -> dict[str, Counted]:
    """What every metric counts, by the field of `Scores`; TER and spBLEU are left out where they cannot be had.

    Raises:
        EvaluationError: as `score`.
    """
    require_equal_numbers(hypotheses, every_reference)
    too_long = too_long_for_ter(hypotheses, every_reference, target_language)
    metrics = {
        "bleu": bleu(target_language, tokenize),
        "chrf": CHRF2,
        "chrf_plus_plus": CHRF_PLUS_PLUS,
        "ter": None if too_long else edit_rate(target_language),
        "spbleu": spbleu(),
        "bleu_lowercase_tokenized": literature_bleu(target_language),
    }
    return {key: metric.count(hypotheses, every_reference) for key, metric in metrics.items() if metric}


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> float:
    """`score(...).bleu` alone, at a small part of the cost: for validation.

    Raises:
        EvaluationError: unequal numbers of hypotheses and references, or none.
    """
    require_equal_numbers(hypotheses, [references])
    return bleu(target_language).count(hypotheses, [references]).score()
