"""The facts of a run that its page and its model card tell: what it has recorded, its data, and its scores."""

import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from translator.config.corpora import CORPUS_FORMATS
from translator.data.inputs import Input, read_inputs
from translator.data.store import Counts, Sequences, TokenStore, open_store
from translator.data.words import words_of
from translator.evaluation.breakdown import Breakdown, by_casing, by_length
from translator.evaluation.metrics import CHRF2, Counted, bleu
from translator.evaluation.report import Report
from translator.evaluation.robustness import Robustness
from translator.languages import LanguagePair, english_name, writes_no_spaces
from translator.report.record import Record
from translator.run_folder import RunFolder

MOST_MEASURED = 1_000_000  # sentences whose lengths are counted
LONGEST = 100_000  # tokens: longer ones count as these


@dataclass(frozen=True)
class Lengths:
    """How long the sentences of one side of the training corpus are, in subwords.

    Attributes:
        histogram: int64, by length from 0 on, how many sentences have it.
        tokens: of all sentences.
        is_sample: whether the histogram is of some sentences, evenly spread.
    """

    histogram: np.ndarray
    tokens: int
    is_sample: bool

    @classmethod
    def of(cls, side: Sequences) -> "Lengths":
        """Of one side."""
        number = min(len(side), MOST_MEASURED)
        rows = np.arange(number) * len(side) // max(number, 1)
        return cls(np.bincount(np.minimum(side.lengths_of(rows), LONGEST)), int(side.offsets[-1]), number < len(side))


@dataclass(frozen=True)
class TrainingData:
    """The training corpus as it was encoded."""

    counts: Counts
    source: Lengths
    target: Lengths

    @classmethod
    def of(cls, store: TokenStore) -> "TrainingData":
        """Of a store of tokens."""
        return cls(store.counts, Lengths.of(store.source), Lengths.of(store.target))


@dataclass(frozen=True)
class Facts:
    """A run, and what follows from what it has recorded."""

    record: Record

    @classmethod
    def of(cls, run: RunFolder, is_open: bool | None = None) -> "Facts":
        """Of a run folder; `is_open` as `Record` has it."""
        return cls(Record(run, is_open))

    @property
    def languages(self) -> tuple[str, str]:
        """The names of source and target in English; of several, one after the other."""
        return named(self.record.config.data.pairs)

    @property
    def architecture(self) -> str:
        """The model in a few words."""
        model, parameters = self.record.config.model, self.record.parameters
        size = "" if parameters is None else f" with {parameters:,} parameters"
        return (
            f"Transformer{size}: {model.encoder_layers} encoder and {model.decoder_layers} decoder layers, "
            f"d_model {model.d_model}, d_ff {model.d_ff}, {model.num_heads} heads"
        )

    @cached_property
    def inputs(self) -> list[Input]:
        """The files of the training corpus."""
        return read_inputs(self.record.run)

    @cached_property
    def data(self) -> TrainingData | None:
        """The training corpus; None where it has been deleted."""
        store = open_store(self.record.run.data, None)
        return None if store is None else TrainingData.of(store)

    @cached_property
    def report(self) -> Report | None:
        """Translations of the test set with scores; None where there are none, or while their model is trained on."""
        return Report.read(self.record.run.report)

    @cached_property
    def robustness(self) -> Robustness | None:
        """Scores of the damaged test set; None where there are none."""
        return Robustness.read(self.record.run.robustness)

    @cached_property
    def breakdowns(self) -> list[Breakdown]:
        """BLEU by length, and the F-score of words by casing; nothing without translations."""
        report = self.report
        if report is None:
            return []

        def words(lines: Iterable[str], languages: Iterable[str]) -> list[list[str]]:
            of_lines = zip(lines, map(writes_no_spaces, languages), strict=True)
            return [[word.text for word in words_of(line, spaceless)] for line, spaceless in of_lines]

        source_languages, target_languages = zip(*self.languages_of_sentences, strict=True)
        sources = words((pair.source for pair in report.pairs), source_languages)
        targets = words((pair.target for pair in report.pairs), target_languages)
        counted = [self._counted_bleu(report)]
        tables = [by_length(list(map(len, sources)), counted, "source")] if any(sources) else []
        tables.append(by_length(list(map(len, targets)), counted, "reference"))
        tables.append(by_casing(targets, [words(report.hypotheses, target_languages)], ["the translations"]))
        return tables

    def _counted_bleu(self, report: Report) -> Counted:
        """What BLEU counts in each sentence, by the tokenizer of its language."""
        counted = []
        sentences = zip(self.languages_of_sentences, report.pairs, report.hypotheses, strict=True)
        for language, group in itertools.groupby(sentences, lambda each: each[0].target):
            _, pairs, hypotheses = zip(*group, strict=True)
            counted.append(bleu(language).count(hypotheses, [[pair.target for pair in pairs]]))
        return dataclasses.replace(counted[0], statistics=np.concatenate([each.statistics for each in counted]))

    @cached_property
    def languages_of_sentences(self) -> list[LanguagePair]:
        """Source and target language of each sentence of the test set; nothing without translations."""
        data = self.record.config.data
        return self.report.languages(LanguagePair(data.source, data.target)) if self.report else []

    @cached_property
    def sentence_scores(self) -> list[float]:
        """ChrF of each translation alone; nothing without translations."""
        if self.report is None:
            return []
        return CHRF2.count(self.report.hypotheses, [[pair.target for pair in self.report.pairs]]).sentence_scores()

    @property
    def search(self) -> str:
        """How the translations that are scored were searched for."""
        search = self.record.config.search
        return "greedy search" if search.beam_size == 1 else f"beam search, beam {search.beam_size}"

    def corpora(self, part: str) -> list[str]:
        """What the configuration names as `train`, `validation` or `test`, one line for each corpus."""
        described = []
        for corpus in getattr(self.record.config.data, part) or ():
            what = f"{CORPUS_FORMATS[corpus.format]}: {getattr(corpus, corpus.format)}"
            details = [f"split {corpus.split}"] if corpus.format == "tfds" else []
            details += [f"{corpus.source} to {corpus.target}"] if corpus.source and corpus.target else []
            details += [f"the first {corpus.pairs:,} pairs"] if corpus.pairs else []
            details += [f"weight {corpus.weight:g}"] if corpus.weight != 1 else []
            described.append(", ".join([what, *details]))
        return described


def named(pairs: Iterable[LanguagePair]) -> tuple[str, str]:
    """What the source languages of pairs are called in English, one after the other, and what the target languages."""
    source, target = (", ".join(map(english_name, dict.fromkeys(side))) for side in zip(*pairs, strict=True))
    return source, target
