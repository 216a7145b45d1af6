import http.server
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import data_of, error_of, pairs_of
from translator.data.corpora.base import CorpusError, InputFile
from translator.data.corpora.formats import open_corpus

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
    def files(corpus: dict[str, Any], root: Path = Path()) -> list[InputFile]:
        data = data_of(corpus, root)
        return open_corpus(data.train[0], data).inputs()

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
        "nor available from TensorFlow Datasets: Dataset no_such_set not found."
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
        f"there is no file {translate_folder / 'en.tset.txt'}, which data.train.tfds names; similar names"
    )
    assert "en.test.txt" in message


def test_the_inputs_and_places_of_a_translate_folder_are_those_of_its_files(translate_folder: Path) -> None:
    data = data_of({"tfds": "."}, translate_folder)
    corpus = open_corpus(data.train[0], data)
    names = ["en.train.txt", "de.train.txt"]
    assert corpus.inputs() == [(name, translate_folder / name) for name in names]
    assert corpus.place(2) == f"{translate_folder / 'en.train.txt'}:2"
