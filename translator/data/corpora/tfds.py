"""Data sets of TensorFlow Datasets, by name or by folder."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, InputFile, SentencePair, Side
from translator.data.corpora.files import FilesCorpus
from translator.data.corpora.lines import decoded, require_lasting
from translator.files import read_file

PROBE_SECONDS = 5.0
PROBE_HOSTS = 3


@dataclass(frozen=True)
class TfdsCorpus:
    """A translation data set that TensorFlow Datasets (TFDS) knows by name, or a folder of a prepared one.

    A folder of text files named `LANGUAGE.SPLIT.txt`, the layout of `tfds.folder_dataset.TranslateFolder`, is read as
    text files are: TFDS itself splits lines at U+2028 and holds all splits in memory.

    Attributes:
        root: The folder that a relative `name` starts from.
        name: A name in TFDS, or a folder.
        split: The split, slices included.
        source: The feature that holds source sentences.
        target: The feature that holds target sentences.
        key: The setting that names the data set, for messages.
    """

    root: Path
    name: str
    split: str
    source: str
    target: str
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "TfdsCorpus":
        return cls(data.root, str(corpus.tfds), corpus.split, data.source, data.target, key)

    @property
    def description(self) -> str:
        return f"{self.name}, split {self.split}"

    def pairs(self) -> Generator[SentencePair, None, None]:
        require_lasting(self._folder)
        if files := self._text_files():
            yield from files.pairs()
            return
        builder = _prepared_builder(self.name, self._folder, self.key)
        import tensorflow as tf
        import tensorflow_datasets as tfds

        features = sorted(builder.info.features)
        if not {self.source, self.target} <= set(features):
            raise CorpusError(
                f"{self.key}: {self.name} has no {self.source} and {self.target} (data.source, data.target); "
                f"its features are {', '.join(features)}"
            )
        try:
            # One shard after the other, without a copy in memory.
            reading = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
            examples = builder.as_dataset(split=self.split, shuffle_files=False, read_config=reading)
            for number, example in enumerate(examples.as_numpy_iterator(), 1):
                source, target = (decoded(example[side], self.name, number) for side in (self.source, self.target))
                yield SentencePair(source, target)
        except (ValueError, tf.errors.OpError) as error:
            splits = ", ".join(builder.info.splits)
            raise CorpusError(
                f"{self.key}: {self.name} gives no split {self.split} (splits: {splits}): {_first_line(error)}"
            ) from error

    def inputs(self) -> list[InputFile]:
        """All files of a prepared data set, whatever the split; none before it is prepared."""
        if files := self._text_files():
            return files.inputs()
        folder = self._folder if _is_prepared(self._folder) else _folder_of_name(self.name)
        if folder is None or not _is_prepared(folder):
            return []
        return [InputFile(str(path.relative_to(folder)), path) for path in sorted(folder.rglob("*")) if path.is_file()]

    def place(self, number: int, side: Side = "source") -> str:
        files = self._text_files()
        return files.place(number, side) if files else f"{self.name}, pair {number}"

    @property
    def _folder(self) -> Path:
        return self.root / self.name

    def _text_files(self) -> FilesCorpus | None:
        """The pair of text files that a TranslateFolder has for the split; None for any other data set."""
        if not any(self._folder.glob("*.*.txt")):
            return None
        source, target = (f"{language}.{self.split}.txt" for language in (self.source, self.target))
        return FilesCorpus(self._folder, source, target, self.key)


def _is_prepared(folder: Path) -> bool:
    return (folder / "dataset_info.json").exists()


def _prepared_builder(name: str, folder: Path, key: str) -> Any:
    """The TFDS builder of a prepared folder, or of a name, whose data is downloaded and prepared if it is not yet.

    Without a network TFDS retries for minutes; so the data's own servers are probed first.
    """
    try:
        import tensorflow_datasets as tfds

        if _is_prepared(folder):
            _require_own_features(folder / "features.json")
            return tfds.builder_from_directory(folder)
        if tfds.core.naming.parse_builder_name_kwargs(name)[0].namespace:
            raise ValueError("a name with a namespace refers to third-party code, which is not run")
        builder = tfds.builder(name)
        if not builder.is_prepared():
            _require_network(builder.url_infos or (), f"{key}: {name} is not prepared in {builder.data_dir}")
            builder.download_and_prepare()
        return builder
    except CorpusError:
        raise
    except Exception as error:  # a data set's own code runs there and may raise anything
        raise CorpusError(
            f"{key}: {name} is neither a folder with a prepared data set, {folder}, nor available from TensorFlow "
            f"Datasets: {_first_line(error)}"
        ) from error


def _folder_of_name(name: str) -> Path | None:
    """Where TFDS keeps a data set that it knows by name; None for a bad name, which reading reports."""
    try:
        import tensorflow_datasets as tfds

        known = tfds.core.naming.parse_builder_name_kwargs(name)[0].namespace is None
        return Path(tfds.builder(name).data_dir) if known else None
    except Exception:  # a data set's own code runs there and may raise anything
        return None


def _require_own_features(path: Path) -> None:
    """Raises a ValueError for a feature class that is not TFDS's own: TFDS would import, and so run, its module."""

    def check(feature: dict[str, Any]) -> None:
        for key in ("type", "pythonClassName", "python_class_name"):
            name = feature.get(key, "tensorflow_datasets.")
            if isinstance(name, str) and not name.startswith("tensorflow_datasets."):
                raise ValueError(f"{path} names the class {name}, which is third-party code and not run")

    json.loads(read_file(path), object_hook=check)


def _require_network(urls: Iterable[str], problem: str) -> None:
    """Raises a CorpusError if none of the first few servers answers within seconds; any answer will do."""
    roots = list(dict.fromkeys(urllib.parse.urljoin(url, "/") for url in urls))[:PROBE_HOSTS]
    if roots and not any(map(_answers, roots)):
        raise CorpusError(
            f"{problem}, and there is no network to fetch it: no answer from {', '.join(roots)}; prepare it on "
            "a machine with a network, and name the folder that has its dataset_info.json"
        )


def _answers(url: str) -> bool:
    try:
        # Not `urlopen`, which keeps the proxies that the environment named at its first call.
        opener = urllib.request.build_opener()
        opener.open(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    return True


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
