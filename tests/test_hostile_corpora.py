"""Whatever the files of a corpus hold: pairs come of it, or one line that names the file; no file is changed."""

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hostile import BYTES, DAMAGE, LONG_TEXT, SENTENCES, TEXT, VOCABULARY, Damage, budget, clear_errors, contents
from translator.config.data import DataConfig
from translator.config.schema import Config
from translator.data.batches import TrainingBatches
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import open_corpus
from translator.data.corpora.lines import MOST_LINE_BYTES, read_lines
from translator.data.plan import Position
from translator.data.prepare import prepare
from translator.data.sampling import Sampling
from translator.errors import TranslatorError
from translator.run_folder import RunFolder

LINES = st.lists(TEXT.map(lambda text: text.encode("utf-8", "replace").replace(b"\n", b"")), max_size=4)
CONTENT = BYTES | st.builds(lambda lines, end: end.join(lines), LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
# With a checksum, as the program `zstd` writes it: without one, what is damaged may be read as other text.
COMPRESS[".zst"] = lambda content: zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})
CONTENT |= CONTENT.map(lambda content: b"\xef\xbb\xbf" + content)


def data_of(root: Path, corpus: Any) -> DataConfig:
    return DataConfig.model_validate({"root": root, "train": corpus, "validation": corpus})


def lines_of(content: bytes) -> list[str]:
    """The lines as `wc` counts them, and one more if the last has no end."""
    *lines, rest = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [line.removesuffix(b"\r").decode() for line in lines] + ([rest.decode()] if rest else [])


def pairs_or_error(data: DataConfig) -> list[SentencePair] | str:
    """What comes of reading a corpus in `root`, which reading must not change."""
    before, pairs = contents(data.root), []
    with clear_errors(CorpusError, data.root) as lines:
        pairs = list(open_corpus(data.train[0], data).pairs())
    assert contents(data.root) == before
    return lines[0] if lines else pairs


@budget(150)
@given(source=CONTENT, target=CONTENT, zipped=st.booleans())
def test_any_two_files_are_pairs_or_one_line_that_names_a_file(
    source: bytes, target: bytes, zipped: bool, tmp_path: Path
):
    for name, content in (("t.en", source), ("t.de", target)):
        (tmp_path / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    found = pairs_or_error(data_of(tmp_path, "t.{lang}.gz" if zipped else "t.{lang}"))
    try:
        sides = lines_of(source), lines_of(target)
    except UnicodeDecodeError:
        assert " is not UTF-8" in found or " is compressed with " in found
        return
    if len(sides[0]) != len(sides[1]):
        assert f" has {len(sides[0])} lines but " in found
    else:
        assert found == list(zip(*sides, strict=True))


@budget(100)
@given(content=CONTENT | st.builds(b"\t".join, st.lists(BYTES, min_size=2, max_size=2)))
def test_any_tsv_is_pairs_or_one_line_that_names_file_and_line(content: bytes, tmp_path: Path):
    (tmp_path / "t.tsv").write_bytes(content)
    found = pairs_or_error(data_of(tmp_path, {"tsv": "t.tsv"}))
    if isinstance(found, str):
        assert found.startswith((f"{tmp_path / 't.tsv'}:", f"{tmp_path / 't.tsv'} is not UTF-8 but UTF-"))
    else:
        lines = lines_of(content)
        assert found == [tuple(line.split("\t")) if line.strip() else ("", "") for line in lines]


@budget(100)
@given(lines=st.integers(1, 2000), damage=DAMAGE, suffix=st.sampled_from(sorted(COMPRESS)))
@example(lines=1, damage=lambda path: path.write_bytes(path.read_bytes() + b"garbage"), suffix=".gz")
@example(lines=1, damage=lambda path: path.write_bytes(path.read_bytes() + b"garbage"), suffix=".zst")
@example(lines=1, damage=lambda path: path.write_bytes(path.read_bytes() * 2), suffix=".gz")
def test_a_damaged_archive_is_pairs_or_one_line_that_names_it(lines: int, damage: Damage, suffix: str, tmp_path: Path):
    shutil.rmtree(tmp_path / "root", ignore_errors=True)
    (tmp_path / "root").mkdir()
    path = tmp_path / "root" / f"t.tsv{suffix}"
    path.write_bytes(COMPRESS[suffix]("".join(f"{i}\t{i * i}\n" for i in range(lines)).encode()))
    damage(path)
    data = data_of(path.parent, {"tsv": path.name})
    with clear_errors(CorpusError, path):
        pairs = list(open_corpus(data.train[0], data).pairs())
        assert pairs[:lines] == [(str(i), str(i * i)) for i in range(lines)] or path.stat().st_size == 0


@budget(60)
@given(name=TEXT | st.sampled_from(["x" * 300, "y/" * 3000]), kind=st.sampled_from(["files", "tsv"]))
def test_any_name_of_a_file_leads_to_one_line(name: str, kind: str, tmp_path: Path):
    name = f"none{name}{{lang}}"
    assert isinstance(pairs_or_error(data_of(tmp_path, {kind: name})), str)


@pytest.mark.parametrize("corpus", [{"tsv": "pipe"}, {"files": "pipe{lang}"}, {"tfds": "pipe"}, {"tsv": "/dev/zero"}])
def test_a_pipe_or_a_device_is_no_corpus(tmp_path: Path, corpus: dict[str, str]):
    for name in ("pipe", "pipeen", "pipede"):
        os.mkfifo(tmp_path / name)
    data = data_of(tmp_path, corpus)
    with pytest.raises(
        CorpusError, match=r"(pipe\w*|/dev/zero) is a pipe or a device; a corpus .* is read more than once"
    ):
        next(open_corpus(data.train[0], data).pairs())


@pytest.mark.parametrize("name", ["huggingface:evil", "kaggle:evil", "someone:evil"])
def test_a_data_set_of_a_namespace_is_third_party_code_and_not_run(tmp_path: Path, name: str):
    message = pairs_or_error(data_of(tmp_path, {"tfds": name}))
    assert "a name with a namespace refers to third-party code, which is not run" in message


@pytest.mark.parametrize("feature", [{"type": "evil.Text", "content": {}}, {"pythonClassName": "evil.Text"}])
def test_a_prepared_data_set_imports_no_module_that_it_names(
    tmp_path: Path, feature: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "dataset_info.json").write_text('{"name": "mine", "version": "1.0.0", "fileFormat": "tfrecord"}')
    (tmp_path / "features.json").write_text(json.dumps(feature))
    message = pairs_or_error(data_of(tmp_path, {"tfds": "."}))
    assert "features.json names the class evil.Text, which is third-party code and not run" in message


# Lines without end


def test_a_line_of_a_hundred_thousand_characters_is_a_line():
    text = "\U0001f600" * 100_000
    assert list(read_lines(Path("a"), io.BytesIO(f"{text}\n{text}".encode()))) == [text, text]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_longest_line_has_its_end_within_the_limit(end: bytes):
    longest = b"a" * (MOST_LINE_BYTES - len(end)) + end
    assert list(map(len, read_lines(Path("a"), io.BytesIO(longest)))) == [MOST_LINE_BYTES - len(end)]
    with pytest.raises(CorpusError, match=f"^a:2: the line has more than {MOST_LINE_BYTES:,} bytes"):
        list(read_lines(Path("a"), io.BytesIO(b"b\na" + longest)))


@pytest.mark.parametrize("name", ["/dev/zero", "bomb.gz"])
def test_an_endless_line_ends_in_one_line_and_fills_no_memory(tmp_path: Path, name: str):
    path = tmp_path / name
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(bytes(2**27), 1))
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match=f"^{path}:1: the line has more than "):
            list(read_lines(path))
        assert tracemalloc.get_traced_memory()[1] < 8 * MOST_LINE_BYTES
    finally:
        tracemalloc.stop()


# Preparing


def config_of(root: Path, **tokenizer: Any) -> Config:
    corpus = {"tsv": "t.tsv"}
    sampling = {"sampling_alpha": 0.5, "character_coverage": 0.98}
    return Config.model_validate(
        {
            "data": {"root": root, "train": corpus, "validation": corpus, "max_tokens": 200},
            "tokenizer": {"vocabulary_size": VOCABULARY, **sampling, **tokenizer},
            "train": {"max_steps": 1, "warmup_steps": 0, "batch_tokens": 400},
        }
    )


@budget(60)
@given(
    pairs=st.lists(st.tuples(*[TEXT.map(lambda text: text.replace("\n", "").replace("\t", ""))] * 2), max_size=6),
    long=st.none() | LONG_TEXT.map(lambda text: text.replace("\n", "").replace("\t", "")),
    kind=st.sampled_from(["unigram", "bpe"]),
)
def test_any_corpus_becomes_a_vocabulary_and_batches_or_one_line(
    pairs: list[tuple[str, str]], long: str | None, kind: str, tmp_path: Path
):
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    pairs = [*((line, line) for line in SENTENCES), *pairs, *([] if long is None else [(long, "long")])]
    (tmp_path / "t.tsv").write_bytes("".join(f"{one}\t{other}\n" for one, other in pairs).encode("utf-8", "replace"))
    before = (tmp_path / "t.tsv").read_bytes()
    with clear_errors(TranslatorError):
        tokenizers, store = prepare(config_of(tmp_path, kind=kind), run)
        assert store.counts.read == len(pairs)
        assert store.counts.kept >= len(SENTENCES)
        batches = TrainingBatches(store, (1.0,), 400, seed=1, sampling=Sampling(tokenizers, 0.5))
        for position, slices, *_ in batches.start(Position()):
            for batch in slices:
                assert max(batch.source.max(), batch.target.max()) < tokenizers[0].vocabulary_size
            if position.epoch:
                break
    assert (tmp_path / "t.tsv").read_bytes() == before


def test_weights_that_leave_no_pair_are_told(tmp_path: Path):
    (tmp_path / "t.tsv").write_text("".join(f"{line}\t{line}\n" for line in SENTENCES))
    (tmp_path / "run").mkdir()
    _, store = prepare(config_of(tmp_path), RunFolder(tmp_path / "run"))
    with pytest.raises(CorpusError, match="an epoch has no pair; raise the weight of a corpus"):
        TrainingBatches(store, (1e-9,), 100, seed=1).plan(0)
