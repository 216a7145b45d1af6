"""The settings of the corpora."""

import itertools
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from translator.config.corpora import Corpora, CorpusConfig
from translator.config.filters import FiltersConfig
from translator.config.modifiers import ModifiersConfig
from translator.config.section import Always, Section, UntilCheckpoint
from translator.languages import LanguagePair, writes_no_spaces


class DataConfig(Section):
    """The corpora for training, validation and test."""

    root: Always[Path] = Path()
    """The folder that `files`, `tsv`, `jsonl`, `tmx` and `tfds` paths are relative to; itself relative to the working
    directory."""
    source: str = "en"
    """The source language: replaces `{lang}` in file names, and is the name of the feature in a TFDS data set. A corpus
    may name another; then this is the one of those that do not."""
    target: str = "de"
    """The target language, with the same uses. Where training has several of them, the vocabulary has a tag for each,
    and a sentence begins with that of the language that it is translated into (Johnson et al., 2017)."""
    train: Corpora
    """The training corpus, or a list of several. The vocabulary is learned from it too."""
    temperature: UntilCheckpoint[float] = Field(1.0, ge=1.0, le=1000.0)
    """How evenly an epoch draws on several training corpora: on each in proportion to its weight and to size^(1/T)
    (Arivazhagan et al., 2019). 1 is by size, that is each pair once; a large T is nearly as often on each corpus."""
    filters: FiltersConfig = FiltersConfig()
    modifiers: ModifiersConfig = ModifiersConfig()
    validation: UntilCheckpoint[Corpora]
    """The validation corpus, or a list of several; used to select checkpoints and for early stopping."""
    test: Always[Corpora | None] = None
    """The test corpus, or a list of several, scored at the end of training and by `translator eval`. It is read before
    training only to report errors in it early; nothing is selected by it."""
    on_change: Always[Literal["refuse", "continue"]] = "refuse"
    """What to do when the training files of a run have changed since its vocabulary was learned, or its validation set
    since a validation: refuse to go on, or continue with the changed files. Training goes on from the start of the
    current epoch; validations are compared with those on the same set alone."""
    max_tokens: UntilCheckpoint[int] = Field(128, ge=2, le=2**20)
    """Maximum length of a training pair in subword tokens, on either side; longer pairs are left out. In translation,
    longer sentences are split into pieces."""

    @property
    def pairs(self) -> tuple[LanguagePair, ...]:
        """Source and target language of the training corpora, each pair once, in their order."""
        return tuple(dict.fromkeys(map(self.pair_of, self.train)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The languages that training translates from, in the order of `pairs`."""
        return tuple(dict.fromkeys(source for source, _ in self.pairs))

    @property
    def targets(self) -> tuple[str, ...]:
        """The languages that training translates into, in the order of `pairs`."""
        return tuple(dict.fromkeys(target for _, target in self.pairs))

    @property
    def tagged(self) -> tuple[str, ...]:
        """The languages that have a tag: `targets`, if there are several."""
        return self.targets if len(self.targets) > 1 else ()

    def pair_of(self, corpus: CorpusConfig) -> LanguagePair:
        """Source and target language of one of the corpora."""
        return LanguagePair(corpus.source or self.source, corpus.target or self.target)

    def of_pair(self, pair: LanguagePair) -> "DataConfig":
        """As if this pair were the only one: its languages, and of all corpora those that are its own."""
        corpora = {name: getattr(self, name) or () for name in ("train", "validation", "test")}
        own = {name: tuple(c for c in each if self.pair_of(c) == pair) for name, each in corpora.items()}
        return self.model_copy(update={"source": pair.source, "target": pair.target, **own})

    @model_validator(mode="after")
    def _languages_differ(self) -> "DataConfig":
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}; a parallel corpus needs two languages")
        for corpus in (*self.train, *self.validation, *(self.test or ())):
            pair = self.pair_of(corpus)
            if pair.source == pair.target:
                raise ValueError(f"a corpus has {pair.source!r} on both sides; a parallel corpus needs two languages")
            for language, known, side in ((pair.source, self.sources, "from"), (pair.target, self.targets, "into")):
                if language not in known:
                    raise ValueError(
                        f"nothing is trained to translate {side} {language}, as from {pair.source} to {pair.target}; "
                        f"training has {', '.join(map(str, self.pairs))}"
                    )
            corpus.columns_of(*pair)
        if self.tagged and self.modifiers.shares:
            raise ValueError(
                f"modifiers are for one target language, and training has {', '.join(self.tagged)}; leave them out"
            )
        if (self.source, self.target) not in self.pairs:
            raise ValueError(
                f"source {self.source} and target {self.target} are not a pair of the training corpora, which have "
                f"{', '.join(map(str, self.pairs))}; set them to one of those"
            )
        return self

    @model_validator(mode="after")
    def _evaluation_has_no_settings_of_training(self) -> "DataConfig":
        for name in ("validation", "test"):
            for corpus in getattr(self, name) or ():
                if corpus.weight != 1:
                    raise ValueError(f"weight is how often training passes over a corpus; leave it out of {name}")
                if corpus.alignment is not None:
                    raise ValueError(f"alignment is what train.guided_alignment learns; leave it out of {name}")
        return self

    @model_validator(mode="after")
    def _filters_fit_the_languages(self) -> "DataConfig":
        languages, filters = list(dict.fromkeys(itertools.chain(*self.pairs))), self.filters
        if unknown := [language for language in filters.scripts or () if language not in languages]:
            raise ValueError(f"filters.scripts has {unknown[0]}, but the languages are {' and '.join(languages)}")
        by_length = filters.min_length > 1 or filters.max_length or filters.max_ratio
        if (
            by_length
            and filters.length_unit == "words"
            and (spaceless := next(filter(writes_no_spaces, languages), ""))
        ):
            raise ValueError(
                f"{spaceless} is written without spaces between words: set filters.length_unit: characters"
            )
        return self
