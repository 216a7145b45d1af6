"""Vocabularies of several sizes, learned from a corpus and measured on it: facts for the choice of a size.

The model classifies: each subword is a class, and one that training hardly has is hardly learned. Gowda and May (2020,
"Finding the Optimal Vocabulary Size for Neural Machine Translation") found on four language pairs that the largest
vocabulary of which 95% of the classes occur at least 100 times in training was best, or near it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydantic

from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import open_corpora
from translator.data.explaining import counts_of
from translator.data.filters import has_text, passed
from translator.data.learning import train_tokenizers
from translator.data.modifiers import modified_for_vocabulary
from translator.data.prepare import filters_of_corpora
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.languages import writes_no_spaces
from translator.progress import Show, show_nothing

SIZES = (1000, 2000, 4000, 8000, 16_000, 32_000)
SAMPLED_PAIRS = 100_000  # that vocabularies are learned from and measured on
FREQUENT = 100  # occurrences in the corpus
LEAST_FREQUENT = 0.95  # of the classes


@dataclass(frozen=True)
class MeasuredSide:
    """One side of the corpus, segmented with a vocabulary.

    Attributes:
        language: of the side; several between commas.
        subwords: a sentence, on average.
        subwords_a_word: words are what spaces separate; None in a language that writes none.
    """

    language: str
    subwords: float
    subwords_a_word: float | None


@dataclass(frozen=True)
class MeasuredSize:
    """A vocabulary, or with `tokenizer.joint: false` one for each side, of some size.

    Attributes:
        size: as `tokenizer.vocabulary_size`.
        source, target: what sentences become.
        frequent: the share of the subwords that the corpus has at least `FREQUENT` times, special ones and bytes aside;
            of two vocabularies the lower share.
        unused: how many of them no segmentation has.
    """

    size: int
    source: MeasuredSide
    target: MeasuredSide
    frequent: float
    unused: int


@dataclass(frozen=True)
class Advice:
    """Sizes that were measured, the smallest first.

    Attributes:
        pairs: of the corpus, after filters.
        sampled: of those, how many the figures are from; counts are scaled to all.
        sizes: those that the corpus can give.
        impossible: why another size cannot be had, by size.
    """

    pairs: int
    sampled: int
    sizes: tuple[MeasuredSize, ...]
    impossible: dict[int, str]

    @property
    def suggested(self) -> int | None:
        """The largest measured size of which `LEAST_FREQUENT` of the subwords are frequent; None if none is."""
        return max((each.size for each in self.sizes if each.frequent >= LEAST_FREQUENT), default=None)


def measure_sizes(config: Config, sizes: Sequence[int] = SIZES, show: Show = show_nothing) -> Advice:
    """Learns a vocabulary of each size from a sample of the training corpora, and measures it there.

    Everything else of the vocabulary is as the configuration has it. `tokenizer.seed` draws the sample.

    Raises:
        CorpusError: the corpora cannot be read, or have no pair.
        TokenizerError: the configuration takes an existing model, or that of a run, whose size is what it is.
    """
    if config.tokenizer.model:
        raise TokenizerError(
            f"tokenizer.model {config.tokenizer.model} decides the vocabulary's size; there is no choice"
        )
    if config.train.init_from:
        raise TokenizerError(f"the run that train.init_from names ({config.train.init_from}) brings its vocabulary")
    drawn, total = _sample(config, show)
    if not drawn:
        raise CorpusError("the training corpus has no pair to learn a vocabulary from")
    settings = config.tokenizer
    pairs = list(modified_for_vocabulary(drawn, config.data.modifiers, settings.seed, settings.user_defined_symbols))
    found, impossible = [], {}
    for number, size in enumerate(sorted(set(sizes))):
        show(number, len(set(sizes)), "learning and measuring vocabularies")
        try:
            of_size = TokenizerConfig.model_validate({**settings.model_dump(), "vocabulary_size": size})
            found.append(_measured(config, of_size, pairs, total / len(pairs)))
        except TokenizerError as error:
            impossible[size] = str(error)
        except pydantic.ValidationError as error:
            impossible[size] = error.errors()[0]["msg"].removeprefix("Value error, ")
    return Advice(total, len(pairs), tuple(found), impossible)


def _sample(config: Config, show: Show) -> tuple[list[SentencePair], int]:
    """Pairs drawn with equal probability (algorithm R; Vitter, 1985) after the filters, and of how many."""
    generator, filters = random.Random(config.tokenizer.seed), filters_of_corpora(config.data)
    sample: list[SentencePair] = []
    total = 0
    for corpus, of_corpus in zip(open_corpora(config.data.train, config.data), filters, strict=True):
        for pair in filter(has_text, passed(corpus, of_corpus)):
            total += 1
            if total % 1000 == 0:
                show(total, None, "drawing sentences")
            place = total - 1 if total <= SAMPLED_PAIRS else generator.randrange(total)
            if place < SAMPLED_PAIRS:
                sample[place : place + 1] = [pair]
    return sample, total


def _measured(config: Config, settings: TokenizerConfig, pairs: Sequence[SentencePair], scale: float) -> MeasuredSize:
    tokenizers = train_tokenizers(lambda: pairs, settings, config.data.tagged)
    texts = [pair.source for pair in pairs], [pair.target for pair in pairs]
    sides = [Sequences.of(tokenizer.encode(each)) for tokenizer, each in zip(tokenizers, texts, strict=True)]
    counts = [counts_of(side, settings.vocabulary_size) for side in sides]
    if settings.joint:
        counts = [counts[0] + counts[1]]
    of_text = [count[_classes(tokenizer)] for count, tokenizer in zip(counts, tokenizers, strict=False)]
    of_source, of_target = map(_side, (config.data.sources, config.data.targets), sides, texts)
    frequent = min(float(np.mean(count * scale >= FREQUENT)) for count in of_text)
    unused = sum(int((count == 0).sum()) for count in of_text)
    return MeasuredSize(settings.vocabulary_size, of_source, of_target, frequent, unused)


def _classes(tokenizer: Tokenizer) -> np.ndarray:
    """The subwords that stand for text: int64 [at most V]."""
    return np.array([id_ for id_ in range(tokenizer.vocabulary_size) if tokenizer.spelled([id_]) is not None], np.int64)


def _side(languages: Sequence[str], ids: Sequences, texts: Sequence[str]) -> MeasuredSide:
    words = 0 if any(map(writes_no_spaces, languages)) else sum(len(text.split()) for text in texts)
    return MeasuredSide(", ".join(languages), len(ids.ids) / len(ids), len(ids.ids) / words if words else None)
