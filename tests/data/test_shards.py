"""A store made in shards is the store that one process makes."""

import errno
import functools
import multiprocessing
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import command
from translator.config.load import save_config
from translator.config.schema import Config
from translator.data import encoding, shards
from translator.data.corpora.base import CorpusError
from translator.data.prepare import prepare
from translator.data.shards import prepare_shard
from translator.data.store import open_store
from translator.errors import TranslatorError
from translator.lock import LockedError, locked
from translator.run_folder import RunFolder
from translator.shard import Shard

BLOCK = 3  # pairs
FILTERED = {"duplicates": True, "max_length": 4, "list": True}
KILLED_IN_ITS_SECOND_CHUNK = """
import os, signal, sys
from pathlib import Path
from translator.config.load import load_resolved_config
from translator.data import encoding, shards
from translator.run_folder import RunFolder
from translator.shard import Shard

encoding.ENCODED_TOGETHER, shards.BLOCK_PAIRS = 2, 3
encode, chunks = encoding._encode_chunk, []
def killing(*arguments):
    chunks.append(1)
    if len(chunks) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(*arguments)
encoding._encode_chunk = killing
shards.prepare_shard(load_resolved_config(Path(sys.argv[1])), RunFolder(Path(sys.argv[2])), Shard(2, 3))
"""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BLOCK_PAIRS", BLOCK)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two corpora, with blank sides, pairs that are too long, and duplicates in one and across both."""
    english = [
        "one two seven",
        "two three",
        "",
        "three one eleven one",
        "twelve",
        "one one one one one one",
        "xyzvw" * 6,
    ]
    german = [
        "eins zwei sieben",
        "zwei drei",
        "leer",
        "drei eins elf eins",
        "zwölf",
        "eins eins eins eins eins",
        "qxz" * 6,
    ]
    write(tmp_path, "train", [text and f"{text} {n}" for n in range(5) for text in english], german * 5)
    write(tmp_path, "more", english * 2, german * 2)
    write(tmp_path, "val", ["nine"], ["neun"])
    return tmp_path


def write(folder: Path, name: str, english: list[str], german: list[str]) -> None:
    for language, lines in (("en", english), ("de", german)):
        (folder / f"{name}.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def config_of(root: Path, max_tokens: int = 40, **filters: Any) -> Config:
    return Config.model_validate(
        {
            "data": {
                "root": root, "train": ["train.{lang}", "more.{lang}"], "validation": "val.{lang}",
                "max_tokens": max_tokens, "filters": filters,
            },
            "tokenizer": {"vocabulary_size": 40},
            "train": {"max_steps": 1},
        }
    )  # fmt: skip


def contents(run: RunFolder) -> dict[str, bytes]:
    """What preparing leaves, but for the lock."""
    files = (path for path in run.path.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def by_one(config: Config, folder: Path) -> dict[str, bytes]:
    run = RunFolder(folder)
    with run.locked():
        run.claim(config)
        prepare(config, run)
    return contents(run)


@pytest.mark.parametrize("filters", [{}, FILTERED, {"max_length": 5, "list": True}], ids=["none", "all", "no memory"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_any_number_of_shards_in_any_order_gives_the_same_bytes(root: Path, count: int, filters: dict[str, Any]):
    config, run = config_of(root, 9, **filters), RunFolder(root / "shards")
    mixed = sorted(range(1, count + 1), key=lambda number: number * 5 % 11)
    for left, number in zip(range(count - 1, -1, -1), mixed, strict=True):
        prepared = prepare_shard(config, run, Shard(number, count))
        assert len(prepared.missing) == left
        assert (prepared.store is None) == (left > 0)
    assert prepared.store is not None
    assert prepared.store.counts.empty > 0
    assert prepared.store.counts.too_long > 0
    assert set(prepared.store.counts.filtered) == set(filters) - {"list"}
    assert contents(run) == by_one(config, root / "one")


def test_there_may_be_more_shards_than_pairs(root: Path):
    write(root, "train", ["one two", "two"], ["eins zwei", "zwei"])
    write(root, "more", ["one", "three"], ["eins", "drei"])
    config, run = config_of(root), RunFolder(root / "shards")
    config = config.model_copy(update={"tokenizer": config.tokenizer.model_copy(update={"vocabulary_size": 20})})
    prepared = [prepare_shard(config, run, Shard(number, 6)) for number in range(1, 7)]
    assert [len(each.missing) for each in prepared] == [5, 4, 3, 2, 1, 0]
    assert contents(run) == by_one(config, root / "one")


def test_a_shard_that_is_killed_is_repeated_by_the_same_command(root: Path):
    config, run = config_of(root, **FILTERED), RunFolder(root / "shards")
    prepare_shard(config, run, Shard(1, 3))
    save_config(config, root / "config.yaml")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_ITS_SECOND_CHUNK, str(root / "config.yaml"), str(run.path)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert prepare_shard(config, run, Shard(3, 3)).missing == (2,)
    assert prepare_shard(config, run, Shard(2, 3)).store is not None
    assert contents(run) == by_one(config, root / "one")


def _one_of_three(config: Config, folder: Path, number: int) -> bool:
    shards.BLOCK_PAIRS = BLOCK
    return prepare_shard(config, RunFolder(folder), Shard(number, 3)).store is not None


def test_shards_at_the_same_time_learn_one_vocabulary_and_one_of_them_merges(root: Path):
    config, run = config_of(root, **FILTERED), RunFolder(root / "shards")
    # Processes that are there before the work begins.
    with multiprocessing.get_context("forkserver").Pool(3) as pool:
        merged = pool.map(functools.partial(_one_of_three, config, run.path), [1, 2, 3], chunksize=1)
    assert merged.count(True) >= 1  # those that are late find the store
    assert contents(run) == by_one(config, root / "one")


def test_a_shard_that_is_ready_is_not_encoded_again(root: Path, monkeypatch: pytest.MonkeyPatch):
    config, run = config_of(root), RunFolder(root / "shards")
    prepare_shard(config, run, Shard(1, 2))
    monkeypatch.setattr(shards, "write_store", None)
    assert prepare_shard(config, run, Shard(1, 2)).missing == (2,)


def test_a_store_that_is_whole_is_opened_by_any_shard(root: Path, monkeypatch: pytest.MonkeyPatch):
    config, run = config_of(root), RunFolder(root / "shards")
    by_one(config, run.path)
    monkeypatch.setattr(shards, "write_store", None)
    store = prepare_shard(config, run, Shard(4, 9)).store
    assert store is not None
    assert store.counts == prepare(config, run)[1].counts


def test_shards_that_a_merge_left_behind_are_deleted_by_the_same_command(root: Path, monkeypatch: pytest.MonkeyPatch):
    config, run = config_of(root), RunFolder(root / "shards")
    prepare_shard(config, run, Shard(1, 2))
    with monkeypatch.context() as killed:
        killed.setattr(shards, "write_inputs", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare_shard(config, run, Shard(2, 2))
    assert len(list(run.shards.iterdir())) == 2
    assert prepare_shard(config, run, Shard(2, 2)).store is not None
    assert not run.shards.exists()


def test_the_same_shard_twice_at_a_time_is_refused(root: Path):
    config, run = config_of(root), RunFolder(root / "shards")
    prepare_shard(config, run, Shard(1, 2))
    with locked(run.shards / "1-of-2"), pytest.raises(LockedError, match="shards/1-of-2 is in use by process"):
        prepare_shard(config, run, Shard(1, 2))


def test_a_shard_that_is_still_encoded_when_others_are_merged_stays(root: Path):
    config, run = config_of(root), RunFolder(root / "shards")
    prepare_shard(config, run, Shard(2, 5))
    with locked(run.shards / "2-of-5"):
        assert prepare_shard(config, run, Shard(1, 1)).store is not None
    assert [path.name for path in run.shards.iterdir()] == ["2-of-5"]


def _limited(command: Sequence[str], soft: int, hard: int) -> "subprocess.CompletedProcess[str]":
    """A command that may have so many files open, and `hard` if it asks for more."""
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)


def test_more_shards_than_files_that_may_be_open_are_merged_or_the_limit_is_said(root: Path):
    config, run = config_of(root), RunFolder(root / "shards")
    save_config(config, root / "mine.yaml")
    for number in range(1, 31):
        prepare_shard(config, run, Shard(number, 31))
    last = [sys.executable, "-m", "translator", "prepare", str(root / "mine.yaml"), "--run", str(run.path)]
    last += ["--shard", "31/31"]
    refused = _limited(last, 64, 64)
    assert refused.returncode == 2
    assert "31 shards are merged with up to 255 files open, and this process may open 64; run" in refused.stderr
    assert len(list(run.shards.iterdir())) == 31
    assert "all shards are merged" in _limited(last, 64, 300).stderr
    assert not run.shards.exists()


def test_a_store_that_cannot_be_opened_now_is_not_taken_for_none(root: Path, monkeypatch: pytest.MonkeyPatch):
    run = RunFolder(root / "one")
    by_one(config_of(root), run.path)

    def mapped(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(np, "memmap", mapped)
    with pytest.raises(OSError, match="Too many open files"):
        open_store(run.data, None)


def _longer_limit(root: Path) -> Config:
    return config_of(root, 15)


def _another_corpus(root: Path) -> Config:
    write(root, "more", ["seven"], ["sieben"])
    config = config_of(root)
    return config.model_copy(update={"data": config.data.model_copy(update={"on_change": "continue"})})


@pytest.mark.parametrize("change", [_longer_limit, _another_corpus])
def test_shards_of_other_files_or_settings_are_missing_and_made_anew(root: Path, change: Callable[[Path], Config]):
    run = RunFolder(root / "shards")
    prepare_shard(config_of(root), run, Shard(1, 2))
    alone = shutil.copytree(run.path, root / "one")  # with the same vocabulary
    shutil.rmtree(alone / "shards")
    config = change(root)
    assert prepare_shard(config, run, Shard(2, 2)).missing == (1,)
    assert prepare_shard(config, run, Shard(1, 2)).store is not None
    assert contents(run) == by_one(config, root / "one")


def test_shards_of_another_number_are_named_and_not_used(root: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    config, run = config_of(root), RunFolder(root / "shards")
    save_config(config, root / "mine.yaml")
    prepare_shard(config, run, Shard(2, 5))
    given = ("prepare", str(root / "mine.yaml"), "--run", str(run.path))
    code, _, said = command(monkeypatch, capsys, *given, "--shard", "1/3")
    assert code == 0
    assert f"{run.path}: shard 1/3 is ready; still missing: 2, 3; not used" in said
    assert "parts of another number: 2-of-5" in said
    command(monkeypatch, capsys, *given, "--shard", "2/3")
    code, _, said = command(monkeypatch, capsys, *given, "--shard", "3/3")
    assert code == 0
    assert f"{run.data}: 42 pairs; left out: 7 with an empty side; " in said  # of 7 times 7
    assert "all shards are merged" in said
    assert not run.shards.exists()


@pytest.mark.parametrize("given", ["4/3", "0/3", "3", "a/b"])
def test_a_shard_that_there_is_not_is_one_line(given: str, monkeypatch: pytest.MonkeyPatch, capsys):
    code, _, said = command(monkeypatch, capsys, "prepare", "configs/quickstart.yaml", "--shard", given)
    assert code == TranslatorError.exit_code
    assert said.startswith(f"--shard {given}: expected the number of a part and of all, as in 3/8")
    assert said.count("\n") == 1


def test_a_corpus_of_which_nothing_is_left_is_refused_by_the_last_shard(root: Path):
    config, run = config_of(root, max_tokens=2), RunFolder(root / "shards")
    assert prepare_shard(config, run, Shard(1, 2)).missing == (2,)
    with pytest.raises(CorpusError, match="the training corpus has no usable pair: 0 pairs; left out: "):
        prepare_shard(config, run, Shard(2, 2))


def test_chunks_of_any_size_give_the_same_shard(root: Path, monkeypatch: pytest.MonkeyPatch):
    config = config_of(root, **FILTERED)
    found = []
    for size in (1, 10_000):
        monkeypatch.setattr(encoding, "ENCODED_TOGETHER", size)
        run = RunFolder(root / str(size))
        prepare_shard(config, run, Shard(2, 3))
        found.append(contents(run))
        assert open_store(run.shards / "2-of-3" / "store", None) is not None
    assert found[0] == found[1]
