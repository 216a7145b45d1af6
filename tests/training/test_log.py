"""Rows of metrics: whole, once and in order, whatever the disk does."""

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.small_disk import fill, small_disk
from translator.files import NoRoomError
from translator.training.log import MetricsFile, Speed, means
from translator.training.trackers import Log, Row, TensorBoard


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def events_of(folder: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of everything in the event files, which must be whole."""
    return [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)))
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]


def test_means_by_hand():
    assert means([8.0, 0.0, 4.0, 3.0, 2.0]) == {"loss": 2.0, "nll": 0.0, "perplexity": 1.0, "gradient_norm": 1.5}


def test_a_window_without_a_step_has_no_figures():
    assert means([0.0] * 5) == {}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_row_without_room_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    path = tmp_path / "metrics.jsonl"
    log = MetricsFile(path, 0)
    log.write({"step": 1, "loss": 2.0})
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(NoRoomError, match=f"{path}: no space left on the disk for a row of metrics"):
            log.write({"step": 2, "loss": 1.0})
    assert path.read_bytes() == before
    log.write({"step": 2, "loss": 1.0})
    assert rows_of(path) == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]


def test_rows_past_the_step_that_training_resumes_from_are_dropped(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"step": 4, "lo', encoding="utf-8")
    MetricsFile(path, 2)
    assert rows_of(path) == [{"step": 1}, {"step": 2}]


def test_on_a_disk_that_is_full_no_row_is_lost_torn_or_written_twice(tmp_path: Path):
    disk = tmp_path / "disk"
    with small_disk(disk, "128k"):
        logs: list[Log] = [MetricsFile(disk / "metrics.jsonl", 0), TensorBoard(disk / "tensorboard")]
        rows: list[dict[str, Any]] = [
            {"step": step, "loss": float(step), "a_name_to_fill_the_page_with": 0.5} for step in range(1, 161)
        ]
        refused: dict[type, int] = {MetricsFile: 0, TensorBoard: 0}
        for row in rows:
            if row["step"] % 40 == 0:
                fill(disk / "filler")
            for log in logs:
                try:
                    log.write(row)
                except NoRoomError:
                    refused[type(log)] += 1
                    with pytest.raises(NoRoomError):
                        log.write(row)
                    (disk / "filler").unlink()
                    log.write(row)
                    fill(disk / "filler")
        for log in logs:
            log.close()
        assert all(refused.values()), refused
        assert rows_of(disk / "metrics.jsonl") == rows
        names = ("loss", "a_name_to_fill_the_page_with")
        assert events_of(disk / "tensorboard") == [(row["step"], name, row[name]) for row in rows for name in names]


def test_where_tensorboard_cannot_write_it_is_said_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = tmp_path / "tensorboard"
    folder.write_text("a file in its place")
    log = TensorBoard(folder)
    with caplog.at_level(logging.WARNING):
        for step in (1, 2):
            log.write({"step": step, "loss": 1.0})
        log.close()
    (message,) = caplog.messages
    assert message.startswith(f"{folder}: TensorBoard's events cannot be written (")
    assert message.endswith("training goes on without them")


# Speed


def test_speed_is_of_the_time_from_the_first_step_until_the_figures_of_the_last_are_there():
    speed = Speed()
    speed.begin(10.0)
    speed.begin(11.0)  # the second step of two that are fetched together
    speed.fetched(14.0, 200.0)
    # Validation and writing, until 50.
    speed.begin(50.0)
    speed.fetched(51.0, 100.0)
    assert speed.take() == 300 / 5
    assert speed.take() is None
