import bz2
import gzip
import http.server
import io
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator import grammar
from translator.config.schema import CorpusConfig, DataConfig
from translator.data import corpus as corpus_module
from translator.data.corpus import CorpusError, SentencePair, corpus_files, read_lines, sentence_pairs


def data_of(train: Any, root: Path = Path(), source: str = "en", target: str = "de") -> DataConfig:
    unused = {"grammar": "validation", "pairs": 1}
    return DataConfig.model_validate(
        {"root": root, "source": source, "target": target, "train": train, "validation": unused}
    )


def pairs_of(
    train: Any, root: Path = Path(), source: str = "en", target: str = "de"
) -> Generator[SentencePair, None, None]:
    data = data_of(train, root, source, target)
    return sentence_pairs(data.train[0], data)


def error_of(pairs: Iterator[Any]) -> str:
    with pytest.raises(CorpusError) as caught:
        list(pairs)
    return str(caught.value)


# Lines


def lines_of(content: bytes) -> list[str]:
    return list(read_lines(Path("a.txt"), io.BytesIO(content)))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n")).filter(lambda text: not text.endswith("\r")),
        min_size=1,
    )
)
def test_lines_written_are_the_lines_read(end: str, texts: list[str]) -> None:
    bom = "\ufeff"  # one is dropped, so that a text which starts with one itself keeps it
    assert lines_of((bom + "".join(text + end for text in texts)).encode()) == texts


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\rh"
    assert lines_of(f"{text}\n{text}\r\n{text}".encode()) == [text, text, text]


def test_blank_lines_and_outer_spaces_are_kept() -> None:
    assert lines_of(b"\n a \n\n\t\n") == ["", " a ", "", "\t"]


def test_an_empty_file_has_no_lines() -> None:
    assert lines_of(b"") == []


def test_a_byte_order_mark_is_dropped_at_the_start_alone() -> None:
    assert lines_of("\ufeffa\n\ufeffb\n".encode()) == ["a", "\ufeffb"]


def test_a_plain_file_and_its_gzip_give_the_same_lines(tmp_path: Path) -> None:
    content = "Zwei Hunde\nüben.\n".encode()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert list(read_lines(tmp_path / "a")) == list(read_lines(tmp_path / "a.gz")) == ["Zwei Hunde", "üben."]


def test_a_stream_is_read_in_place_of_the_file_and_left_open() -> None:
    stream = io.BytesIO(b"a\nb\n")
    assert list(read_lines(Path("standard input"), stream)) == ["a", "b"]
    assert not stream.closed


def test_a_byte_that_is_not_utf8_is_named_with_file_line_and_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("gut\nü".encode() + b"b\xfcck\n")
    assert error_of(read_lines(path)).startswith(f"{path}:2: byte 4 of the line, 0xfc, is not UTF-8")


def test_a_truncated_gzip_is_named_with_the_line_reached(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a\nb\n")[:-8])  # the checksum is cut off
    assert error_of(read_lines(path)) == (
        f"{path} cannot be read past line 2: Compressed file ended before the end-of-stream marker was reached"
    )


def test_a_corrupt_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    content = bytearray(gzip.compress(bytes(range(256)) * 4))
    content[10] ^= 0xFF
    path.write_bytes(content)
    assert error_of(read_lines(path)).startswith(f"{path} cannot be read at all: Error -3 while decompressing data")


def test_a_gz_file_that_is_not_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"text\n")
    assert error_of(read_lines(path)) == (
        f"{path}, in spite of its name, is not compressed with gzip; "
        f"if it is text, rename it: mv {path} {tmp_path / 'a'}"
    )
    path.write_bytes(bz2.compress(b"text\n"))
    assert error_of(read_lines(path)) == (
        f"{path}, in spite of its name, is compressed with bzip2; convert it: bunzip2 -c < {path} > {path}.txt"
    )


def test_what_follows_an_archive_is_no_matter_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"text\n") + b"garbage")
    assert error_of(read_lines(path)) == f"{path} cannot be read past line 1: Not a gzipped file (b'ga')"


def test_a_file_of_utf16_is_named_with_the_command_that_converts_it(tmp_path: Path) -> None:
    path = tmp_path / "a b.gz"
    path.write_bytes(gzip.compress("Zwei Hunde\n".encode("utf-16")))
    assert error_of(read_lines(path)) == (
        f"{path} is not UTF-8 but UTF-16; convert it: gunzip -c < '{path}' | iconv -f UTF-16 -t UTF-8 > '{path}.txt'"
    )


def test_a_stream_of_utf16_is_named_with_the_command_that_converts_it() -> None:
    stream = io.BytesIO("Zwei Hunde\n".encode("utf-16"))
    assert error_of(read_lines(Path("standard input"), stream)) == (
        "standard input is not UTF-8 but UTF-16; send it through: iconv -f UTF-16 -t UTF-8"
    )


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    assert error_of(read_lines(tmp_path)) == f"{tmp_path} cannot be read at all: Is a directory"


def test_a_missing_file_is_named_with_the_files_near_it(tmp_path: Path) -> None:
    for name in ("train.en.gz", "train.de", "notes"):
        (tmp_path / name).touch()
    path = tmp_path / "train.en"
    assert error_of(read_lines(path)) == f"there is no file {path}; near it: train.en.gz, train.de"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "train.en"
    assert error_of(read_lines(path)) == f"there is no file {path}; there is no folder {tmp_path / 'none'}"


# Files


def write_sides(folder: Path, english: str, german: str) -> None:
    (folder / "t.en").write_bytes(english.encode())
    (folder / "t.de").write_bytes(german.encode())


def test_files_pair_line_by_line_and_keep_blank_ones(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\n\nc\n", "A\nB\n\n")
    assert list(pairs_of("t.{lang}", tmp_path)) == [("a", "A"), ("", "B"), ("c", "")]


def test_source_and_target_follow_the_languages(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\n", "A\n")
    (pair,) = pairs_of("t.{lang}", tmp_path, source="de", target="en")
    assert (pair.source, pair.target) == ("A", "a")


@pytest.mark.parametrize(
    ("english", "german", "counts"), [("a\nb\n", "A\nB\nC\nD\n", (2, 4)), ("a\nb\nc", "A\n", (3, 1))]
)
def test_unequal_files_are_named_with_both_counts(
    tmp_path: Path, english: str, german: str, counts: tuple[int, int]
) -> None:
    write_sides(tmp_path, english, german)
    assert error_of(pairs_of("t.{lang}", tmp_path)) == (
        f"{tmp_path / 't.en'} has {counts[0]} lines but {tmp_path / 't.de'} has {counts[1]}; "
        "a parallel corpus needs one target line for each source line"
    )


def test_only_the_first_pairs_are_taken(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\nb\nc\n", "A\nB\nC\n")
    assert list(pairs_of({"files": "t.{lang}", "pairs": 2}, tmp_path)) == [("a", "A"), ("b", "B")]


def test_fewer_pairs_than_asked_are_fine(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\n", "A\n")
    assert list(pairs_of({"files": "t.{lang}", "pairs": 9}, tmp_path)) == [("a", "A")]


@pytest.mark.parametrize(
    ("train", "key"),
    [
        ("t.{lang}", "data.train.files"),
        (["t.{lang}", {"grammar": "train", "pairs": 1}], "data.train.0.files"),
        ({"tsv": "t.en"}, "data.train.tsv"),
    ],
)
def test_a_missing_corpus_is_named_with_the_key_that_leads_to_it(tmp_path: Path, train: Any, key: str) -> None:
    assert error_of(pairs_of(train, tmp_path)) == f"there is no file {tmp_path / 't.en'}, which {key} leads to"


def test_a_missing_target_is_found_before_the_source_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_bytes(b"a\n")
    pairs = pairs_of("t.{lang}", tmp_path)
    with pytest.raises(CorpusError, match=r"there is no file .*t\.de, which data\.train\.files leads to"):
        next(pairs)


def test_files_are_opened_late_and_closed_at_the_end_an_error_or_by_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def open_and_note(path: Path) -> Any:
        opened.append(path.open("rb"))
        return opened[-1]

    monkeypatch.setattr(corpus_module, "_opened", open_and_note)
    write_sides(tmp_path, "a\nb\n", "A\nB\n")
    ended, left, failed = (pairs_of("t.{lang}", tmp_path) for _ in range(3))
    assert not opened

    list(ended)
    assert [file.closed for file in opened] == [True] * 2

    next(left)
    assert [file.closed for file in opened] == [True] * 2 + [False] * 2
    left.close()
    assert [file.closed for file in opened] == [True] * 4

    (tmp_path / "t.en").write_bytes(b"a\n\xff\n")  # the other file is not read to its end
    with pytest.raises(CorpusError) as caught:
        list(failed)
    assert caught.tb  # and with it all that the failing frames hold
    assert [file.closed for file in opened] == [True] * 6


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"source sentence\ttarget sentence\n" * 50_000, 1))  # 1.6 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in pairs_of({"tsv": "t.tsv.gz"}, tmp_path)) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_multi30k_is_parallel_as_it_stands(multi30k: Path) -> None:
    pairs = list(pairs_of("train.{lang}.gz", multi30k))
    assert len(pairs) == 29_000
    assert pairs[0] == (
        "Two young, White males are outside near many bushes.",
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
    )


# Tab-separated lines


def test_a_tsv_line_is_source_tab_target(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(b"a b\tA\r\n\tB\n")
    assert list(pairs_of({"tsv": "t.tsv"}, tmp_path)) == [("a b", "A"), ("", "B")]


def test_a_tsv_is_read_as_a_pair_of_files_is(tmp_path: Path) -> None:
    lines = [("a", "A"), ("", ""), (' "a', '"A ""B""" '), ("", "B"), ("c", "")]
    for end in ("\n", "\r\n"):
        write_sides(tmp_path, *("\ufeff" + "".join(line + end for line in side) for side in zip(*lines, strict=True)))
        tsv = "\ufeff" + "".join((f"{source}\t{target}" if source or target else "") + end for source, target in lines)
        (tmp_path / "t.tsv").write_bytes(tsv.encode())
        assert list(pairs_of({"tsv": "t.tsv"}, tmp_path)) == list(pairs_of("t.{lang}", tmp_path)) == lines


@pytest.mark.parametrize("line", ["", " ", "\t", " \t ", "\t\t\t", "\u3000"])
def test_a_blank_tsv_line_is_a_pair_of_empty_sentences(tmp_path: Path, line: str) -> None:
    (tmp_path / "t.tsv").write_text(f"a\tA\n{line}\nb\tB\n", encoding="utf-8")
    source, blank, target = pairs_of({"tsv": "t.tsv"}, tmp_path)
    assert (source, target) == (("a", "A"), ("b", "B"))
    assert not "".join(blank).strip()


def test_a_tsv_line_without_a_tab_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tA\na b\n")
    assert error_of(pairs_of({"tsv": "t.tsv"}, tmp_path)) == (
        f"{tmp_path / 't.tsv'}:2: a line is source, tab, target; found 0 tabs in 'a b'"
    )


@pytest.mark.parametrize(("line", "tabs"), [("a\tA\t0.9", 2), ("a\tA\t", 2), ("7\ta\t8\tA", 3), ('"a\tb"\tA', 2)])
def test_a_tsv_line_of_more_columns_is_named_for_only_the_user_knows_which_are_meant(
    tmp_path: Path, line: str, tabs: int
) -> None:
    (tmp_path / "t.tsv").write_text(f"a\tA\n{line}\n")
    assert error_of(pairs_of({"tsv": "t.tsv"}, tmp_path)) == (
        f"{tmp_path / 't.tsv'}:2: a line is source, tab, target; found {tabs} tabs in {line!r}; "
        "keep two of the columns, as `cut -f 1,2` does the first two"
    )


# The built-in grammar


def test_the_grammar_goes_either_way() -> None:
    train = {"grammar": "test", "pairs": 5}
    expected = list(islice(grammar.sentence_pairs("test"), 5))
    assert list(pairs_of(train)) == expected
    assert list(pairs_of(train, source="de", target="en")) == [(german, english) for english, german in expected]


def test_the_grammar_knows_no_other_language() -> None:
    message = error_of(pairs_of({"grammar": "test", "pairs": 5}, source="en", target="fr"))
    assert message.startswith("data.train.grammar: the built-in grammar writes English and German")
    assert message.endswith("found en and fr")


# TensorFlow Datasets

TED = "ted_hrlr_translate/pt_to_en"
EXAMPLES = [("a", "A"), ("b\u2028b", "ß"), ("c", "C"), ("d", "D")]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """TFDS's own data folder, empty at first."""
    from tensorflow_datasets.core import constants

    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "DATA_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def registered(data_dir: Path) -> str:
    """The name of a data set that TFDS knows, that needs no network, and that isn't prepared yet."""
    import tensorflow_datasets as tfds

    class TinyTranslate(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> Any:
            return self.dataset_info_from_configs(features=tfds.features.Translation(languages=("en", "de")))

        def _split_generators(self, dl_manager: Any) -> Any:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Iterator[Any]:
            for number, (english, german) in enumerate(EXAMPLES):
                yield number, {"en": english, "de": german}

    return "tiny_translate"


def test_a_tfds_name_is_prepared_and_streamed_the_same_each_time(registered: str, data_dir: Path) -> None:
    first = list(pairs_of({"tfds": registered}))
    assert sorted(first) == EXAMPLES
    assert (data_dir / registered / "1.0.0" / "dataset_info.json").exists()
    assert list(pairs_of({"tfds": registered})) == first


def test_the_files_of_a_tfds_name_are_those_of_its_folder(registered: str, data_dir: Path) -> None:
    def files(corpus: dict[str, Any], root: Path = Path()) -> list[tuple[str, Path]]:
        data = data_of(corpus, root)
        return corpus_files(data.train[0], data)

    list(pairs_of({"tfds": registered}))
    folder = data_dir / registered / "1.0.0"
    expected = [(path.name, path) for path in sorted(folder.iterdir())]
    assert len(expected) >= 3
    assert files({"tfds": registered}) == files({"tfds": f"{registered}/1.0.0"}, data_dir) == expected
    assert files({"tfds": "no_such_set"}) == files({"grammar": "train", "pairs": 3}) == []


def test_a_prepared_folder_gives_what_its_name_gives(registered: str, data_dir: Path) -> None:
    by_name = list(pairs_of({"tfds": registered}))
    assert list(pairs_of({"tfds": f"{registered}/1.0.0"}, data_dir)) == by_name
    swapped = pairs_of({"tfds": f"{registered}/1.0.0"}, data_dir, source="de", target="en")
    assert list(swapped) == [(german, english) for english, german in by_name]


def test_a_tfds_split_may_be_a_slice(registered: str) -> None:
    everything = list(pairs_of({"tfds": registered}))
    assert list(pairs_of({"tfds": registered, "split": "train[50%:]"})) == everything[2:]


def test_other_tfds_features_are_named(registered: str) -> None:
    assert error_of(pairs_of({"tfds": registered}, target="fr")) == (
        "data.train.tfds: tiny_translate has no en and fr (data.source, data.target); its features are de, en"
    )


def test_an_unknown_tfds_split_is_named(registered: str) -> None:
    message = error_of(pairs_of({"tfds": registered, "split": "tarin"}))
    assert message.startswith("data.train.tfds: tiny_translate gives no split tarin (splits: train): ")


@pytest.mark.parametrize(
    "split", ["", "\0", "\ud800", "+", "[", "train[a:]", "train[::2]", "train[:200%]", "train[10:5]", "train[:1e9]"]
)
def test_a_split_that_cannot_be_is_one_line(registered: str, split: str) -> None:
    message = error_of(pairs_of({"tfds": registered, "split": split}))
    assert message.startswith("data.train.tfds: tiny_translate gives no split ")
    assert "\n" not in message


@pytest.mark.parametrize("place", range(0, 400, 80))
@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "tiny_translate-train.tfrecord-00000-of-00001"])
def test_a_damaged_data_set_is_pairs_or_one_line(
    registered: str, data_dir: Path, tmp_path: Path, name: str, place: int
) -> None:
    list(pairs_of({"tfds": registered}))
    shutil.copytree(data_dir / registered / "1.0.0", tmp_path / "1.0.0")
    content = bytearray((tmp_path / "1.0.0" / name).read_bytes())
    content[place % len(content)] ^= 4
    (tmp_path / "1.0.0" / name).write_bytes(content)
    try:
        message = str(list(pairs_of({"tfds": "1.0.0"}, tmp_path)))
    except CorpusError as error:
        message = str(error)
    assert "\n" not in message


def test_an_unknown_tfds_name_is_one_line(data_dir: Path) -> None:
    assert error_of(pairs_of({"tfds": "no_such_set"}, data_dir)) == (
        f"data.train.tfds: no_such_set is neither a folder with a prepared data set, {data_dir / 'no_such_set'}, "
        "nor to be had from TensorFlow Datasets: Dataset no_such_set not found."
    )


def test_without_a_network_tfds_fails_at_once(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    through_proxy(monkeypatch, "http://127.0.0.1:9")  # the discard port: nobody listens
    start = time.monotonic()
    message = error_of(pairs_of({"tfds": TED}, source="pt", target="en"))
    assert time.monotonic() - start < 20
    assert message.startswith(
        f"data.train.tfds: {TED} is not prepared in {data_dir / TED / '1.0.0'}, and there is no network to fetch it: "
        "no answer from http://www.phontron.com/; "
    )


def test_with_a_network_tfds_is_let_loose_and_its_failure_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NotFound(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), NotFound) as proxy:
        threading.Thread(target=proxy.serve_forever, args=[0.01], daemon=True).start()
        through_proxy(monkeypatch, f"http://127.0.0.1:{proxy.server_port}")
        message = error_of(pairs_of({"tfds": TED}, source="pt", target="en"))
        proxy.shutdown()
    assert "Failed to get url http://www.phontron.com/data/qi18naacl-dataset.tar.gz. HTTP code: 404" in message


def through_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def translate_folder(tmp_path: Path) -> Path:
    for split, count in (("train", 3), ("test", 1)):
        for side, language in enumerate(("en", "de")):
            lines = "".join(f"{pair[side]}\n" for pair in EXAMPLES[:count])
            (tmp_path / f"{language}.{split}.txt").write_bytes(lines.encode())
    return tmp_path


def test_a_translate_folder_is_read_like_files(translate_folder: Path) -> None:
    assert list(pairs_of({"tfds": "."}, translate_folder)) == EXAMPLES[:3]
    assert list(pairs_of({"tfds": str(translate_folder), "split": "test"})) == EXAMPLES[:1]


def test_a_translate_folder_gives_what_tfds_reads_there(translate_folder: Path) -> None:
    import tensorflow_datasets as tfds

    for language in ("en", "de"):  # which it can't read, for it takes U+2028 for a line's end
        (translate_folder / f"{language}.train.txt").unlink()
    examples = tfds.folder_dataset.TranslateFolder(str(translate_folder)).as_dataset(split="test").as_numpy_iterator()
    theirs = [(example["en"].decode(), example["de"].decode()) for example in examples]
    assert list(pairs_of({"tfds": ".", "split": "test"}, translate_folder)) == theirs


def test_a_split_that_a_translate_folder_lacks_is_named(translate_folder: Path) -> None:
    message = error_of(pairs_of({"tfds": ".", "split": "tset"}, translate_folder))
    assert message.startswith(
        f"there is no file {translate_folder / 'en.tset.txt'}, which data.train.tfds leads to; near"
    )
    assert "en.test.txt" in message


def test_the_module_costs_no_tensorflow() -> None:
    code = "import sys, translator.data.corpus; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_a_corpus_of_no_section_is_named_by_its_field_alone(tmp_path: Path) -> None:
    data = data_of("t.{lang}", tmp_path)
    message = error_of(sentence_pairs(CorpusConfig(tsv="u.tsv"), data))
    assert message == f"there is no file {tmp_path / 'u.tsv'}, which tsv leads to"
