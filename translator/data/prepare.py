"""From a configuration's corpora to a run's vocabulary and token store; what is there already is not done twice."""

import contextlib
import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pydantic

from translator.config import Config, CorpusConfig, DataConfig
from translator.data.corpus import CorpusError, SentencePair, corpus_files, sentence_pairs
from translator.data.sampling import check_kinds
from translator.data.store import TokenStore, open_store, write_store
from translator.data.tokenizer import Tokenizer, train_tokenizer
from translator.files import read_file, sha256, write_file
from translator.progress import Show, show_nothing
from translator.run_folder import RunError, RunFolder

log = logging.getLogger(__name__)

SHOWN_EVERY = 1000  # pairs
MOST_NAMED = 5  # files that have changed


def prepare(
    config: Config, run: RunFolder, show: Show = show_nothing
) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """Trains the vocabulary and encodes the training corpus, or takes the ones that are there.

    Raises:
        RunError: the run has been trained, and files of its corpus, or its vocabulary, are not what they were.
        CorpusError: the corpus cannot be read.
    """
    known = _read_inputs(run)
    inputs = _inputs(config.data, known)
    if run.is_trained and config.data.on_change == "refuse":
        _require_unchanged(run, known, inputs)
    tokenizers, pairs = _tokenizers(config, run, show)
    store = open_store(run.data, _fingerprint(config, tokenizers, inputs))
    if store is None:
        for corpus in config.data.train:
            with contextlib.closing(sentence_pairs(corpus, config.data)) as opened:
                next(opened, None)
        inputs = _inputs(config.data, inputs)  # some of which TFDS may not have fetched before
        fingerprint = _fingerprint(config, tokenizers, inputs)
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
    else:
        for path in (input_.path for input_ in inputs if not Path(input_.path).exists()):
            log.warning("%s is gone; going on with what was encoded of it", path)
    write_file(run.inputs, json.dumps([input_._asdict() for input_ in inputs], indent=1).encode())
    return tokenizers, store


def prepare_tokenizers(config: Config, run: RunFolder) -> tuple[Tokenizer, Tokenizer]:
    """The source's and the target's tokenizer, the same one for a joint vocabulary; trained if they are not there."""
    return _tokenizers(config, run, show_nothing)[0]


def _tokenizers(config: Config, run: RunFolder, show: Show) -> tuple[tuple[Tokenizer, Tokenizer], int | None]:
    """The tokenizers, and the number of training pairs if it has come to light."""
    paths = run.tokenizer("source"), run.tokenizer("target")
    count = None
    if missing := [path for path in paths if not path.exists()]:
        if run.is_trained:
            raise RunError(
                f"{missing[0]} is gone, which {run.path} was trained with; put it back, or name another folder"
            )

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
        if settings.sampling_alpha:
            check_kinds((source, target))
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

    corpus: int  # which of `data.train`, counted from 0
    name: str  # in that corpus; stays when the data is moved
    path: str
    size: int  # bytes
    modified: int  # nanoseconds since 1970
    sha256: str


def _inputs(data: DataConfig, known: list[Input]) -> list[Input]:
    """The training corpus's files by their content; one whose size and time are the known ones is not read again.

    Of a corpus that is gone they are the known ones: as long as the store is there, nobody needs it.
    """
    checksums = {(input_.path, input_.size, input_.modified): input_.sha256 for input_ in known}
    inputs = []
    for number, corpus in enumerate(data.train):
        files = corpus_files(corpus, data)
        for name, path in files:
            state = str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns
            inputs.append(Input(number, name, *state, checksums.get(state) or sha256(path)))
        if not files:
            inputs += [input_ for input_ in known if input_.corpus == number]
    return inputs


def _require_unchanged(run: RunFolder, known: list[Input], inputs: list[Input]) -> None:
    """Raises a RunError for files that are not what a run was trained on, as far as that is known."""
    before, now = ({(input_.corpus, input_.name): input_ for input_ in each} for each in (known, inputs))
    said = [f"{before[key].path} is gone" for key in before if key not in now]
    for key, input_ in now.items():
        if key not in before:
            said.append(f"{input_.path} is new")
        elif input_.sha256 != before[key].sha256:
            said.append(f"{input_.path} has changed")
    if known and said:
        more = f" and {len(said) - MOST_NAMED:,} more" if len(said) > MOST_NAMED else ""
        raise RunError(
            f"{run.path} was trained on other data: {'; '.join(said[:MOST_NAMED])}{more}. Put back what was there, or "
            "go on with what is there now, from the start of the epoch, by --set data.on_change=continue"
        )


def _read_inputs(run: RunFolder) -> list[Input]:
    try:
        return pydantic.TypeAdapter(list[Input]).validate_json(read_file(run.inputs))
    except (OSError, ValueError):
        return []


def _fingerprint(config: Config, tokenizers: tuple[Tokenizer, Tokenizer], inputs: list[Input]) -> str:
    """Names all that the ids of the training corpus follow from."""
    data = config.data
    # Without the weights, which only the plan of an epoch follows from, and whatever else may be added one day.
    corpora = [corpus.model_dump(exclude_defaults=True, exclude={"weight"}) for corpus in data.train]
    settings = repr((data.source, data.target, data.max_tokens, corpora))
    parts = [settings.encode(), *(t.model for t in tokenizers), *(input_.sha256.encode() for input_ in inputs)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
