"""Files of any size: in processes, in parts, across interruptions, in flat memory."""

import dataclasses
import functools
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decoding.scripted import forgetful, start_nothing, upside
from tests.hostile import SENTENCES, VOCABULARY, budget
from tests.tokenizers import tokenizer_of
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data.arriving import count_lines
from translator.data.corpora.base import CorpusError
from translator.data.corpora.lines import read_lines
from translator.decoding import files, workers
from translator.decoding.blocks import FilesError, Lines
from translator.decoding.engines.ensemble import EnsembleEngine
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.files import default_processes, translate_file
from translator.decoding.options import Engine, SearchOptions
from translator.decoding.output import Formatted
from translator.decoding.placeholders import Keeper
from translator.decoding.translator import Translator
from translator.decoding.unfinished import ResumeError, unfinished
from translator.decoding.workers import WorkerError
from translator.errors import TranslatorError
from translator.files import OverwriteError, write_file
from translator.model.build import build_model
from translator.shard import Shard, ShardError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LINES_TOGETHER", 10)
    monkeypatch.setattr(files, "cores", lambda: 1)
    monkeypatch.setattr(workers, "start_tensorflow", start_nothing)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"line {number}\n" for number in range(95)))
    return path


def backwards(path: Path) -> bytes:
    return "".join(f"{line[::-1]}\n" for line in read_lines(path)).encode()


class Identifies(Protocol):
    def fingerprint(self) -> dict[str, Any]: ...


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def load(**settings: Any) -> Any:
    return functools.partial(upside, **settings)


# Counting


@budget(200)
@given(
    content=st.lists(st.sampled_from([b"\n", b"a", b"\r\n", b"\xef\xbb\xbf", b"\xc2\x85"]), max_size=5).map(b"".join)
)
def test_lines_are_counted_as_they_are_read(content: bytes, tmp_path: Path):
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "file.gz").write_bytes(gzip.compress(content))
    for name in ("file", "file.gz"):
        assert count_lines(tmp_path / name) == sum(1 for _ in read_lines(tmp_path / name))


def test_a_file_that_cannot_be_counted_is_named(tmp_path: Path):
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(9999))[:-9])
    with pytest.raises(CorpusError, match=r"cut\.gz"):
        count_lines(tmp_path / "cut.gz")


# Shards


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\n\nc\n", b"1\r\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_parts_one_after_the_other_are_the_whole(content: bytes, count: int, ending: str, tmp_path: Path):
    source = tmp_path / f"in{ending}"
    source.write_bytes(gzip.compress(content) if ending else content)
    parts = b""
    for number in range(1, count + 1):
        part = tmp_path / f"part{number}{ending}"
        translate_file(upside, Lines(source, shard=Shard(number, count)), part)
        parts += part.read_bytes()
    assert (gzip.decompress(parts) if ending else parts) == backwards(source)
    assert parts or not ending, "a zipped file of nothing is not empty"


@given(lines=st.integers(0, 1000), count=st.integers(1, 50))
def test_parts_are_contiguous_and_even(lines: int, count: int):
    parts = [Shard(number, count).of(lines) for number in range(1, count + 1)]
    assert [line for part in parts for line in part] == list(range(lines))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "-1/8", "1/0", "3/8/1", "three/8", "1.0/8"])
def test_what_is_no_part_is_named(text: str):
    with pytest.raises(
        ShardError, match=f"^--shard {re.escape(text)}: expected the number of a part and of all, as in 3/8"
    ):
        Shard.parse(text)


def test_a_wrong_byte_has_the_number_of_its_line_in_the_file(tmp_path: Path):
    (tmp_path / "in").write_bytes(b"a\n" * 50 + b"\xff\n" + b"a\n" * 49)
    translate_file(upside, Lines(tmp_path / "in", shard=Shard(1, 2)), tmp_path / "out")
    with pytest.raises(CorpusError, match="in:51: byte 1 of the line, 0xff"):
        translate_file(upside, Lines(tmp_path / "in", shard=Shard(2, 2)), tmp_path / "out")


def test_target_prefixes_go_with_the_lines_of_their_part(source: Path, tmp_path: Path):
    begun = tmp_path / "begun"
    begun.write_text("".join(f"{number}: \n" for number in range(95)))
    parts = ""
    for number in (1, 2, 3):
        translate_file(upside, Lines(source, begun, Shard(number, 3)), tmp_path / "part")
        parts += (tmp_path / "part").read_text()
    assert parts == "".join(f"{number}: {f'line {number}'[::-1]}\n" for number in range(95))


@pytest.mark.parametrize(("lines", "said"), [(94, "fewer lines than the input"), (96, "more than the 95 lines of")])
def test_target_prefixes_are_counted_before_anything_is_translated(source: Path, tmp_path: Path, lines: int, said: str):
    (tmp_path / "begun").write_text("x\n" * lines)
    with pytest.raises(FilesError, match=f"begun has {said}"):
        Lines(source, tmp_path / "begun", Shard(1, 3))


def test_samples_with_their_scores_are_the_same_in_whatever_part(source: Path, tmp_path: Path):
    source.write_text("".join(source.read_text().splitlines(keepends=True)[:24]))
    translator = translator_of(1, 3)
    translator.options = dataclasses.replace(
        translator.options, max_length_factor=1.0, max_length_margin=2, sample=True
    )
    outputs = []
    for count in (1, 2):
        outputs.append("")
        for number in range(1, count + 1):
            lines = Lines(source, shard=Shard(number, count))
            translate_file(lambda: Formatted(translator, "moses", 3), lines, tmp_path / "part")
            outputs[-1] += (tmp_path / "part").read_text()
    first, second = ([line.split(" ||| ") for line in output.splitlines()] for output in outputs)
    assert {len(first), len(second)} == {3 * 24}
    assert [line[:2] for line in first] == [line[:2] for line in second]
    assert [float(line[3]) for line in first] == pytest.approx([float(line[3]) for line in second], rel=1e-4)


# Going on


def killed_in_the_middle(source: Path, output: Path, processes: int) -> None:
    """Translates in another process, and kills it, and nothing else, when some lines are done."""
    script = f"""
import functools
from tests.decoding.scripted import start_nothing, upside
from translator.decoding import files, workers
if __name__ == "__main__":
    files.LINES_TOGETHER, workers.start_tensorflow = 10, start_nothing
    load = functools.partial(upside, seconds=0.2)
    files.translate_file(load, {str(source)!r}, {str(output)!r}, processes={processes}, resume=True)
"""
    path = source.parent / "script.py"
    path.write_text(script)
    command = subprocess.Popen([sys.executable, str(path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    state, deadline = output.with_name(f"{output.name}.partial.json"), time.monotonic() + 120
    while not state.exists() or json.loads(state.read_bytes())["lines"] < 30:
        assert command.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    command.send_signal(signal.SIGKILL)
    command.wait()
    path.unlink()


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("name", ["out.txt", "out.gz"])
def test_a_translation_that_was_killed_goes_on_as_if_it_had_not_been(
    source: Path, tmp_path: Path, name: str, processes: int
):
    output = tmp_path / name
    output.write_text("precious\n")
    killed_in_the_middle(source, output, processes)
    assert output.read_text() == "precious\n"
    for path in tmp_path.glob(f"{name}.partial.json.*.partial"):
        path.unlink()  # the state, if the kill came while it was written
    assert names(tmp_path) == {"in.txt", name, f"{name}.partial", f"{name}.partial.json"}
    done = json.loads((tmp_path / f"{name}.partial.json").read_bytes())["lines"]
    assert 30 <= done < 95
    shown: list[tuple[int, int | None]] = []
    now = translate_file(upside, source, output, resume=True, show=lambda *how: shown.append((how[0], how[1])))
    assert now == 95 - done
    assert shown[-1] == (95 - done, 95 - done)
    content = output.read_bytes()
    assert (gzip.decompress(content) if name.endswith(".gz") else content) == backwards(source)
    assert names(tmp_path) == {"in.txt", name}


@pytest.fixture
def begun(source: Path, tmp_path: Path) -> Path:
    """An output of which 50 lines are done, since the 51st fails."""
    with pytest.raises(TranslatorError, match="line 51: not this one"):
        translate_file(load(fails_at="line 50"), source, tmp_path / "out", resume=True)
    assert (tmp_path / "out.partial").read_bytes() == b"".join(backwards(source).splitlines(keepends=True)[:50])
    return tmp_path / "out"


def test_other_target_prefixes_are_refused(source: Path, tmp_path: Path):
    output, begun = tmp_path / "out", tmp_path / "begun"
    begun.write_text("a\n" * 95)
    with pytest.raises(TranslatorError, match="line 51: not this one"):
        translate_file(load(fails_at="line 50"), Lines(source, begun), output, resume=True)
    with pytest.raises(ResumeError, match=r"now: target_prefixes was True and is False\. To go on"):
        translate_file(upside, source, output, resume=True)
    begun.write_text("a\n" * 49 + "b\n" + "a\n" * 45)
    with pytest.raises(ResumeError, match=r"in\.txt or .*begun has changed in the 50 lines that are translated"):
        translate_file(upside, Lines(source, begun), output, resume=True)
    begun.write_text("a\n" * 50 + "b\n" * 45)
    assert translate_file(upside, Lines(source, begun), output, resume=True) == 45
    assert [line[0] for line in output.read_text().splitlines()] == ["a"] * 50 + ["b"] * 45


def test_what_was_written_after_the_state_is_written_again(source: Path, begun: Path):
    with begun.with_name("out.partial").open("ab") as file:
        file.write(b"half a li")
    assert translate_file(upside, source, begun, resume=True) == 45
    assert begun.read_bytes() == backwards(source)


def test_lines_that_are_not_translated_yet_may_change(source: Path, begun: Path):
    source.write_text(source.read_text().replace("line 50\n", "line fifty\n") + "one more")
    assert translate_file(upside, source, begun, resume=True) == 46
    assert begun.read_bytes() == backwards(source)


@pytest.mark.parametrize("content", ["line 0\n", "", "line zero\n" * 95])
def test_another_input_is_refused(source: Path, begun: Path, content: str):
    source.write_text(content)
    with pytest.raises(ResumeError, match=r"in\.txt has changed in the 50 lines that are translated already; to start"):
        translate_file(upside, source, begun, resume=True)


@pytest.mark.parametrize(
    ("changed", "shard", "said"),
    [
        ({"weights": "x"}, None, "now: the weights are others. To go on"),
        ({"beam_size": 1}, None, "now: beam_size was 4 and is 1. To go on"),
        ({"beam_size": 1, "weights": "x"}, None, "now: beam_size was 4 and is 1; the weights are others. To go on"),
        ({}, Shard(1, 2), "now: part was all lines and is 1/2 of 95 lines. To go on"),
    ],
)
def test_what_has_changed_is_named(source: Path, begun: Path, changed: dict[str, Any], shard: Shard | None, said: str):
    before = begun.with_name("out.partial").read_bytes()
    with pytest.raises(ResumeError, match=re.escape(said)) as caught:
        translate_file(load(**changed), Lines(source, shard=shard), begun, resume=True)
    assert "\n" not in str(caught.value)
    assert begun.with_name("out.partial").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"[" * 99999, b'{"version": 1, "lines": "3"}'])
def test_a_damaged_state_is_named(source: Path, begun: Path, content: bytes):
    begun.with_name("out.partial.json").write_bytes(content)
    with pytest.raises(ResumeError, match=r"out\.partial\.json .*; to start anew, delete ") as caught:
        translate_file(upside, source, begun, resume=True)
    assert "\n" not in str(caught.value)


def test_a_finished_part_that_lost_lines_is_named(source: Path, begun: Path):
    begun.with_name("out.partial").write_bytes(b"0 enil\n")
    with pytest.raises(ResumeError, match=r"out\.partial is shorter than it was"):
        translate_file(upside, source, begun, resume=True)


def test_to_start_anew_the_finished_part_is_deleted(source: Path, begun: Path):
    begun.with_name("out.partial").unlink()
    assert translate_file(load(weights="x"), source, begun, resume=True) == 95
    assert names(begun.parent) == {"in.txt", "out"}


def test_what_is_left_of_an_output_goes_once_that_is_whole(source: Path, begun: Path):
    with pytest.raises(TranslatorError):
        translate_file(load(fails_at="line 50"), source, begun)
    assert names(begun.parent) == {"in.txt", "out.partial", "out.partial.json"}
    translate_file(upside, source, begun)
    assert names(begun.parent) == {"in.txt", "out"}


def test_what_another_process_goes_on_with_stays(source: Path, begun: Path):
    with unfinished(begun, {**upside().fingerprint(), **Lines(source).made_of}):
        translate_file(upside, source, begun)
    assert names(begun.parent) == {"in.txt", "out", "out.partial", "out.partial.json"}


def test_a_file_that_no_translation_has_left_stays(source: Path, tmp_path: Path):
    (tmp_path / "out.partial").write_text("somebody else's")
    translate_file(upside, source, tmp_path / "out")
    (tmp_path / "out.partial.json").write_text("{}")
    translate_file(upside, source, tmp_path / "out")
    assert names(tmp_path) == {"in.txt", "out", "out.partial", "out.partial.json"}


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 124])
def test_an_output_whose_name_leaves_no_room_for_an_ending_goes_on_too(source: Path, tmp_path: Path, name: str):
    with pytest.raises(TranslatorError, match="line 51: not this one"):
        translate_file(load(fails_at="line 50"), source, tmp_path / name, resume=True)
    other = tmp_path / f"{name[:-1]}x"
    assert translate_file(upside, source, other, resume=True) == 95
    assert translate_file(upside, source, tmp_path / name, resume=True) == 45
    assert (tmp_path / name).read_bytes() == other.read_bytes() == backwards(source)
    assert names(tmp_path) == {"in.txt", name, other.name}


@pytest.mark.parametrize(
    ("name", "said"), [("no/out", r"no such folder; make it first:  mkdir -p .*/no: "), ("", "is a")]
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_loaded(source, tmp_path, name, said):
    with pytest.raises(OSError, match=said) as caught:
        translate_file(lambda: pytest.fail("loaded"), source, tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)


def test_two_commands_do_not_write_one_output(source: Path, begun: Path):
    other = functools.partial(translate_file, upside, source, begun, resume=True)

    def twice() -> Any:
        return upside()

    def show(done: int, total: int | None = None, what: str | None = None) -> None:
        with pytest.raises(ResumeError, match=r"out\.partial is being written by another process"):
            other()

    assert translate_file(twice, source, begun, resume=True, show=show) == 45


def test_without_resume_nothing_is_kept(source: Path, tmp_path: Path):
    write_file(tmp_path / "out", b"precious\n")
    with pytest.raises(TranslatorError):
        translate_file(load(fails_at="line 50"), source, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"precious\n"
    assert names(tmp_path) == {"in.txt", "out"}


# Processes


def test_processes_keep_the_order(source: Path, tmp_path: Path):
    (tmp_path / "ids").mkdir()
    shown: list[int] = []
    made = load(started=tmp_path / "ids", seconds=0.05)
    now = translate_file(made, source, tmp_path / "out", processes=2, show=lambda done, *_: shown.append(done))
    assert now == 95
    assert (tmp_path / "out").read_bytes() == backwards(source)
    assert len(names(tmp_path / "ids") - {str(os.getpid())}) == 2
    assert (shown, shown[-1]) == (sorted(shown), 95)


def test_a_process_that_dies_ends_all_in_one_line(source: Path, tmp_path: Path):
    with pytest.raises(WorkerError, match=r"^process [12] of 2 \(pid \d+\) was ended by SIGKILL; if memory") as caught:
        translate_file(load(dies_at="line 42"), source, tmp_path / "out", processes=2)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == {"in.txt"}


def test_an_error_in_a_process_is_the_error(source: Path, tmp_path: Path):
    with pytest.raises(WorkerError, match=r"^line 51: not this one$"):
        translate_file(load(fails_at="line 50"), source, tmp_path / "out", processes=2)


@pytest.mark.parametrize("processes", [1, 3])
def test_what_all_processes_lost_is_one_warning(
    source: Path, tmp_path: Path, processes: int, caplog: pytest.LogCaptureFixture
):
    translate_file(forgetful, source, tmp_path / "out", processes=processes)
    assert caplog.messages == [
        "10 of 20 spans to keep are not in the translations as they were; lines 1, 11, 21, 31, 41 and 5 more"
    ]


def test_one_process_for_each_core_if_each_has_enough_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "GPUS", ())
    monkeypatch.setattr(files, "cores", lambda: 4)
    assert [default_processes(lines) for lines in (0, 10, 39, 40, 60, 80, 10**6)] == [1, 1, 1, 2, 3, 4, 4]
    monkeypatch.setattr(files, "GPUS", (Path("/"),))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert default_processes(10**6) == 1


# Memory, and what does not fit together


@pytest.mark.parametrize("resume", [False, True])
def test_memory_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool):
    monkeypatch.setattr(files, "LINES_TOGETHER", 4096)
    peaks = []
    for lines in (20_000, 200_000):
        with (tmp_path / "in").open("w") as file:
            file.writelines(f"{number:0100}\n" for number in range(lines))
        tracemalloc.start()
        assert translate_file(upside, tmp_path / "in", tmp_path / "out", resume=resume) == lines
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 8e6, peaks  # of 20 MB of text


def test_a_stream_has_no_parts(tmp_path: Path):
    said = "needs a file as --input, which can be counted; found standard input"
    with pytest.raises(FilesError, match=f"^--processes {said}$"):
        translate_file(upside, None, tmp_path / "out", processes=2)
    with pytest.raises(FilesError, match=f"^--resume {said}$"):
        translate_file(upside, None, tmp_path / "out", resume=True)
    with pytest.raises(FilesError, match=f"^--shard {said}$"):
        Lines(None, shard=Shard(1, 2))


def test_what_goes_on_is_a_file(source: Path):
    with pytest.raises(FilesError, match="--resume needs a file as --output; found standard output"):
        translate_file(upside, source, None, resume=True)
    with pytest.raises(FilesError, match="found /dev/null, a pipe or a device"):
        translate_file(upside, source, "/dev/null", resume=True)


def test_what_is_read_is_not_written(source: Path, tmp_path: Path):
    with pytest.raises(OverwriteError, match=r"^--output (.*) would overwrite \1, which is read"):
        translate_file(upside, source, source)
    for name in ("out.partial", "out.partial.json"):
        taken = tmp_path / name
        taken.write_bytes(source.read_bytes())
        with pytest.raises(OverwriteError, match=rf"out would overwrite .*{name}, which is read"):
            translate_file(upside, taken, tmp_path / "out", resume=True)
        with pytest.raises(OverwriteError, match=rf"{name} would overwrite .*{name}, which is read"):
            translate_file(upside, Lines(source, taken), taken)
        assert taken.read_bytes() == source.read_bytes()
        taken.unlink()


def test_a_file_that_no_translation_has_left_is_not_gone_on_with(source: Path, tmp_path: Path):
    foreign = tmp_path / "out.partial"
    foreign.write_text("somebody else's")
    with pytest.raises(
        ResumeError, match=r"out\.partial does not belong to an interrupted translation; to start anew, delete"
    ):
        translate_file(upside, source, tmp_path / "out", resume=True)
    assert foreign.read_text() == "somebody else's"


# What a translator is made of


def translator_of(seed: int, beam_size: int) -> Translator:
    corpus = {"grammar": "train", "pairs": 10}
    config = Config.model_validate(
        {
            "data": {"train": corpus, "validation": corpus},
            "model": {"d_model": 4, "d_ff": 4, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1},
            "train": {"max_steps": 1, "warmup_steps": 0},
        }
    )
    tokenizer = tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=VOCABULARY))
    keras.utils.set_random_seed(seed)
    model = build_model(config, tokenizer, tokenizer)
    return Translator.of_model(model, tokenizer, tokenizer, config, SearchOptions.of(config.search, beam_size))


def different(one: Identifies, other: Identifies) -> list[str]:
    before, now = one.fingerprint(), other.fingerprint()
    assert json.dumps(now), "plain values"
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def test_a_fingerprint_tells_translators_apart():
    one, same, other, greedy = (translator_of(*each) for each in ((1, 4), (1, 4), (2, 4), (1, 1)))
    assert different(one, same) == []
    assert different(one, other) == ["weights"]
    assert different(one, greedy) == ["options"]
    assert different(one, one.with_mbr()) == ["mbr"]
    assert different(one.with_mbr(), one.with_mbr(samples=True)) == ["mbr"]
    assert different(Keeper(one, ["url"]), Keeper(one, ["url", "email"])) == ["keep"]
    assert different(Formatted(one, "json"), Formatted(one, "moses", 2)) == ["format", "n_best"]
    models = [cast(TransformerEngine, each.engine).model for each in (one, other)]
    assert different(EnsembleEngine(models), EnsembleEngine(models)) == []
    assert different(EnsembleEngine(models), EnsembleEngine([models[0]] * 2)) == ["weights"]


def test_an_engine_without_a_fingerprint_cannot_go_on(source: Path, tmp_path: Path):
    translator = translator_of(1, 1)
    translator.engine = cast(Engine, SimpleNamespace(search=None))
    for load in (lambda: translator, translator.with_mbr):
        with pytest.raises(FilesError, match="--resume needs an engine that tells which weights it has"):
            translate_file(load, source, tmp_path / "out", resume=True)
    assert names(tmp_path) == {"in.txt"}
