"""From a configuration's corpora to a run's vocabulary and token store; what exists already is not made again."""

import contextlib
import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from translator.config.data import DataConfig
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data.corpora.base import Corpus, SentencePair
from translator.data.corpora.formats import open_corpora
from translator.data.encoding import write_store
from translator.data.filters import Filter, filtered, listed, make_filters
from translator.data.inherited import base_run, inherited_tokenizers
from translator.data.inputs import (
    Input,
    inputs_of,
    missing_inputs,
    read_inputs,
    require_unchanged,
    write_inputs,
)
from translator.data.learning import train_tokenizers
from translator.data.links import with_links
from translator.data.modifiers import modified_for_vocabulary
from translator.data.sampling import check_kinds
from translator.data.store import TokenStore, open_store
from translator.data.tags import into, with_tags
from translator.data.tokenizer import Tokenizer
from translator.files import replacing
from translator.progress import Show, show_nothing
from translator.run_folder import RunError, RunFolder

log = logging.getLogger(__name__)

SHOWN_EVERY = 1000  # pairs


def prepare(
    config: Config, run: RunFolder, show: Show = show_nothing
) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """Trains the vocabulary and encodes the training corpus, or opens those that the run has.

    Raises:
        RunError: Files of the corpus have changed since the vocabulary was learned, or the run was trained.
        CorpusError: The corpus cannot be read.
    """
    return prepare_corpora(open_corpora(config.data.train, config.data), config, run, show)


def prepare_corpora(
    corpora: Sequence[Corpus], config: Config, run: RunFolder, show: Show = show_nothing
) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """`prepare` for corpora that are open already.

    Args:
        corpora: One for each in `config.data.train`.
        config: The run's configuration.
        run: The run's folder.
        show: Told about progress.
    """
    inputs = present_inputs(corpora, config, run)
    tokenizers, pairs = opened_tokenizers(corpora, inputs, config, run, show)
    store = open_whole(config, run, tokenizers, inputs)
    if store is None:
        inputs = inputs_as_read(corpora, inputs)
        fingerprint = fingerprint_of(config, tokenizers, inputs)
        with _listing(config, run) as listing:
            of_each = zip(corpora, filters_of_corpora(config.data), strict=True)
            streams = [filtered(corpus, filters) for corpus, filters in of_each]
            if listing:
                streams = [listed(stream, corpus, listing) for stream, corpus in zip(streams, corpora, strict=True)]
            write_store(
                run.data,
                streams,
                of_corpora(config.data, tokenizers),
                config.data.max_tokens,
                fingerprint,
                lambda done: show(done, pairs, "encoding the corpus"),
            )
        store = open_store(run.data, fingerprint)
        assert store is not None
    else:
        for path in missing_inputs(inputs):
            log.warning("%s is gone; continuing with the encoded copy of it", path)
    write_inputs(run, inputs)
    return tokenizers, with_links(store, config, run, of_corpora(config.data, tokenizers), show)


def present_inputs(corpora: Sequence[Corpus], config: Config, run: RunFolder) -> list[Input]:
    """The files of the training corpora.

    Raises:
        RunError: The run has been trained on others, or has learned its vocabulary from others, and
            `data.on_change` does not let it continue.
    """
    known = read_inputs(run)
    inputs = inputs_of(corpora, known)
    if config.data.on_change == "refuse":
        require_unchanged(run, depended_on(known, config, run), depended_on(inputs, config, run))
    return inputs


def depended_on(inputs: list[Input], config: Config, run: RunFolder) -> list[Input]:
    """The files that cannot change without a word: all of a trained run, before that those of its vocabulary."""
    if run.is_trained:
        return inputs
    adopted = config.tokenizer.model or (config.train.init_from and not config.tokenizer.extend_by)
    if adopted or not run.tokenizer("source").is_file():
        return []
    alignments = {(number, str(corpus.alignment)) for number, corpus in enumerate(config.data.train)}
    return [input_ for input_ in inputs if (input_.corpus, input_.name) not in alignments]


def inputs_as_read(corpora: Sequence[Corpus], known: list[Input]) -> list[Input]:
    """The files of corpora that are about to be read: TFDS downloads some when they are opened."""
    for corpus in corpora:
        with contextlib.closing(corpus.pairs()) as opened:
            next(opened, None)
    return inputs_of(corpora, known)


def open_whole(
    config: Config, run: RunFolder, tokenizers: tuple[Tokenizer, Tokenizer], inputs: list[Input]
) -> TokenStore | None:
    """The run's store, if it is that of these files and nothing that was asked for beside it is missing."""
    lacks_listing = config.data.filters.list and not run.left_out.exists() and not missing_inputs(inputs)
    return None if lacks_listing else open_store(run.data, fingerprint_of(config, tokenizers, inputs))


@contextlib.contextmanager
def _listing(config: Config, run: RunFolder) -> Iterator[IO[str] | None]:
    """The file for what the filters leave out, if it is asked for; it is written whole or not at all."""
    if not config.data.filters.list:
        run.left_out.unlink(missing_ok=True)  # an earlier store's
        yield None
        return
    with replacing(run.left_out) as partial, partial.open("w", encoding="utf-8") as file:
        yield file


def prepare_tokenizers(config: Config, run: RunFolder, show: Show = show_nothing) -> tuple[Tokenizer, Tokenizer]:
    """The source's and the target's tokenizer, with one vocabulary if it is joint; trained if the run has none."""
    corpora = open_corpora(config.data.train, config.data)
    return opened_tokenizers(corpora, present_inputs(corpora, config, run), config, run, show)[0]


def opened_tokenizers(
    corpora: Sequence[Corpus], inputs: list[Input], config: Config, run: RunFolder, show: Show
) -> tuple[tuple[Tokenizer, Tokenizer], int | None]:
    """The tokenizers, and the number of training pairs if that has been counted."""
    paths = run.tokenizer("source"), run.tokenizer("target")
    count = None
    if missing := [path for path in paths if not path.exists()]:
        if run.is_trained:
            raise RunError(
                f"{missing[0]} is gone, which {run.path} was trained with; restore it, or name another folder"
            )

        def pairs() -> Iterator[SentencePair]:
            nonlocal count
            number, filters = 0, filters_of_corpora(config.data)
            streams = (filtered(corpus, each) for corpus, each in zip(corpora, filters, strict=True))
            for number, each in enumerate(itertools.chain.from_iterable(streams), 1):
                if number % SHOWN_EVERY == 0:
                    show(number, count, "drawing sentences for the vocabulary")
                if each.rejected_by is None:
                    yield each.pair
            count = number
            show(number, number, "learning the vocabulary")

        made = _make_tokenizers(config, pairs)
        write_inputs(run, inputs_of(corpora, inputs))
        for path, tokenizer in zip(paths, made, strict=True):
            tokenizer.save(path)
    return load_tokenizers(run), count


def of_corpora(data: DataConfig, tokenizers: tuple[Tokenizer, Tokenizer]) -> list[tuple[Tokenizer, Tokenizer]]:
    """The tokenizers of each training corpus: sources begin with the tag of its target language, if there are tags."""
    sources = {target: into(tokenizers[0], target) for target in data.targets}
    return [(sources[data.pair_of(corpus).target], tokenizers[1]) for corpus in data.train]


def filters_of_corpora(data: DataConfig) -> list[list[Filter]]:
    """The filters of each training corpus, which corpora of the same pair share."""
    by_pair = {pair: make_filters(data.of_pair(pair)) for pair in data.pairs}
    return [by_pair[data.pair_of(corpus)] for corpus in data.train]


def _make_tokenizers(config: Config, pairs: Callable[[], Iterator[SentencePair]]) -> tuple[Tokenizer, Tokenizer]:
    """Trains tokenizers for source and target, or takes those that the configuration names, or those of a run."""
    settings = config.tokenizer

    def seen() -> Iterator[SentencePair]:
        return modified_for_vocabulary(pairs(), config.data.modifiers, settings.seed, settings.user_defined_symbols)

    if settings.model or config.train.init_from:
        if settings.model:
            source, target = adopt_tokenizers(config)
            _warn_of_unused(settings, source, f"tokenizer.model {settings.model}")
        else:
            source, target = inherited_tokenizers(config, seen)
            _warn_of_unused(settings, load_tokenizers(base_run(config))[0], f"train.init_from {config.train.init_from}")
        if settings.sampling_alpha:
            check_kinds((source, target))
        return with_tags(source, config.data.tagged), with_tags(target, config.data.tagged if settings.joint else ())
    return train_tokenizers(seen, settings, config.data.tagged)


def adopt_tokenizers(config: Config) -> tuple[Tokenizer, Tokenizer]:
    """The models that `tokenizer.model` names, with the normalization of each side."""
    data, settings = config.data, config.tokenizer
    paths = [Path(str(settings.model).replace("{lang}", language)) for language in (data.source, data.target)]
    source, target = (Tokenizer.adopt(path).with_symbols(settings.user_defined_symbols) for path in paths)
    if settings.source_normalization:
        source = source.with_normalization(settings.source_normalization)
    if settings.target_normalization:
        target = target.with_normalization(settings.target_normalization)
    return source, target


def _warn_of_unused(settings: TokenizerConfig, adopted: Tokenizer, origin: str) -> None:
    """Warns of settings that are not at their defaults, and that an existing vocabulary decides for itself."""
    for name in ("kind", "vocabulary_size", "byte_fallback"):
        asked, own = getattr(settings, name), getattr(adopted, name)
        if asked not in (own, TokenizerConfig.model_fields[name].default):
            log.warning("tokenizer.%s %s is not used: %s has %s", name, asked, origin, own)


def open_prepared(config: Config, run: RunFolder) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """What `prepare` has just made in another process.

    Raises:
        RunError: It cannot be seen from here.
    """
    store = open_store(run.data, None)
    if store is None:
        raise RunError(f"{run.data} cannot be seen from here; a run's folder must be on a disk that all workers share")
    tokenizers = load_tokenizers(run)
    return tokenizers, with_links(store, config, run, of_corpora(config.data, tokenizers))


def load_tokenizers(run: RunFolder) -> tuple[Tokenizer, Tokenizer]:
    """The run's tokenizers of the source and the target."""
    return Tokenizer.load(run.tokenizer("source")), Tokenizer.load(run.tokenizer("target"))


def fingerprint_of(config: Config, tokenizers: tuple[Tokenizer, Tokenizer], inputs: list[Input]) -> str:
    """Identifies everything that the ids of the training corpus depend on."""
    data = config.data
    # Without weights and temperature, on which only the plan of an epoch depends, and without settings at their
    # defaults, so that a new setting changes no fingerprint.
    corpora = [corpus.model_dump(exclude_defaults=True, exclude={"weight"}) for corpus in data.train]
    filters = data.filters.that_matter()
    settings = repr((data.source, data.target, data.max_tokens, corpora, *([filters] if filters else [])))
    parts = [settings.encode(), *(t.model for t in tokenizers), *(input_.sha256.encode() for input_ in inputs)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
