"""Corpora for tests, as a configuration describes them."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import open_corpus


def data_of(train: Any, root: Path = Path(), source: str = "en", target: str = "de") -> DataConfig:
    unused = {"grammar": "validation", "pairs": 1}
    return DataConfig.model_validate(
        {"root": root, "source": source, "target": target, "train": train, "validation": unused}
    )


def pairs_of(
    train: Any, root: Path = Path(), source: str = "en", target: str = "de"
) -> Generator[SentencePair, None, None]:
    data = data_of(train, root, source, target)
    return open_corpus(data.train[0], data).pairs()


def error_of(pairs: Iterator[Any]) -> str:
    with pytest.raises(CorpusError) as caught:
        list(pairs)
    return str(caught.value)


def write_sides(folder: Path, english: str, german: str) -> None:
    (folder / "t.en").write_bytes(english.encode())
    (folder / "t.de").write_bytes(german.encode())
