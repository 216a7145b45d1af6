"""What the parity gate compares, and asks for: an export's answers beside what the run itself says."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from translator.data.batches import length_sorted
from translator.data.corpora.base import SentencePair
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import OPTIONS, SearchOptions
from translator.errors import TranslatorError

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

SCORED_TOGETHER = 16  # logits of a large vocabulary take room
LEAST_EQUAL = 0.99
MAX_BLEU_DROP = 0.5
# Options of a search with which its log-probabilities are those of a constrained model.
CHANGE_LOGITS = ("min_length_factor", "repetition_penalty", "no_repeat_ngram_size", "suppressed")


class ExportError(TranslatorError):
    """An export that would overwrite something, cannot be written, or differs from its run."""


@dataclass(frozen=True)
class Request:
    """What a fresh process is asked to do with an export; JSON on its standard input."""

    format: str
    folder: str
    sentences: list[str]
    pairs: list[tuple[list[int], list[int]]]  # sources and targets to score, without BOS and EOS
    options: dict[str, Any]
    max_source_tokens: int
    batch_sentences: int
    joiner: str
    prefix: list[int]  # ids that a source begins with: the tag of the target language


@dataclass(frozen=True)
class Answer:
    """What it found; JSON on its standard output."""

    texts: list[str]
    # Source, target, whether EOS belongs to it, log-probability: of the pairs, or of translations of its own.
    scored: list[tuple[list[int], list[int], bool, float]]
    never: list[int]  # ids that have no probability in these
    compute_type: str


def comparable(answer: Answer, translator: "Translator", options: SearchOptions) -> Answer:
    """What of an answer has the model's own log-probabilities.

    Where options change logits, a search gives those of the model so constrained: then what counts is by how much they
    differ from what the run's search gives to the same translations, which goes on top of the model's own.
    """
    defaults = {name: OPTIONS[name] for name in CHANGE_LOGITS}
    if not answer.never or all(getattr(options, name) == value for name, value in defaults.items()):
        return answer
    engine = translator.transformer
    scored = []
    for start in range(0, len(answer.scored), translator.batch_sentences):
        batch = answer.scored[start : start + translator.batch_sentences]
        found = engine.search([source for source, *_ in batch], options)
        own = log_probs(engine, [each[:3] for each in batch], answer.never)
        for (source, target, ended, theirs), (best, *_), model in zip(batch, found, own, strict=True):
            if list(best.ids) == list(target):
                scored.append((source, target, ended, float(model) + theirs - best.log_prob))
    return dataclasses.replace(answer, scored=scored)


def compare_log_probs(answer: Answer, translator: "Translator", tolerance: float | None) -> dict[str, Any]:
    engine = translator.transformer
    lengths = np.array([len(target) + ended for _, target, ended, _ in answer.scored])
    ours = log_probs(engine, [each[:3] for each in answer.scored], answer.never)
    theirs = np.array([each[3] for each in answer.scored])
    # A translation of no token at all, which a limit of length allows, has nothing to compare.
    largest = float(np.max(np.abs(ours - theirs) / np.maximum(lengths, 1), initial=0.0))
    if tolerance is not None and not largest <= tolerance:
        raise ExportError(
            f"the export's log-probabilities differ from the run's by up to {largest:.2g} a token, "
            f"more than {tolerance:g}; nothing was written"
        )
    return {
        "log_probs_compared": len(answer.scored),
        "log_prob_difference_per_token": largest,
        "log_prob_tolerance_per_token": tolerance,
    }


def log_probs(
    engine: TransformerEngine,
    scored: Sequence[tuple[Sequence[int], Sequence[int], bool]],
    never_written: Sequence[int] = (),
) -> np.ndarray:
    """The log-probabilities of given translations.

    Args:
        engine: what scores them.
        scored: source, target, and whether EOS belongs to the translation.
        never_written: ids that leave their probability to the others.

    Returns:
        float64 [translations].
    """
    found = np.zeros(len(scored))
    for batch in length_sorted([list(target) for _, target, _ in scored], SCORED_TOGETHER):
        sources, targets, ended = zip(*(scored[i] for i in batch), strict=True)
        of_tokens = engine.score(sources, targets, tuple(never_written))
        for i, target, with_end, each in zip(batch, targets, ended, of_tokens, strict=True):
            found[i] = sum(each[: len(target) + with_end])
    return found


def compare_texts(
    sentences: Sequence[str], ours: Sequence[str], theirs: Sequence[str], floating: bool
) -> dict[str, Any]:
    differing = [i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    share = 1 - len(differing) / len(sentences)
    if floating and share < LEAST_EQUAL:
        i = differing[0]
        raise ExportError(
            f"the export translates {len(differing):,} of {len(sentences):,} sentences differently, "
            f"more than {1 - LEAST_EQUAL:.0%}; nothing was written. The first: {sentences[i]!r:.200} "
            f"as {theirs[i]!r:.200} but the run as {ours[i]!r:.200}"
        )
    return {"equal_translations": share, "least_equal_translations": LEAST_EQUAL if floating else None}


def compare_bleu(
    ours: Sequence[str], theirs: Sequence[str], pairs: Sequence[SentencePair], language: str, quantization: str
) -> dict[str, Any]:
    from translator.evaluation.bootstrap import bleu_difference  # what scores takes its time to import

    if not pairs:
        raise ExportError(f"{quantization} is judged by BLEU on the validation set, which is not there")
    found = bleu_difference([ours], [theirs], [pair.target for pair in pairs], language)
    low = found.difference.low
    if not low > -MAX_BLEU_DROP:
        raise ExportError(
            f"the export's BLEU is {found.second.value:.2f} and the run's {found.first.value:.2f} on {len(pairs):,} "
            f"sentences; the difference may be as low as {low:.2f} (95% interval), not above {-MAX_BLEU_DROP}; "
            "nothing was written"
        )
    return {
        "bleu_of_run": found.first.value, "bleu": found.second.value,
        "bleu_difference_interval": [low, found.difference.high],
        "least_bleu_difference": -MAX_BLEU_DROP,
    }  # fmt: skip
