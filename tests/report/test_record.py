"""What a run folder says of the run, in whatever state it is."""

import json
from pathlib import Path

import pytest

from tests.report.recorded import ROWS, finish, make_run, score_run
from translator.lock import is_locked, locked
from translator.report.listing import listed
from translator.report.record import Record, Start, runs_in


def test_a_run_is_untrained_then_training_then_stopped_then_complete_then_scored(tmp_path: Path):
    run = make_run(tmp_path / "run")
    run.checkpoints.rename(tmp_path / "checkpoints")
    assert Record(run).state == "untrained"
    (tmp_path / "checkpoints").rename(run.checkpoints)
    with run.locked():
        assert Record(run).state == "training"
        assert Record(run, is_open=False).state == "stopped"
    assert Record(run).state == "stopped"
    finish(run)
    assert Record(run).state == "complete"
    score_run(run)
    assert Record(run).state == "scored"
    with run.locked():
        assert Record(run).state == "training"


def test_looking_at_a_lock_takes_it_from_nobody(tmp_path: Path):
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        pass


def test_figures_are_the_last_ones_and_the_best_validation_is_by_bleu(tmp_path: Path):
    record = Record(make_run(tmp_path / "run"))
    assert (record.last("target_tokens"), record.last("loss"), record.last("nothing")) == (3000, 3.0, None)
    assert record.best_validation == ROWS[1]
    assert [row["step"] for row in record.training_rows] == [50, 150]


def test_parameters_are_those_of_the_model_or_of_the_newest_checkpoint(tmp_path: Path):
    run = make_run(tmp_path / "run")
    assert Record(run).parameters is None
    finish(run)
    assert Record(run).parameters == 3 * 4 + 5
    newest = run.checkpoints / "step-00000150"
    newest.mkdir(parents=True)
    run.model.rename(newest / "model.safetensors")
    assert Record(run).parameters == 17


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[[[[", b'{"step": "no", "loss": 1}\n[1]\nnull\n"x"\n', b"[" * 100_000]
)
def test_what_is_damaged_counts_as_not_there(content: bytes, tmp_path: Path):
    run = make_run(tmp_path / "run")
    run.report.mkdir()
    for path in (run.metrics, run.environment, run.log, run.report / "scores.json"):
        path.write_bytes(content)
    record = Record(run)
    assert (record.rows, record.starts, record.scores) == ([], [], {})
    assert record.last_start is None
    assert listed(tmp_path)[0]["step"] is None


def test_a_row_cut_off_and_a_figure_that_is_none_are_left_out(tmp_path: Path):
    run = make_run(tmp_path / "run")
    run.metrics.write_text('{"step": 1, "loss": NaN, "note": "x", "nll": 2}\n{"step": 2, "lo', encoding="utf-8")
    assert Record(run).rows == [{"step": 1, "nll": 2}]


def test_runs_are_found_some_levels_deep_and_not_within_runs(tmp_path: Path):
    places = [tmp_path / "a", tmp_path / "sweep" / "1", tmp_path / "sweep" / "2" / "seed-1"]
    for place in [*places, tmp_path / "a" / "report" / "inner", tmp_path / "1" / "2" / "3" / "4"]:
        make_run(place)
    assert runs_in(tmp_path) == places
    assert runs_in(places[0]) == [places[0]]


def test_runs_are_listed_with_the_last_started_last(tmp_path: Path):
    for name, started in (("a", "2026-11-28"), ("b", "2026-11-27"), ("c", "2026-11-29")):
        run = make_run(tmp_path / name)
        run.environment.write_text(json.dumps([{"started": f"{started}T10:00:00+00:00"}]), encoding="utf-8")
    found = listed(tmp_path)
    assert [Path(row["run"]).name for row in found] == ["b", "a", "c"]
    figures = "languages", "state", "step", "epoch", "seconds", "best_validation_bleu"
    assert [found[0][key] for key in figures] == ["en → de", "stopped", 150, 1.0, 34.0, 5.0]


def test_a_run_whose_configuration_is_damaged_is_listed_with_what_is_wrong(tmp_path: Path):
    run = make_run(tmp_path / "run")
    run.config.write_text("data: 3", encoding="utf-8")
    assert listed(tmp_path)[0]["state"].startswith(f"damaged: {run.config}: data")


def test_what_a_start_ran_on_is_told_whatever_is_missing():
    assert Start.of({}) == ("", "a processor of ? (unknown), no GPU", "translator ?, Python, TensorFlow ?", "")
    processor = {"usable_cores": 2, "cores": 8, "model": "EPYC"}
    versions = {"commit": "f" * 40, "translator": "0.2.0", "packages": {"tensorflow": "2.21.0"}, "python": "CPython 3"}
    found = Start.of({"processor": processor, "gpus": ["H100"], **versions})
    assert found.machine == "2 cores of 8 (EPYC), H100"
    assert found.software == f"translator 0.2.0 ({'f' * 12}), CPython 3, TensorFlow 2.21.0"
