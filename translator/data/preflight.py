"""What is checked before training starts."""

from translator.config.schema import DataConfig
from translator.data.corpora.formats import read_all


def require_evaluation_corpora(data: DataConfig) -> None:
    """Reads the validation and test corpora to their end, so that an error in them is reported before training.

    Raises:
        CorpusError: One of them cannot be read, or has no pair.
    """
    for corpora in (data.validation, data.test):
        if corpora:
            read_all(corpora, data)
