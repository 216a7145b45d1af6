"""How good translations are: BLEU, chrF and TER, the same as the `sacrebleu` command gives (Post, 2018).

Scores are percentages. A score is reported with its signature, which says how it was computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from translator.errors import TranslatorError
from translator.languages import is_chinese, primary, writes_no_spaces

# Words of a hypothesis and of its reference past which TER is left out: the time that it takes for two lines grows with
# more than the square of their words, and for some tens of thousands it would hardly end.
MOST_TER_WORDS = 500


class EvaluationError(TranslatorError):
    """Hypotheses and references that cannot be scored together."""


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
    """Translation edit rate (Snover et al., 2006): edits for each word of the reference; *lower* is better. None where
    some hypothesis and a reference of it both have more than `MOST_TER_WORDS` words, for which it may take hours."""
    ter_signature: str
    bleu_lowercase_tokenized: float
    """The figure of the Multi30k literature: both sides lowercased, punctuation-normalised and tokenised by Moses'
    rules for the target language, as Multi30k's own `task1-tokenize.sh` has it; then BLEU of what stands between
    spaces, unsmoothed, as `multi-bleu.perl` has it. Where that finds no words, the tokens are `bleu_tokenizer`'s."""


def score(
    hypotheses: Sequence[str],
    references: Sequence[str],
    target_language: str,
    tokenize: str | None = None,
    more_references: Sequence[Sequence[str]] = (),
) -> Scores:
    """Scores translations.

    Args:
        hypotheses: plain text, as a reader would see it: neither tokenised nor in subwords.
        references: likewise, in the same order.
        target_language: code such as `de`, `pt-BR` or `zho_Hans`, which decides the tokenisation.
        tokenize: sacreBLEU's name of a tokenizer for `bleu`, in place of `bleu_tokenizer(target_language)`.
        more_references: further ones for the same hypotheses, as many lists as there are; all scores use all.

    Raises:
        EvaluationError: unequal numbers of hypotheses and references, or none; no such tokenizer.
    """
    every_reference = [references, *more_references]
    _check_numbers(hypotheses, every_reference)
    bleu = _bleu(tokenize or bleu_tokenizer(target_language))
    chrf, ter = CHRF(), TER(references=every_reference)
    return Scores(
        bleu=bleu.corpus_score(hypotheses, every_reference).score,
        bleu_signature=str(bleu.get_signature()),
        chrf=chrf.corpus_score(hypotheses, every_reference).score,
        chrf_signature=str(chrf.get_signature()),
        ter=None if _are_long(hypotheses, every_reference) else ter.corpus_score(hypotheses, None).score,
        ter_signature=str(ter.get_signature()),
        bleu_lowercase_tokenized=_bleu_lowercase_tokenized(hypotheses, every_reference, target_language),
    )


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> float:
    """`score(...).bleu` alone, at a small part of the cost: for validation.

    Raises:
        EvaluationError: unequal numbers of hypotheses and references, or none.
    """
    _check_numbers(hypotheses, [references])
    return _bleu(bleu_tokenizer(target_language)).corpus_score(hypotheses, [references]).score


def bleu_tokenizer(target_language: str) -> str:
    """The tokenizer that suits a language, by sacreBLEU's name.

    13a, the standard, takes what stands between spaces for a word, which finds none in Japanese or Thai. sacreBLEU's
    own choices for Japanese and Korean need MeCab, and a score must not depend on what else is installed: these are
    scored by character, as Thai, Lao, Khmer, Burmese and Tibetan are.
    """
    if is_chinese(target_language):
        return "zh"
    by_character = writes_no_spaces(target_language) or primary(target_language) == "ko"
    return "char" if by_character else BLEU.TOKENIZER_DEFAULT


def require_tokenizer(name: str) -> None:
    """Raises an EvaluationError if sacreBLEU has no tokenizer of that name, or cannot use it here."""
    _bleu(name)


def _check_numbers(hypotheses: Sequence[str], every_reference: Sequence[Sequence[str]]) -> None:
    for references in every_reference:
        if len(hypotheses) != len(references):
            raise EvaluationError(
                f"found {len(hypotheses)} hypotheses but {len(references)} references; "
                "scoring needs one reference for each hypothesis"
            )
    if not hypotheses:
        raise EvaluationError("found 0 hypotheses and 0 references; scoring needs at least one of each")


def _are_long(hypotheses: Sequence[str], every_reference: Sequence[Sequence[str]]) -> bool:
    """Whether there is a pair of lines with more words on both sides than TER has time for."""
    pairs = (pair for references in every_reference for pair in zip(hypotheses, references, strict=True))
    return any(min(len(line.split()) for line in pair) > MOST_TER_WORDS for pair in pairs)


def _bleu(tokenizer: str) -> BLEU:
    if tokenizer not in BLEU.TOKENIZERS:
        raise EvaluationError(f"sacreBLEU has no tokenizer {tokenizer!r:.60}; it has {', '.join(BLEU.TOKENIZERS)}")
    try:
        return BLEU(tokenize=tokenizer)
    except Exception as error:  # each tokenizer has its own way to say that it needs more than there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EvaluationError(f"sacreBLEU's tokenizer {tokenizer} cannot be used here: {reason}") from error


def _bleu_lowercase_tokenized(
    hypotheses: Sequence[str], every_reference: Sequence[Sequence[str]], target_language: str
) -> float:
    # Moses has rules for ISO 639-1's codes, and general ones for any other.
    language, tokenizer = primary(target_language), bleu_tokenizer(target_language)
    in_words = tokenizer == BLEU.TOKENIZER_DEFAULT
    normalize = MosesPunctNormalizer(language, perl_parity=True).normalize
    tokenize = MosesTokenizer(language).tokenize

    def prepared(lines: Sequence[str]) -> list[str]:
        normalized = [normalize(line.lower()) for line in lines]
        return [tokenize(line, return_str=True) for line in normalized] if in_words else normalized

    # `force`: sacreBLEU would warn that these are tokens, as they should be.
    bleu = BLEU(tokenize="none" if in_words else tokenizer, smooth_method="none", force=True)
    return bleu.corpus_score(prepared(hypotheses), list(map(prepared, every_reference))).score
