"""Attention of fixed sentences, as it is written during training."""

import math
from pathlib import Path

import pytest
import tensorflow as tf

from tests.inspect.test_alignment import make_run
from translator.data.corpora.base import SentencePair
from translator.inspect import plots
from translator.inspect.attention_reader import AttentionReader
from translator.training import watching
from translator.training.log import MetricsFile
from translator.training.trackers import TensorBoard
from translator.training.watching import AttentionWatch

PAIRS = [
    SentencePair("ant " * 31, "ant"),
    SentencePair("", ""),
    SentencePair("ant bear", "cat"),
    SentencePair("cat", "bear"),
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> AttentionReader:
    return AttentionReader.load(make_run(tmp_path_factory.mktemp("runs") / "run"))


def test_the_first_sentences_that_can_be_read_are_watched(reader):
    assert AttentionWatch(reader, PAIRS, 1).pairs == PAIRS[2:3]
    assert AttentionWatch(reader, PAIRS, 9).pairs == PAIRS[2:]


def test_each_head_has_its_entropy_and_each_sentence_a_picture_of_each_place(reader):
    seen = AttentionWatch(reader, PAIRS, 2).look()
    assert len(seen.figures) == 2 * (1 + 2 + 2)
    assert all(0 <= value <= math.log(6) for value in seen.figures.values())
    one, other = (reader.read(*pair).views["tokens"]["cross"].entropies for pair in PAIRS[2:])
    expected = (one[1, 0] + other[1, 0]) / 2
    assert seen.figures["attention_entropy/cross/layer_2_head_1"] == pytest.approx(expected, abs=1e-6)
    assert sorted(seen.pictures) == [
        f"attention/{kind}/sentence_{i}" for kind in ("cross", "decoder", "encoder") for i in (1, 2)
    ]


def test_pictures_go_to_tensorboard_and_figures_to_both_logs(reader, tmp_path: Path):
    seen = AttentionWatch(reader, PAIRS, 1).look()
    row = {"step": 3} | seen.figures
    MetricsFile(tmp_path / "metrics.jsonl", 0).write(row, seen.pictures)
    log = TensorBoard(tmp_path / "events")
    log.write(row, seen.pictures)
    log.close()
    (path,) = (tmp_path / "events").iterdir()
    tags = [value.tag for event in tf.compat.v1.train.summary_iterator(str(path)) for value in event.summary.value]
    assert sorted(tags) == sorted([*seen.figures, *seen.pictures])
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_without_matplotlib_there_are_entropies_alone_and_that_is_said(reader, monkeypatch, caplog):
    for module in (plots, watching):
        monkeypatch.setattr(module, "is_installed", lambda: False)
    watch = AttentionWatch(reader, PAIRS, 1)
    watch.say_what_is_missing()
    assert len([line for line in caplog.messages if "matplotlib is not installed" in line]) == 1
    seen = watch.look()
    assert seen.figures
    assert not seen.pictures
