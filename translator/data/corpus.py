"""Where sentence pairs come from: text files, a tab-separated file, TensorFlow Datasets, or the built-in grammar.

A corpus is streamed: memory stays flat however long it is. Nothing is opened before the first pair is asked for, and
everything is closed at the last one, at an error, or when the iterator is. Blank lines are sentences like any other,
for the two sides must stay aligned; it is the training store that leaves out pairs with an empty side.
"""

import codecs
import contextlib
import difflib
import functools
import gzip
import http.client
import io
import itertools
import json
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from translator import grammar
from translator.config.schema import CorpusConfig, DataConfig
from translator.errors import TranslatorError, shell_quoted
from translator.files import read_file
from translator.text_files import GZIP_START, what_else_it_is

# Of a line, its end included: what is longer is no sentence, and what has no end would fill the memory.
MOST_LINE_BYTES = 2**20
PROBE_SECONDS = 5.0
PROBE_HOSTS = 3


class CorpusError(TranslatorError):
    """A corpus that is missing, unreadable, or not parallel; names the file and, where there is one, the line."""


class SentencePair(NamedTuple):
    """A sentence and its translation, exactly as they stand in the corpus."""

    source: str
    target: str


def sentence_pairs(corpus: CorpusConfig, data: DataConfig) -> Generator[SentencePair, None, None]:
    """Streams the first `corpus.pairs` pairs of a corpus, in its own order, the same each time.

    Args:
        corpus: One of `data`'s corpora.
        data: The languages and the folder that relative paths start from.

    Raises:
        CorpusError: from the iterator, at the pair where the corpus turns out to be wrong.
    """
    if corpus.files is not None:
        names = (corpus.files.replace("{lang}", language) for language in (data.source, data.target))
        source, target = (_lasting(data.root / name) for name in names)
        pairs = file_pairs(source, target, _key("files", corpus, data))
    elif corpus.tsv is not None:
        pairs = _from_tsv(_lasting(data.root / corpus.tsv), _key("tsv", corpus, data))
    elif corpus.tfds is not None:
        pairs = _from_tfds(corpus.tfds, corpus.split, data, _key("tfds", corpus, data))
    else:
        pairs = _from_grammar(str(corpus.grammar), data, _key("grammar", corpus, data))
    with contextlib.closing(pairs):
        yield from itertools.islice(pairs, corpus.pairs)


def corpus_files(corpus: CorpusConfig, data: DataConfig) -> list[tuple[str, Path]]:
    """The files that a corpus is read from, as far as they are there, each with its name, whatever `data.root` is.

    They are all those of a data set that TFDS has prepared, whatever the split; the built-in grammar has none.
    """
    if corpus.tfds is not None:
        folder = data.root / corpus.tfds
        if any(folder.glob("*.*.txt")):
            paths = [folder / f"{language}.{corpus.split}.txt" for language in (data.source, data.target)]
        else:
            folder = folder if (folder / "dataset_info.json").exists() else _folder_of_tfds(corpus.tfds) or folder
            paths = sorted(folder.rglob("*")) if (folder / "dataset_info.json").exists() else []
        return [(str(path.relative_to(folder)), path) for path in paths if path.is_file()]
    template = corpus.files or corpus.tsv or ""
    names = dict.fromkeys(template.replace("{lang}", language) for language in (data.source, data.target))
    return [(name, data.root / name) for name in names if (data.root / name).is_file()]


class ByteLines(Protocol):
    """What `read_lines` needs of a binary file: its next line with its end, at most `size` bytes of it."""

    def readline(self, size: int, /) -> bytes: ...


def read_lines(path: Path, stream: ByteLines | None = None) -> Generator[str, None, None]:
    r"""Streams the lines of a UTF-8 text file without their ends; `.gz` is unzipped.

    A line ends at "\n" or "\r\n" and nowhere else. U+2028, U+0085, form feeds and lone carriage returns are text, as
    they are for `wc` and `paste`, so that line n of one file stays the partner of line n of the other. A byte order
    mark at the start is dropped.

    Args:
        path: The file; beside `stream`, only its name in messages.
        stream: What to read in the file's place. It is left open.

    Raises:
        CorpusError: for a missing file, a broken archive, an endless line or a byte that is not UTF-8.
    """
    number = 0
    try:
        with _opened(path) if stream is None else contextlib.nullcontext(stream) as file:
            for number, line in enumerate(iter(functools.partial(file.readline, MOST_LINE_BYTES + 1), b""), 1):
                if number == 1 and (what := _what_else(line, path, stream is None)):
                    raise CorpusError(f"{path} {what}")
                if len(line) > MOST_LINE_BYTES:
                    raise CorpusError(
                        f"{path}:{number}: the line has more than {MOST_LINE_BYTES:,} bytes; write one sentence a line"
                    )
                if number == 1 and line == codecs.BOM_UTF8:
                    continue  # an empty file, as some editors write it
                if line.endswith(b"\n"):
                    line = line[:-1].removesuffix(b"\r")
                text = _decoded(line, path, number)
                yield text.removeprefix("\ufeff") if number == 1 else text
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, gzip.BadGzipFile) and (what := _instead_of_gzip(path)):
            raise CorpusError(f"{path}, in spite of its name, {what}") from None
        reached = f"past line {number}" if number else "at all"
        raise CorpusError(f"{path} cannot be read {reached}: {getattr(error, 'strerror', None) or error}") from error


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _what_else(first_line: bytes, path: Path, is_file: bool) -> str | None:
    unpacked_by = "gunzip -c" if path.suffix == ".gz" else ""
    return what_else_it_is(first_line, path if is_file else None, unpacked_by)


def _instead_of_gzip(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(GZIP_START):
        return None
    return what_else_it_is(start, path) or (
        "is not compressed with gzip; if it is text, rename it: "
        f"mv {shell_quoted(path)} {shell_quoted(path.with_suffix(''))}"
    )


def _lasting(path: Path) -> Path:
    """The path, if what is there can be read time and again, by the vocabulary, the store and each start of a run."""
    try:
        if path.is_file() or path.is_dir() or not path.exists():
            return path
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    raise CorpusError(f"{path} is a pipe or a device; a corpus of a configuration is read more than once: name a file")


def _decoded(line: bytes, path: Path | str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}:{number}: byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8; "
            "write the file anew in UTF-8, as `iconv -f LATIN1 -t UTF-8` does for Latin-1"
        ) from None


def _key(field: str, corpus: CorpusConfig, data: DataConfig) -> str:
    """The configuration key of a corpus's field: `data.train.files`, or `data.train.1.files` in a list."""
    for section in ("train", "validation", "test"):
        corpora = getattr(data, section) or ()
        for index, candidate in enumerate(corpora):
            if candidate is corpus:
                return f"data.{section}.{index}.{field}" if len(corpora) > 1 else f"data.{section}.{field}"
    return field


def _missing(path: Path, key: str | None = None) -> CorpusError:
    """The error for a file that is not there, with the names in its folder that come near."""
    named_by = f", which {key} leads to" if key else ""
    if not path.parent.is_dir():
        return CorpusError(f"there is no file {path}{named_by}; there is no folder {path.parent}")
    names = [neighbour.name for neighbour in path.parent.iterdir()]
    twin = path.name.removesuffix(".gz") if path.suffix == ".gz" else f"{path.name}.gz"
    near = dict.fromkeys([twin] * (twin in names) + difflib.get_close_matches(path.name, names))
    return CorpusError(f"there is no file {path}{named_by}" + (f"; near it: {', '.join(near)}" if near else ""))


def file_pairs(source: Path, target: Path, key: str) -> Generator[SentencePair, None, None]:
    for path in (source, target):
        if not path.exists():
            raise _missing(path, key)
    with contextlib.closing(read_lines(source)) as sources, contextlib.closing(read_lines(target)) as targets:
        for number, (one, other) in enumerate(itertools.zip_longest(sources, targets)):
            if one is None or other is None:
                n, m = number + (one is not None), number + (other is not None)
                raise CorpusError(
                    f"{source} has {n + sum(1 for _ in sources)} lines but {target} has {m + sum(1 for _ in targets)}; "
                    "a parallel corpus needs one target line for each source line"
                )
            yield SentencePair(one, other)


def _from_tsv(path: Path, key: str) -> Generator[SentencePair, None, None]:
    if not path.exists():
        raise _missing(path, key)
    with contextlib.closing(read_lines(path)) as lines:
        for number, line in enumerate(lines, 1):
            sides = line.split("\t") if line.strip() else ["", ""]
            if len(sides) != 2:
                hint = "; keep two of the columns, as `cut -f 1,2` does the first two" if len(sides) > 2 else ""
                raise CorpusError(
                    f"{path}:{number}: a line is source, tab, target; found {len(sides) - 1} tabs in {line!r:.60}{hint}"
                )
            yield SentencePair(*sides)


def _from_grammar(split: str, data: DataConfig, key: str) -> Generator[SentencePair, None, None]:
    if {data.source, data.target} != {"en", "de"}:
        raise CorpusError(
            f"{key}: the built-in grammar writes English and German, so data.source and data.target must be en and de "
            f"or de and en; found {data.source} and {data.target}"
        )
    for english, german in grammar.sentence_pairs(split):
        yield SentencePair(english, german) if data.source == "en" else SentencePair(german, english)


def _from_tfds(name: str, split: str, data: DataConfig, key: str) -> Generator[SentencePair, None, None]:
    folder = _lasting(data.root / name)
    if any(folder.glob("*.*.txt")):
        # The layout of tfds.folder_dataset.TranslateFolder, which itself splits lines at U+2028 and holds all splits.
        source, target = (folder / f"{language}.{split}.txt" for language in (data.source, data.target))
        yield from file_pairs(source, target, key)
        return
    builder = _prepared_builder(name, folder, key)
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = sorted(builder.info.features)
    if not {data.source, data.target} <= set(features):
        raise CorpusError(
            f"{key}: {name} has no {data.source} and {data.target} (data.source, data.target); "
            f"its features are {', '.join(features)}"
        )
    try:
        # One shard after the other, and no copy in memory.
        reading = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        examples = builder.as_dataset(split=split, shuffle_files=False, read_config=reading)
        for number, example in enumerate(examples.as_numpy_iterator(), 1):
            yield SentencePair(*(_decoded(example[language], name, number) for language in (data.source, data.target)))
    except (ValueError, tf.errors.OpError) as error:
        splits = ", ".join(builder.info.splits)
        raise CorpusError(f"{key}: {name} gives no split {split} (splits: {splits}): {_first_line(error)}") from error


def _prepared_builder(name: str, folder: Path, key: str) -> Any:
    """The TFDS builder of a prepared folder or, by name, of data that is downloaded and prepared if need be.

    Without a network TFDS retries for minutes, hence the look at the data's own servers first.
    """
    try:
        import tensorflow_datasets as tfds

        if (folder / "dataset_info.json").exists():
            _require_own_features(folder / "features.json")
            return tfds.builder_from_directory(folder)
        if tfds.core.naming.parse_builder_name_kwargs(name)[0].namespace:
            raise ValueError("a name with a namespace stands for code from elsewhere, which is not run")
        builder = tfds.builder(name)
        if not builder.is_prepared():
            _require_network(builder.url_infos or (), f"{key}: {name} is not prepared in {builder.data_dir}")
            builder.download_and_prepare()
        return builder
    except CorpusError:
        raise
    except Exception as error:  # a data set's own code runs in there and raises what it likes
        raise CorpusError(
            f"{key}: {name} is neither a folder with a prepared data set, {folder}, nor to be had from TensorFlow "
            f"Datasets: {_first_line(error)}"
        ) from error


def _folder_of_tfds(name: str) -> Path | None:
    """Where TFDS keeps a data set that it knows by name; what is wrong with a name is told when it is read."""
    try:
        import tensorflow_datasets as tfds

        known = tfds.core.naming.parse_builder_name_kwargs(name)[0].namespace is None
        return Path(tfds.builder(name).data_dir) if known else None
    except Exception:  # a data set's own code runs in there and raises what it likes
        return None


def _require_own_features(path: Path) -> None:
    """Raises for features that are not TFDS's own: it would import, and thereby run, whatever module they name."""

    def check(feature: dict[str, Any]) -> None:
        for key in ("type", "pythonClassName", "python_class_name"):
            name = feature.get(key, "tensorflow_datasets.")
            if isinstance(name, str) and not name.startswith("tensorflow_datasets."):
                raise ValueError(f"{path} names the class {name}, which is code from elsewhere and not run")

    json.loads(read_file(path), object_hook=check)


def _require_network(urls: Iterable[str], problem: str) -> None:
    """Raises if none of the first few servers answers, each within seconds; any answer at all will do."""
    roots = list(dict.fromkeys(urllib.parse.urljoin(url, "/") for url in urls))[:PROBE_HOSTS]
    if roots and not any(map(_answers, roots)):
        raise CorpusError(
            f"{problem}, and there is no network to fetch it: no answer from {', '.join(roots)}; prepare it where "
            "there is one, and name the folder that has its dataset_info.json"
        )


def _answers(url: str) -> bool:
    try:
        # Not `urlopen`, which goes on with the proxies that the environment named at its first call.
        opener = urllib.request.build_opener()
        opener.open(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    return True


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
