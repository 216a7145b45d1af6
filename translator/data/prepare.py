"""From a configuration's corpora to a run's vocabulary and token store; what is there already is not done twice."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from translator.config import Config, CorpusConfig, DataConfig
from translator.data.corpus import CorpusError, SentencePair, sentence_pairs
from translator.data.store import TokenStore, open_store, write_store
from translator.data.tokenizer import Tokenizer, train_tokenizer
from translator.run_folder import RunFolder


def prepare(config: Config, run: RunFolder) -> tuple[tuple[Tokenizer, Tokenizer], TokenStore]:
    """Trains the vocabulary and encodes the training corpus, or takes the ones that are there."""
    tokenizers = prepare_tokenizers(config, run)
    fingerprint = _fingerprint(config, tokenizers)
    store = open_store(run.data, fingerprint)
    if store is None:
        corpora = [sentence_pairs(corpus, config.data) for corpus in config.data.train]
        write_store(run.data, corpora, tokenizers, config.data.max_tokens, fingerprint)
        store = open_store(run.data, fingerprint)
        assert store is not None
    return tokenizers, store


def prepare_tokenizers(config: Config, run: RunFolder) -> tuple[Tokenizer, Tokenizer]:
    """The source's and the target's tokenizer, the same one for a joint vocabulary."""
    joint = config.tokenizer.joint

    def trained(side: str, texts: Callable[[], Iterator[str]]) -> Tokenizer:
        path = run.tokenizer(side, joint=joint)
        if path.exists():
            return Tokenizer.load(path)
        tokenizer = train_tokenizer(texts(), config.tokenizer, config.train.seed)
        tokenizer.save(path)
        return tokenizer

    def pairs() -> Iterator[SentencePair]:
        return itertools.chain.from_iterable(sentence_pairs(corpus, config.data) for corpus in config.data.train)

    if joint:
        both = trained("joint", lambda: itertools.chain.from_iterable(pairs()))
        return both, both
    return trained("source", lambda: (p.source for p in pairs())), trained(
        "target", lambda: (p.target for p in pairs())
    )


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


def _fingerprint(config: Config, tokenizers: tuple[Tokenizer, Tokenizer]) -> str:
    """Names all that the ids of the training corpus follow from: files by size and time of change."""
    data = config.data
    parts = [repr((data.source, data.target, data.max_tokens, data.train)).encode(), *(t.model for t in tokenizers)]
    for corpus in data.train:
        for name in filter(None, (corpus.files, corpus.tsv)):
            for language in (data.source, data.target):
                path: Path = data.root / name.replace("{lang}", language)
                if path.exists():
                    parts.append(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
