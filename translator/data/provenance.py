"""From a row of the store back to the corpus: the file and line of a pair, and its text."""

from collections.abc import Iterable, Iterator, Sequence

from translator.data.corpora.base import Corpus
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer

SHOWN_CHARACTERS = 200


def described(
    rows: Iterable[int], store: TokenStore, corpora: Sequence[Corpus], tokenizers: tuple[Tokenizer, Tokenizer]
) -> Iterator[str]:
    """A line for each of some rows of the store: `data/train.en.gz:17: A man …  |  Ein Mann …`.

    Args:
        rows: Row numbers.
        store: The encoded corpora.
        corpora: Those that the store was written from, in the same order.
        tokenizers: Of the source and of the target.
    """
    for row in rows:
        texts = (
            tokenizer.decode([sequences[row].tolist()])[0][:SHOWN_CHARACTERS]
            for tokenizer, sequences in zip(tokenizers, (store.source, store.target), strict=True)
        )
        of_corpora = zip(corpora, store.corpora, strict=True)
        # As Python's own integer: a range searches for one of NumPy's element by element.
        corpus = next(corpus for corpus, its_rows in of_corpora if int(row) in its_rows)
        yield f"{corpus.place(int(store.numbers[row]))}: {'  |  '.join(texts)}"


def places(corpora: Iterable[Corpus]) -> Iterator[str]:
    """Where each pair of evaluation corpora stands, in the order of `read_all`."""
    for corpus in corpora:
        for number, _ in enumerate(corpus.pairs(), 1):
            yield corpus.place(number)
