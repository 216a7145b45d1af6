"""Sweeps with scripted trainings: who is trained, how far, by whom, and what is told of it."""

import csv
import json
import os
import shutil
import signal
import sys
import threading

import pytest

from tests.sweep.scripted import Scripted, sweep_of
from translator.config.schema import ConfigError
from translator.data.corpora.formats import open_corpora
from translator.data.inputs import inputs_of, write_inputs
from translator.errors import TRY_AGAIN
from translator.lock import locked
from translator.run_folder import RunError, RunFolder
from translator.sweep.results import Result
from translator.sweep.run import run_sweep
from translator.sweep.running import SweepStopped
from translator.sweep.space import SweepError
from translator.sweep.trials import Sweep

RATES = "train.learning_rate=0.001,0.004,0.003,0.002"
FAST = 0.01  # seconds between looks


def run(
    sweep: Sweep, commands: Scripted, slots: int = 1, said: list[str] | None = None, *, retry: bool = False
) -> list[Result]:
    say = (lambda line: None) if said is None else said.append
    return run_sweep(sweep, slots, say, retry=retry, commands=commands, poll=FAST)


def test_a_grid_is_trained_run_by_run_and_the_best_comes_first(tmp_path):
    commands = Scripted()
    found = run(sweep_of(tmp_path, RATES), commands)
    assert commands.trained == [("001", 0, 40), ("002", 0, 40), ("003", 0, 40), ("004", 0, 40)]
    assert [(each.name, each.state, each.best_bleu) for each in found] == [
        ("002", "finished", 8.0), ("003", "finished", 7.0), ("004", "finished", 6.0), ("001", "finished", 5.0),
    ]  # fmt: skip


def test_halving_trains_each_run_once_to_where_it_is_left_behind(tmp_path):
    commands = Scripted()
    found = run(sweep_of(tmp_path, RATES, rungs=(10, 20)), commands)
    assert commands.trained == [
        *((name, 0, 10) for name in ("001", "002", "003", "004")),
        ("002", 10, 20), ("003", 10, 20), ("002", 20, 40),
    ]  # fmt: skip
    assert [(each.name, each.state, each.steps) for each in found] == [
        ("002", "finished", 40), ("003", "stopped", 20), ("004", "stopped", 10), ("001", "stopped", 10),
    ]  # fmt: skip


def test_a_finished_sweep_trains_nothing(tmp_path):
    run(sweep_of(tmp_path, RATES, rungs=(10,)), Scripted())
    commands = Scripted()
    run(sweep_of(tmp_path, RATES, rungs=(10,)), commands)
    assert (commands.prepared, commands.trained) == ([], [])


def test_without_rungs_what_was_left_behind_goes_on_from_there(tmp_path):
    run(sweep_of(tmp_path, RATES, rungs=(10, 20)), Scripted())
    commands = Scripted()
    run(sweep_of(tmp_path, RATES), commands)
    assert commands.trained == [("001", 10, 40), ("003", 20, 40), ("004", 10, 40)]


def test_further_values_and_limits_join_a_sweep(tmp_path):
    run(sweep_of(tmp_path, "train.learning_rate=0.001,0.002"), Scripted())
    commands = Scripted()
    run(sweep_of(tmp_path, "train.learning_rate=0.001,0.002,0.003", "train.keep_checkpoints=1"), commands)
    assert commands.trained == [("003", 0, 40)]


def test_a_crash_is_told_and_the_others_go_on(tmp_path):
    said: list[str] = []
    commands = Scripted(lambda name, until: 2 if name == "002" else 0)
    found = run(sweep_of(tmp_path, RATES, rungs=(10,)), commands, said=said)
    assert "002: failed: out of luck" in said
    assert [(each.name, each.state) for each in found] == [
        ("003", "finished"), ("004", "finished"), ("001", "stopped"), ("002", "failed"),
    ]  # fmt: skip
    assert found[-1].failure == "out of luck"


def test_a_run_that_failed_is_tried_again_when_asked_for(tmp_path):
    run(sweep_of(tmp_path, RATES), Scripted(lambda name, until: 2 if name == "002" else 0))
    commands = Scripted()
    run(sweep_of(tmp_path, RATES), commands)
    assert commands.trained == []
    found = run(sweep_of(tmp_path, RATES), commands, retry=True)
    assert commands.trained == [("002", 0, 40)]
    assert [each.state for each in found] == ["finished"] * 4


def test_a_training_that_is_killed_has_failed_by_that_signal(tmp_path):
    found = run(sweep_of(tmp_path, RATES), Scripted(lambda name, until: -9 if name == "001" else 0))
    assert found[-1].failure == "the process was ended by signal SIGKILL"


def test_a_training_that_ends_without_its_step_has_failed(tmp_path):
    class Idle(Scripted):
        def train(self, run, until_step, output, slot):
            return 0

    assert {each.state for each in run(sweep_of(tmp_path, RATES), Idle())} == {"failed"}


def test_a_training_that_was_asked_to_stop_stops_the_sweep_which_goes_on_later(tmp_path):
    commands = Scripted(lambda name, until: TRY_AGAIN if name == "003" else 0)
    with pytest.raises(SweepStopped, match="003 was asked to stop; the same command goes on") as stopped:
        run(sweep_of(tmp_path, RATES), commands)
    assert stopped.value.exit_code == TRY_AGAIN
    again = Scripted()
    found = run(sweep_of(tmp_path, RATES), again)
    assert [name for name, _, _ in (*commands.trained, *again.trained)] == ["001", "002", "003", "004"]
    assert {each.state for each in found} == {"finished"}


def test_a_signal_stops_the_trainings_and_the_sweep_goes_on_later(tmp_path):
    class Signalled(Scripted):
        def train(self, run, until_step, output, slot):
            os.kill(os.getpid(), signal.SIGTERM)
            assert self.stopped.wait(60)
            return TRY_AGAIN

    with pytest.raises(SweepStopped, match="the same command goes on with it"):
        run(sweep_of(tmp_path, RATES), Signalled())
    assert {each.state for each in run(sweep_of(tmp_path, RATES), Scripted())} == {"finished"}


@pytest.mark.parametrize("rungs", [(), (10, 20)])
def test_sweeps_in_one_folder_share_the_work(tmp_path, rungs):
    """As the tasks of an array do, each with several trainings at a time."""
    both = Scripted(), Scripted()
    threads = [
        threading.Thread(target=run, args=(sweep_of(tmp_path, RATES, rungs=rungs), commands, 2)) for commands in both
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Scripted()
    (tmp_path / "alone").mkdir()
    run(sweep_of(tmp_path / "alone", RATES, rungs=rungs), alone)
    assert sorted([*both[0].trained, *both[1].trained]) == sorted(alone.trained)
    assert len([*both[0].prepared, *both[1].prepared]) == 1


def test_what_others_have_done_since_one_looked_is_not_done_again(tmp_path):
    first, second = Scripted(), Scripted()

    class Overtaken(Sweep):
        def standings(self):
            before = super().standings()
            if not first.trained:
                run(Sweep(self.folder, self.trials, self.halving), first)
            return before

    sweep = sweep_of(tmp_path, RATES)
    run(Overtaken(sweep.folder, sweep.trials, sweep.halving), second)
    assert (len(first.trained), second.trained) == (4, [])


def test_a_training_that_has_outlived_its_sweep_is_left_alone(tmp_path):
    sweep, commands = sweep_of(tmp_path, RATES), Scripted()
    RunFolder(sweep.folder / "002").path.mkdir(parents=True)
    with locked(sweep.folder / "002"):
        found = run(sweep, commands)
    assert [name for name, _, _ in commands.trained] == ["001", "003", "004"]
    assert found[-1].state == "open"


def test_runs_share_the_corpus_that_they_have_in_common(tmp_path):
    commands = Scripted()
    sweep = sweep_of(tmp_path, "tokenizer.vocabulary_size=100,200", "train.learning_rate=0.001,0.002")
    run(sweep, commands)
    assert len(commands.prepared) == 2
    inodes = [(sweep.folder / name / "data" / "source.ids").stat().st_ino for name in ("001", "002", "003", "004")]
    assert inodes[0] == inodes[1] != inodes[2] == inodes[3]


def test_settings_that_change_no_corpus_share_one(tmp_path):
    commands = Scripted()
    run(sweep_of(tmp_path, "tokenizer.sampling_alpha=0,0.1", "data.train.weight=1,2", "data.temperature=1,5"), commands)
    assert len(commands.prepared) == 1


def test_runs_that_begin_with_different_runs_share_no_vocabulary(tmp_path):
    commands = Scripted()
    run(sweep_of(tmp_path, "train.init_from=one,other", "train.learning_rate=0.001,0.002"), commands)
    assert len(commands.prepared) == 2


def test_a_corpus_that_cannot_be_prepared_ends_the_sweep_before_any_training(tmp_path):
    class Unprepared(Scripted):
        def prepare(self, run, output):
            output.write_text("train.en, line 3: is not UTF-8\n")
            return 2

    commands = Unprepared()
    with pytest.raises(SweepError, match=r"the corpus of run 001 cannot be prepared: train\.en, line 3: is not UTF-8"):
        run(sweep_of(tmp_path, RATES), commands)
    assert commands.trained == []


def test_a_corpus_that_was_left_half_prepared_is_prepared_again(tmp_path):
    class Killed(Scripted):
        def prepare(self, run, output):
            (run.path / "tokenizer.source.model").write_bytes(b"source")
            return -9

    with pytest.raises(SweepError, match="signal SIGKILL"):
        run(sweep_of(tmp_path, RATES), Killed())
    assert {each.state for each in run(sweep_of(tmp_path, RATES), Scripted())} == {"finished"}


def test_a_folder_that_was_being_made_is_made_anew(tmp_path):
    sweep = sweep_of(tmp_path, RATES)
    (sweep.folder / "001.partial" / "data").mkdir(parents=True)
    (sweep.folder / "001").mkdir()
    run(sweep, Scripted())
    assert not (sweep.folder / "001.partial").exists()
    assert (sweep.folder / "001" / "config.yaml").is_file()


def test_another_sweep_in_the_folder_is_refused(tmp_path):
    run(sweep_of(tmp_path, RATES), Scripted())
    with pytest.raises(SweepError) as caught:
        sweep_of(tmp_path, "train.learning_rate=0.005,0.004")
    assert str(caught.value) == (
        f"{tmp_path}/sweep/001 is a run of another sweep: train.learning_rate was 0.001 and is 0.005. "
        "Name another folder with --folder, or delete this one to start again"
    )


@pytest.mark.parametrize(
    ("rungs", "eta", "message"),
    [
        (
            (15,),
            2.0,
            "--rungs: 15 is not a multiple of train.validate_every_steps 10; runs are compared by a validation",
        ),
        ((40,), 2.0, "--rungs: 40 is not before the end, train.max_steps 40"),
        ((20, 10), 2.0, "--rungs 20,10: expected steps that rise, as in --rungs 500,1500"),
        ((10,), 1.0, "--eta 1: 1/η of the runs go on, so that η has to be above 1"),
    ],
)
def test_rungs_that_do_not_fit_are_one_line(tmp_path, rungs, eta, message):
    with pytest.raises(SweepError) as caught:
        sweep_of(tmp_path, RATES, rungs=rungs, eta=eta)
    assert str(caught.value) == message


def test_every_problem_of_all_configurations_is_told_once_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError) as caught:
        sweep_of(tmp_path, "model.num_heads=3,4", "train.learning_rate=-1,1,x")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(set(lines)) == 3
    assert [text for text in ("num_heads 3", "train.learning_rate=-1", "'x'") if text not in str(caught.value)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["scripted.yaml"]


def test_a_setting_of_all_runs_that_is_varied_too_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^--set train\.seed=1: --set train\.seed=5 has set train\.seed already"):
        sweep_of(tmp_path, "train.seed=5", "train.seed=1,2")


def test_two_values_that_mean_the_same_are_refused(tmp_path):
    with pytest.raises(SweepError) as caught:
        sweep_of(tmp_path, "train.learning_rate=1e-3,0.001")
    assert str(caught.value) == (
        "train.learning_rate=1e-3 and train.learning_rate=0.001 are the same run; leave one of them out"
    )


def test_a_sweep_of_nothing_is_refused(tmp_path):
    with pytest.raises(SweepError, match="there is nothing to vary; give values"):
        sweep_of(tmp_path, "train.learning_rate=1e-3")


def test_the_results_are_files(tmp_path):
    sweep = sweep_of(tmp_path, "train.learning_rate=0.001,0.002", variants=["model.dropout=0", "model.dropout=0.3"])
    run(sweep, Scripted())
    with (sweep.folder / "sweep.csv").open(encoding="utf-8") as file:
        first, *_, last = csv.DictReader(file)
    assert first == {
        "run": "002", "variant": "model.dropout=0", "train.learning_rate": "0.002", "steps": "40",
        "validation_bleu": "6.0", "test_bleu": "4.0", "minutes": "4.0", "state": "finished",
    }  # fmt: skip
    assert last["run"] == "003"
    found = json.loads((sweep.folder / "sweep.json").read_text())
    assert found["runs"][0]["varied"] == {"variant": "model.dropout=0", "train.learning_rate": "0.002"}
    assert found["runs"][0]["validations"] == [[10, 3.0], [20, 4.0], [30, 5.0], [40, 6.0]]


def test_the_picture_is_small_and_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    sweep = sweep_of(tmp_path, RATES, rungs=(10,), variants=["model.dropout=0", "model.dropout=0.3"])
    run(sweep, Scripted())
    picture = (sweep.folder / "sweep.svg").read_bytes()
    run(sweep, Scripted())
    assert (sweep.folder / "sweep.svg").read_bytes() == picture
    assert len(picture) < 60_000
    assert [text for text in ("validation BLEU", "train.learning_rate", "step") if text not in picture.decode()] == []


def test_without_matplotlib_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said: list[str] = []
    sweep = sweep_of(tmp_path, RATES)
    run(sweep, Scripted(), said=said)
    assert said[-1].startswith("no picture of the sweep: matplotlib is not installed; install the extra")
    assert not (sweep.folder / "sweep.svg").exists()


def test_a_corpus_that_has_changed_since_is_refused(tmp_path):
    for language in ("en", "de"):
        (tmp_path / f"t.{language}").write_text("a\nb\n")
    files = f"data.root={tmp_path}", 'data.train="t.{lang}"'

    class Reading(Scripted):
        def prepare(self, run, output):
            super().prepare(run, output)
            data = run.load_config().data
            write_inputs(run, inputs_of(open_corpora(data.train, data), []))
            return 0

    run(sweep_of(tmp_path, RATES, *files), Reading())
    shutil.rmtree(tmp_path / "sweep" / "004")
    (tmp_path / "t.en").write_text("a\nc\n")
    with pytest.raises(RunError, match=r"t\.en has changed"):
        run(sweep_of(tmp_path, RATES, *files), Reading())
    assert not (tmp_path / "sweep" / "004").exists()
