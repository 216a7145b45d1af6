"""From a configuration's corpora to their classes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.aligned import WithAlignment
from translator.data.corpora.base import Corpus, CorpusError, FirstPairs, InputFile, SentencePair
from translator.data.corpora.files import FilesCorpus
from translator.data.corpora.grammar import GrammarCorpus
from translator.data.corpora.jsonl import JsonlCorpus
from translator.data.corpora.tfds import TfdsCorpus
from translator.data.corpora.tmx import TmxCorpus
from translator.data.corpora.tsv import TsvCorpus
from translator.languages import LanguagePair

# By the key of a corpus in a configuration: makes the corpus, given its section, the data section around it, and the
# dotted key, such as `data.train.files`, that messages name.
FORMATS: Mapping[str, Callable[[CorpusConfig, DataConfig, str], Corpus]] = MappingProxyType(
    {
        "files": FilesCorpus.of,
        "tsv": TsvCorpus.of,
        "jsonl": JsonlCorpus.of,
        "tmx": TmxCorpus.of,
        "tfds": TfdsCorpus.of,
        "grammar": GrammarCorpus.of,
    }
)


def open_corpus(corpus: CorpusConfig, data: DataConfig) -> Corpus:
    """The corpus that a section of the configuration describes; nothing is read yet.

    Args:
        corpus: One of `data`'s corpora.
        data: The languages of corpora that name none, and the folder that relative paths start from.
    """
    source, target = data.pair_of(corpus)
    of_corpus = data.model_copy(update={"source": source, "target": target})
    opened = FORMATS[corpus.format](corpus, of_corpus, _key(corpus, data))
    if corpus.alignment is not None:
        opened = WithAlignment(opened, InputFile(corpus.alignment, data.root / corpus.alignment))
    return opened if corpus.pairs is None else FirstPairs(opened, corpus.pairs)


def open_corpora(corpora: Iterable[CorpusConfig], data: DataConfig) -> tuple[Corpus, ...]:
    """Some of `data`'s corpora, in their order."""
    return tuple(open_corpus(corpus, data) for corpus in corpora)


def files_of(corpora: Iterable[CorpusConfig], data: DataConfig) -> list[Path]:
    """The files that some of `data`'s corpora are read from, as far as they exist."""
    return [file.path for corpus in open_corpora(corpora, data) for file in corpus.inputs()]


def read_all(corpora: Sequence[CorpusConfig], data: DataConfig) -> list[SentencePair]:
    """Every pair of evaluation corpora, in order; nothing is left out.

    Raises:
        CorpusError: A corpus cannot be read, or there is no pair in any of them.
    """
    opened = open_corpora(corpora, data)
    pairs = [pair for corpus in opened for pair in corpus.pairs()]
    if not pairs:
        raise CorpusError(f"{', '.join(corpus.description for corpus in opened)}: there is no sentence pair")
    return pairs


def by_pair(corpora: Iterable[CorpusConfig], data: DataConfig) -> dict[LanguagePair, list[CorpusConfig]]:
    """Some of `data`'s corpora by their languages, in the order in which those first come."""
    found: dict[LanguagePair, list[CorpusConfig]] = {}
    for corpus in corpora:
        found.setdefault(data.pair_of(corpus), []).append(corpus)
    return found


def read_by_pair(corpora: Iterable[CorpusConfig], data: DataConfig) -> dict[LanguagePair, list[SentencePair]]:
    """`read_all` for each pair of languages."""
    return {pair: read_all(each, data) for pair, each in by_pair(corpora, data).items()}


def _key(corpus: CorpusConfig, data: DataConfig) -> str:
    """The key of a corpus: `data.train.files`, or `data.train.1.files` in a list of several."""
    for section in ("train", "validation", "test"):
        corpora = getattr(data, section) or ()
        for index, candidate in enumerate(corpora):
            if candidate is corpus:
                return ".".join(["data", section, *[str(index)] * (len(corpora) > 1), corpus.format])
    return corpus.format
