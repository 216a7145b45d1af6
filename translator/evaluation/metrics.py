"""The metrics: how each tokenizes, what it counts in a sentence, and the score of any choice of sentences.

A metric counts for each sentence what it needs, such as n-grams that match; a score is a function of the sums. So the
score of a bootstrap sample, or of the long sentences alone, takes no second look at the text. Counts and scores are
sacreBLEU's own (Post, 2018).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sacrebleu.metrics.base import Metric as SacrebleuMetric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacrebleu.tokenizers import tokenizer_spm
from sacrebleu.utils import SACREBLEU_DIR
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from translator.errors import TranslatorError
from translator.languages import is_chinese, primary, script, writes_no_spaces

# Words of a hypothesis and of its reference, characters in Chinese and Japanese, past which TER is left out: the time
# that it takes for two lines grows with more than the square of them, and for tens of thousands it would hardly end.
MOST_TER_WORDS = 500
SPBLEU_TOKENIZER = "flores200"

Prepare = Callable[[Sequence[str]], list[str]]


class EvaluationError(TranslatorError):
    """Hypotheses and references that cannot be scored together."""


@dataclass(frozen=True)
class Counted:
    """What a metric has counted in some translations.

    Attributes:
        name: of the metric, as it is printed.
        signature: how it computes.
        statistics: float64 [N, K], a row for each sentence.
        score_of_sums: the score of [K] sums over sentences.
        higher_is_better: False for TER.
    """

    name: str
    signature: str
    statistics: np.ndarray
    score_of_sums: Callable[[np.ndarray], float]
    higher_is_better: bool = True

    def score(self, counts: np.ndarray | None = None) -> float:
        """The score of a choice of sentences, by default all.

        Args:
            counts: [N], how many times each sentence is in it.
        """
        return self.score_of_sums(self.statistics.sum(0) if counts is None else counts @ self.statistics)

    def sentence_scores(self) -> list[float]:
        """The score of each sentence alone."""
        return [self.score_of_sums(row) for row in self.statistics]


@dataclass(frozen=True)
class Metric:
    """One way to score; `count` looks at the text."""

    name: str
    computed_by: Callable[[], SacrebleuMetric]
    higher_is_better: bool = True
    prepare: Prepare = list
    described: tuple[tuple[str, str], ...] = ()  # what `prepare` does, for the signature

    def count(self, hypotheses: Sequence[str], every_reference: Sequence[Sequence[str]]) -> Counted:
        """Counts sentence by sentence; further references are further lists."""
        metric = self.computed_by()
        references = [self.prepare(lines) for lines in every_reference]
        # sacreBLEU has these two functions under names that may change with its minor version, which pyproject.toml
        # pins; the tests compare what comes of them with the `sacrebleu` command.
        rows = metric._extract_corpus_statistics(self.prepare(hypotheses), references)
        signature = metric.get_signature()
        for key, value in self.described:
            signature.update(key, value)

        def score_of_sums(sums: np.ndarray) -> float:
            return float(metric._compute_score_from_stats(sums.tolist()).score)

        return Counted(self.name, str(signature), np.array(rows, np.float64), score_of_sums, self.higher_is_better)


def bleu(target_language: str, tokenize: str | None = None) -> Metric:
    """Cased BLEU (Papineni et al., 2002).

    Raises:
        EvaluationError: sacreBLEU has no tokenizer `tokenize`, or cannot use it here.
    """
    tokenizer = tokenize or bleu_tokenizer(target_language)
    _sacrebleu_bleu(tokenizer)
    return Metric("BLEU", lambda: _sacrebleu_bleu(tokenizer))


CHRF2 = Metric("chrF", CHRF)  # Popović (2015)
CHRF_PLUS_PLUS = Metric("chrF++", lambda: CHRF(word_order=2))  # Popović (2017): word 1- and 2-grams too
EDIT_RATE = Metric("TER", TER, higher_is_better=False)  # Snover et al. (2006)


def edit_rate(target_language: str) -> Metric | None:
    """TER of words; of characters in Chinese and Japanese, where a run of kana is a word (Tercom's rules for Asia).

    None in other languages without spaces: Tercom takes a sentence of theirs for one word, and it takes too long for
    their many characters.
    """
    if is_chinese(target_language) or primary(target_language) == "ja":
        return replace(EDIT_RATE, computed_by=lambda: TER(normalized=True, asian_support=True))
    return None if writes_no_spaces(target_language) else EDIT_RATE


def spbleu() -> Metric | None:
    """BLEU of subwords that are the same for all languages (Goyal et al., 2022), by the model of FLORES-200.

    None where the model is not at hand: nothing is downloaded.
    """
    if not spm_model(SPBLEU_TOKENIZER).is_file():
        return None
    return Metric("spBLEU", lambda: _sacrebleu_bleu(SPBLEU_TOKENIZER))


def literature_bleu(target_language: str) -> Metric:
    """BLEU of `literature_tokens`, unsmoothed, as `multi-bleu.perl` has it."""
    tokenizer = bleu_tokenizer(target_language)
    in_words = tokenizer == BLEU.TOKENIZER_DEFAULT
    return Metric(
        "BLEU lc tok",
        # `force`: sacreBLEU would warn that these are tokens, as they should be.
        lambda: BLEU(tokenize="none" if in_words else tokenizer, smooth_method="none", force=True),
        prepare=lambda lines: literature_tokens(lines, target_language),
        described=(("case", "lc"), ("tok", f"moses-{primary(target_language)}" if in_words else tokenizer)),
    )


def literature_tokens(lines: Sequence[str], target_language: str) -> list[str]:
    """Lowercases lines, normalizes punctuation and tokenizes by Moses' rules, as Multi30k's `task1-tokenize.sh` does.

    Tokens stand between spaces, but in languages where those rules find no words: such lines are not tokenized.
    """
    # Moses has rules for ISO 639-1's codes, and general ones for any other.
    language = primary(target_language)
    normalize = MosesPunctNormalizer(language, perl_parity=True).normalize
    normalized = [normalize(line.lower()) for line in lines]
    if bleu_tokenizer(target_language) != BLEU.TOKENIZER_DEFAULT:
        return normalized
    tokenize = MosesTokenizer(language).tokenize
    return [tokenize(line, return_str=True) for line in normalized]


def bleu_tokenizer(target_language: str) -> str:
    """The tokenizer that suits a language, by sacreBLEU's name.

    13a, the standard, takes what stands between spaces for a word, which finds none in Japanese or Thai. sacreBLEU's
    own choices for Japanese and Korean need MeCab, and a score must not depend on what else is installed: these are
    scored by character, as all that is written without spaces.
    """
    if is_chinese(target_language):
        return "zh"
    korean = primary(target_language) == "ko" and script(target_language) != "latn"
    by_character = korean or writes_no_spaces(target_language)
    return "char" if by_character else BLEU.TOKENIZER_DEFAULT


def require_tokenizer(name: str) -> None:
    """Raises an EvaluationError if sacreBLEU has no tokenizer of that name, or cannot use it here."""
    _sacrebleu_bleu(name)


def require_equal_numbers(hypotheses: Sequence[str], every_reference: Sequence[Sequence[str]]) -> None:
    """Raises an EvaluationError for unequal numbers of hypotheses and references, or none."""
    for references in every_reference:
        if len(hypotheses) != len(references):
            raise EvaluationError(
                f"found {len(hypotheses)} hypotheses but {len(references)} references; "
                "scoring needs one reference for each hypothesis"
            )
    if not hypotheses:
        raise EvaluationError("found 0 hypotheses and 0 references; scoring needs at least one of each")


def too_long_for_ter(hypotheses: Sequence[str], every_reference: Sequence[Sequence[str]], target_language: str) -> bool:
    """Whether there is a pair of lines with more words on both sides than TER has time for."""
    spaceless = writes_no_spaces(target_language)

    def length(line: str) -> int:
        return sum(map(len, line.split())) if spaceless else len(line.split())

    pairs = (pair for references in every_reference for pair in zip(hypotheses, references, strict=True))
    return any(min(map(length, pair)) > MOST_TER_WORDS for pair in pairs)


def spm_model(tokenizer: str) -> Path:
    """Where sacreBLEU looks for the model of one of its SentencePiece tokenizers."""
    return Path(SACREBLEU_DIR, "models", Path(tokenizer_spm.SPM_MODELS[tokenizer]["url"]).name)


def _sacrebleu_bleu(tokenizer: str) -> BLEU:
    if tokenizer not in BLEU.TOKENIZERS:
        raise EvaluationError(f"sacreBLEU has no tokenizer {tokenizer!r:.60}; it has {', '.join(BLEU.TOKENIZERS)}")
    if tokenizer in tokenizer_spm.SPM_MODELS and not (model := spm_model(tokenizer)).is_file():
        url = tokenizer_spm.SPM_MODELS[tokenizer]["url"]
        raise EvaluationError(f"sacreBLEU's tokenizer {tokenizer} needs a model; download {url} to {model}")
    try:
        return BLEU(tokenize=tokenizer)
    except Exception as error:  # each tokenizer has its own way to say that it needs more than there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EvaluationError(f"sacreBLEU's tokenizer {tokenizer} cannot be used here: {reason}") from error
