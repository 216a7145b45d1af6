"""From what training saw back to the corpus: which line of which file it was, and what it says."""

from collections.abc import Iterable, Iterator

from translator.config.schema import CorpusConfig, DataConfig
from translator.data.corpus import sentence_pairs
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer

SHOWN_CHARACTERS = 200


def described(
    rows: Iterable[int], store: TokenStore, data: DataConfig, tokenizers: tuple[Tokenizer, Tokenizer]
) -> Iterator[str]:
    """A line for each of some rows of the store: `data/train.en.gz:17: A man …  |  Ein Mann …`."""
    for row in rows:
        texts = (
            tokenizer.decode([sequences[row].tolist()])[0][:SHOWN_CHARACTERS]
            for tokenizer, sequences in zip(tokenizers, (store.source, store.target), strict=True)
        )
        corpora = zip(data.train, store.corpora, strict=True)
        # As Python's own number: a range looks for NumPy's one by one.
        corpus = next(corpus for corpus, its_rows in corpora if int(row) in its_rows)
        yield f"{place_of(corpus, data, int(store.numbers[row]))}: {'  |  '.join(texts)}"


def places(corpora: Iterable[CorpusConfig], data: DataConfig) -> Iterator[str]:
    """Where each pair of evaluation corpora stands, in the order of `read_all`, which leaves none out."""
    for corpus in corpora:
        for number, _ in enumerate(sentence_pairs(corpus, data), 1):
            yield place_of(corpus, data, number)


def place_of(corpus: CorpusConfig, data: DataConfig, number: int) -> str:
    """Where the pair of that number, counted from 1, stands in a corpus."""
    if name := corpus.files or corpus.tsv:
        return f"{data.root / name.replace('{lang}', data.source)}:{number}"
    return f"{corpus.tfds or f'grammar {corpus.grammar}'}, pair {number}"
