"""From a configuration's corpora to a run's vocabulary and token store; what is there already is not done twice."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pydantic

from translator.config import Config, CorpusConfig, DataConfig
from translator.data.corpus import CorpusError, SentencePair, sentence_pairs
from translator.data.store import TokenStore, open_store, write_store
from translator.data.tokenizer import Tokenizer, train_tokenizer
from translator.files import read_file, sha256, write_file
from translator.progress import Show, show_nothing
from translator.run_folder import RunError, RunFolder

INPUTS = "inputs.json"


SHOWN_EVERY = 1000  # pairs


def prepare(
    config: Config, run: RunFolder, show: Show = show_nothing
) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """Trains the vocabulary and encodes the training corpus, or takes the ones that are there."""
    tokenizers, pairs = _tokenizers(config, run, show)
    inputs = _inputs(config.data, _read_inputs(run))
    fingerprint = _fingerprint(config, tokenizers, inputs)
    store = open_store(run.data, fingerprint)
    if store is None:
        corpora = [sentence_pairs(corpus, config.data) for corpus in config.data.train]
        max_tokens = config.data.max_tokens
        write_store(
            run.data,
            corpora,
            tokenizers,
            max_tokens,
            fingerprint,
            lambda done: show(done, pairs, "encoding the corpus"),
        )
        store = open_store(run.data, fingerprint)
        assert store is not None
    write_file(run.data / INPUTS, json.dumps([input_._asdict() for input_ in inputs], indent=1).encode())
    return tokenizers, store


def prepare_tokenizers(config: Config, run: RunFolder) -> tuple[Tokenizer, Tokenizer]:
    """The source's and the target's tokenizer, the same one for a joint vocabulary; trained if they are not there."""
    return _tokenizers(config, run, show_nothing)[0]


def _tokenizers(config: Config, run: RunFolder, show: Show) -> tuple[tuple[Tokenizer, Tokenizer], int | None]:
    """The tokenizers, and the number of training pairs if it has come to light."""
    paths = run.tokenizer("source"), run.tokenizer("target")
    count = None
    if not all(path.exists() for path in paths):

        def pairs() -> Iterator[SentencePair]:
            nonlocal count
            number = 0
            corpora = (sentence_pairs(corpus, config.data) for corpus in config.data.train)
            for number, pair in enumerate(itertools.chain.from_iterable(corpora), 1):
                if number % SHOWN_EVERY == 0:
                    show(number, count, "drawing sentences for the vocabulary")
                yield pair
            count = number
            show(number, number, "learning the vocabulary")

        for path, tokenizer in zip(paths, _make_tokenizers(config, pairs), strict=True):
            tokenizer.save(path)
    return load_tokenizers(run), count


def _make_tokenizers(config: Config, pairs: Callable[[], Iterator[SentencePair]]) -> tuple[Tokenizer, Tokenizer]:
    """Trains tokenizers for source and target, or takes the models that the configuration names."""
    data, settings = config.data, config.tokenizer
    if settings.model:
        paths = [Path(str(settings.model).replace("{lang}", language)) for language in (data.source, data.target)]
        source, target = map(Tokenizer.adopt, paths)
        if settings.source_normalization:
            source = source.with_normalization(settings.source_normalization)
        if settings.target_normalization:
            target = target.with_normalization(settings.target_normalization)
        return source, target
    one, other = settings.source_normalization or "nmt_nfkc", settings.target_normalization or "keep"
    if settings.joint:
        texts = (text for pair in pairs() for text in ((pair.source, one), (pair.target, other)))
        source = target = train_tokenizer(texts, settings)
    else:
        source = train_tokenizer(((pair.source, one) for pair in pairs()), settings)
        target = train_tokenizer(((pair.target, other) for pair in pairs()), settings)
    return source.with_normalization(one), target.with_normalization(other)


def open_prepared(config: Config, run: RunFolder) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """What `prepare` has just made in another process.

    Raises:
        RunError: it is not to be seen from here.
    """
    store = open_store(run.data, None)
    if store is None:
        raise RunError(
            f"{run.data} is not to be seen from here; a run's folder must be on a disk that all workers share"
        )
    return load_tokenizers(run), store


def load_tokenizers(run: RunFolder) -> tuple[Tokenizer, Tokenizer]:
    """The run's tokenizers of the source and the target."""
    return Tokenizer.load(run.tokenizer("source")), Tokenizer.load(run.tokenizer("target"))


def read_all(corpora: tuple[CorpusConfig, ...], data: DataConfig) -> list[SentencePair]:
    """Every pair of evaluation corpora, in order; nothing is left out.

    Raises:
        CorpusError: there is none.
    """
    pairs = [pair for corpus in corpora for pair in sentence_pairs(corpus, data)]
    if not pairs:
        raise CorpusError(
            f"{' and '.join(str(c.model_dump(exclude_defaults=True)) for c in corpora)}: no sentence in it"
        )
    return pairs


def require_evaluation_corpora(data: DataConfig) -> None:
    """Reads what validation and the scores at the end will read, for an error in it to be told before training.

    Raises:
        CorpusError: one cannot be read to its end, or has no pair.
    """
    for corpora in (data.validation, data.test):
        if corpora:
            read_all(corpora, data)


class Input(NamedTuple):
    """A file of the training corpus, as it was when it was encoded."""

    path: str
    size: int  # bytes
    modified: int  # nanoseconds since 1970
    sha256: str


def _inputs(data: DataConfig, known: list[Input]) -> list[Input]:
    """The training corpus's files by their content; one whose size and time are the known ones is not read again."""
    by_state = {input_[:3]: input_ for input_ in known}
    names = [name for corpus in data.train for name in (corpus.files, corpus.tsv) if name]
    paths = [data.root / name.replace("{lang}", language) for name in names for language in (data.source, data.target)]
    inputs = []
    for path in dict.fromkeys(paths):
        if path.is_file():
            state = str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns
            inputs.append(by_state.get(state) or Input(*state, sha256(path)))
    return inputs


def _read_inputs(run: RunFolder) -> list[Input]:
    try:
        return pydantic.TypeAdapter(list[Input]).validate_json(read_file(run.data / INPUTS))
    except (OSError, ValueError):
        return []


def _fingerprint(config: Config, tokenizers: tuple[Tokenizer, Tokenizer], inputs: list[Input]) -> str:
    """Names all that the ids of the training corpus follow from."""
    data = config.data
    settings = repr((data.source, data.target, data.max_tokens, data.train))
    parts = [settings.encode(), *(t.model for t in tokenizers), *(input_.sha256.encode() for input_ in inputs)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
