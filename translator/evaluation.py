"""How good translations are: BLEU, chrF and TER, the same as the `sacrebleu` command gives (Post, 2018).

Scores are percentages. A score that is told to others goes with its signature, which says how it was computed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from translator.errors import TranslatorError

# Words of a hypothesis and of its reference past which TER is left out: the time that it takes for two lines grows with
# more than the square of their words, and for some tens of thousands it would hardly end.
MOST_TER_WORDS = 500

# 13a, the standard, takes what stands between spaces for a word: not so in these languages. sacreBLEU's own choices for
# Japanese and Korean need MeCab, and a score must not hang on what else is installed: they are scored by character.
_TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char"}


class EvaluationError(TranslatorError):
    """Hypotheses and references that cannot be scored together."""


@dataclass(frozen=True)
class Scores:
    """What a list of translations scores; `dataclasses.asdict` gives the fields in this order."""

    bleu: float
    """Cased BLEU (Papineni et al., 2002), of 13a tokens; higher is better."""
    bleu_signature: str
    chrf: float
    """chrF2 (Popović, 2015), the F-score of character n-grams; higher is better."""
    chrf_signature: str
    ter: float | None
    """Translation edit rate (Snover et al., 2006): edits for each word of the reference; *lower* is better. None where
    some hypothesis and its reference both have more than `MOST_TER_WORDS` words, for which it may take hours."""
    ter_signature: str
    bleu_lowercase_tokenized: float
    """The figure of the Multi30k literature: both sides lowercased, punctuation-normalised and tokenised by Moses'
    rules for the target language, as Multi30k's own `task1-tokenize.sh` has it; then BLEU of what stands between
    spaces, unsmoothed, as `multi-bleu.perl` has it. Chinese, Japanese and Korean are tokenised as for `bleu`."""


def score(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> Scores:
    """Scores translations, one reference for each.

    Args:
        hypotheses: plain text, as a reader would see it: neither tokenised nor in subwords.
        references: likewise, in the same order.
        target_language: code such as `de` or `pt-BR`, which decides the tokenisation.

    Raises:
        EvaluationError: unequal numbers of hypotheses and references, or none.
    """
    _check_numbers(hypotheses, references)
    language = _primary_language(target_language)
    bleu, chrf, ter = _bleu(language), CHRF(), TER(references=[references])
    return Scores(
        bleu=bleu.corpus_score(hypotheses, [references]).score,
        bleu_signature=str(bleu.get_signature()),
        chrf=chrf.corpus_score(hypotheses, [references]).score,
        chrf_signature=str(chrf.get_signature()),
        ter=None if _are_long(hypotheses, references) else ter.corpus_score(hypotheses, None).score,
        ter_signature=str(ter.get_signature()),
        bleu_lowercase_tokenized=_bleu_lowercase_tokenized(hypotheses, references, language),
    )


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> float:
    """`score(...).bleu` alone, at a small part of the cost: for validation.

    Raises:
        EvaluationError: unequal numbers of hypotheses and references, or none.
    """
    _check_numbers(hypotheses, references)
    return _bleu(_primary_language(target_language)).corpus_score(hypotheses, [references]).score


def _check_numbers(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if len(hypotheses) != len(references):
        raise EvaluationError(
            f"found {len(hypotheses)} hypotheses but {len(references)} references; "
            "scoring needs one reference for each hypothesis"
        )
    if not hypotheses:
        raise EvaluationError("found 0 hypotheses and 0 references; scoring needs at least one of each")


def _are_long(hypotheses: Sequence[str], references: Sequence[str]) -> bool:
    """Whether there is a pair of lines with more words on both sides than TER has time for."""
    pairs = zip(hypotheses, references, strict=True)
    return any(min(len(line.split()) for line in pair) > MOST_TER_WORDS for pair in pairs)


def _primary_language(code: str) -> str:
    return re.split("[-_]", code.lower())[0]  # pt-BR, zh_TW -> pt, zh


def _bleu(language: str) -> BLEU:
    return BLEU(tokenize=_TOKENIZERS.get(language, BLEU.TOKENIZER_DEFAULT))


def _bleu_lowercase_tokenized(hypotheses: Sequence[str], references: Sequence[str], language: str) -> float:
    normalize = MosesPunctNormalizer(language, perl_parity=True).normalize
    tokenize = MosesTokenizer(language).tokenize

    def prepared(lines: Sequence[str]) -> list[str]:
        normalized = [normalize(line.lower()) for line in lines]
        return normalized if language in _TOKENIZERS else [tokenize(line, return_str=True) for line in normalized]

    # `force`: sacreBLEU would warn that these are tokens, as they should be.
    bleu = BLEU(tokenize=_TOKENIZERS.get(language, "none"), smooth_method="none", force=True)
    return bleu.corpus_score(prepared(hypotheses), [prepared(references)]).score
