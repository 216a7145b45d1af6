import os
from pathlib import Path
from typing import Any

import pytest

from translator.config.corpora import CorpusConfig
from translator.config.schema import Config
from translator.lock import LockedError
from translator.run_folder import RunError, RunFolder


def config_of(**train: Any) -> Config:
    return Config.model_validate(
        {
            "data": {"train": "train.{lang}", "validation": "val.{lang}"},
            "train": {"max_steps": 5000, **train},
        }
    )


def changed(config: Config, section: str, **settings: Any) -> Config:
    return config.model_copy(update={section: getattr(config, section).model_copy(update=settings)})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "mine")


def prepared(run: RunFolder, config: Config) -> None:
    """Claims a run and gets as far as its vocabulary."""
    run.claim(config)
    run.tokenizer("source").touch()


def trained(run: RunFolder, config: Config) -> None:
    """Claims a run and gets as far as a checkpoint."""
    prepared(run, config)
    (run.checkpoints / "step-00000000").mkdir(parents=True)


REFUSED = r" has a run of another configuration: {}\. Name another folder with --run"


def test_claiming_makes_the_folder_with_the_whole_configuration(run: RunFolder):
    run.claim(config_of(seed=7))
    assert run.load_config() == config_of(seed=7)


def test_the_same_configuration_claims_again(run: RunFolder):
    run.claim(config_of())
    run.claim(config_of())
    assert run.load_config() == config_of()


def test_an_empty_folder_can_be_claimed(run: RunFolder):
    run.path.mkdir(parents=True)
    run.claim(config_of())
    assert run.load_config() == config_of()


def test_limits_and_search_may_change_and_the_change_stays(run: RunFolder):
    trained(run, config_of())
    now = changed(config_of(max_steps=9000, max_minutes=3, save_every_steps=5), "search", beam_size=2)
    now = changed(now, "data", root=Path("elsewhere"))
    run.claim(now)
    assert run.load_config() == now


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("model", "d_model", 256, "model.d_model was 512 and is 256"),
        ("model", "norm", "post", "model.norm was 'pre' and is 'post'"),
        ("tokenizer", "vocabulary_size", 999, "tokenizer.vocabulary_size was 8000 and is 999"),
        ("train", "seed", 2, "train.seed was 1 and is 2"),
        ("train", "micro_batches", 2, "train.micro_batches was 1 and is 2"),
        ("data", "max_tokens", 64, "data.max_tokens was 128 and is 64"),
        ("data", "target", "fr", "data.target was 'de' and is 'fr'"),
    ],
)
def test_another_model_or_corpus_is_refused_with_key_and_both_values(
    run: RunFolder, section: str, key: str, value: Any, message: str
):
    trained(run, config_of())
    with pytest.raises(RunError) as caught:
        run.claim(changed(config_of(max_steps=6000), section, **{key: value}))
    assert f"{run.path} has a run of another configuration: {message}. Name another folder" in str(caught.value)
    assert run.load_config() == config_of(), "a refused claim changes nothing"


def test_all_that_differs_is_told_and_nothing_else(run: RunFolder):
    trained(run, config_of())
    with pytest.raises(RunError) as caught:
        run.claim(changed(changed(config_of(max_steps=6000), "model", num_heads=4), "train", warmup_steps=9))
    assert "model.num_heads was 8 and is 4; train.warmup_steps was 1000 and is 9. " in str(caught.value)
    assert "max_steps" not in str(caught.value)


def test_a_run_that_has_not_begun_takes_another_configuration(run: RunFolder):
    # As after a first `train` that ended at once, for a corpus that is not there.
    run.claim(config_of())
    run.claim(config_of(seed=2))
    assert run.load_config() == config_of(seed=2)


def test_a_budget_that_a_run_has_found_stays_its_own(run: RunFolder):
    trained(run, config_of(batch_tokens="auto"))
    assert run.claim(config_of(batch_tokens="auto")).train.batch_tokens == "auto", "not found yet"
    assert run.claim(config_of(batch_tokens=7000)).train.batch_tokens == 7000
    assert run.claim(config_of(batch_tokens="auto")).train.batch_tokens == 7000
    assert run.load_config() == config_of(batch_tokens=7000)
    with pytest.raises(RunError, match=r"train\.batch_tokens was 7000 and is 8000"):
        run.claim(config_of(batch_tokens=8000))


@pytest.mark.parametrize("left", ["checkpoints/step-00000000.partial", "metrics.jsonl"])
def test_settings_of_training_may_change_until_there_is_a_checkpoint(run: RunFolder, left: str):
    prepared(run, config_of(batch_tokens=7000))
    (run.path / left).mkdir(parents=True)
    now = changed(config_of(seed=2, learning_rate=0.5, batch_tokens="auto"), "model", d_model=64)
    now = changed(changed(now, "data", max_tokens=9), "tokenizer", sampling_alpha=0.1)
    assert run.claim(now) == now
    assert run.load_config() == now


def test_a_model_without_its_checkpoints_is_trained(run: RunFolder):
    prepared(run, config_of())
    run.model.parent.mkdir()
    run.model.touch()
    with pytest.raises(RunError, match=REFUSED.format("model.d_model was 512 and is 64")):
        run.claim(changed(config_of(), "model", d_model=64))


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("tokenizer", "vocabulary_size", 999, "tokenizer.vocabulary_size was 8000 and is 999"),
        ("tokenizer", "joint", False, "tokenizer.joint was True and is False"),
        ("data", "target", "fr", "data.target was 'de' and is 'fr'"),
        ("data", "train", (CorpusConfig(files="{lang}"),), r"data.train.files was 'train.\{lang\}' and is '\{lang\}'"),
    ],
)
def test_what_the_vocabulary_is_learned_from_is_settled_with_it(
    run: RunFolder, section: str, key: str, value: Any, message: str
):
    prepared(run, config_of())
    with pytest.raises(RunError, match=REFUSED.format(message)):
        run.claim(changed(config_of(), section, **{key: value}))


def test_how_often_a_corpus_is_gone_through_may_change_until_there_is_a_checkpoint(run: RunFolder):
    def of(*weights: float) -> Config:
        corpora = tuple(CorpusConfig(files=f"{{lang}}.{i}", weight=weight) for i, weight in enumerate(weights))
        return changed(config_of(), "data", train=corpora)

    prepared(run, of(1, 1))
    run.claim(of(1, 3))
    (run.checkpoints / "step-00000000").mkdir(parents=True)
    with pytest.raises(RunError, match=REFUSED.format(r"data.train.1.weight was 3\.0 and is 2\.0")):
        run.claim(of(1, 2))
    with pytest.raises(
        RunError, match=r"data.train was \[{'files': '{lang}\.0'}, .* and is \[{'files': '{lang}\.0'}\]\."
    ):
        run.claim(of(1))


@pytest.mark.parametrize("limit", ["max_steps", "max_epochs"])
def test_the_end_of_a_cosine_stays_where_it_was_when_training_began(run: RunFolder, limit: str):
    def of(value: int, **others: Any) -> Config:
        return config_of(**{"max_steps": None, "schedule": "cosine", "warmup_steps": 1, limit: value, **others})

    prepared(run, of(20))
    run.claim(of(40))
    (run.checkpoints / "step-00000000").mkdir(parents=True)
    run.claim(of(40, max_minutes=1))
    for value in (30, 50):
        with pytest.raises(RunError) as caught:
            run.claim(of(value))
        assert f"{run.path}: train.{limit} was 40 and is {value}, but with train.schedule cosine" in str(caught.value)
        assert "where the schedule ends. Start a new run in another folder (--run)" in str(caught.value)
        assert run.load_config() == of(40, max_minutes=1)


def test_a_folder_with_what_a_killed_first_command_left_can_be_claimed(run: RunFolder):
    run.path.mkdir(parents=True)
    (run.path / "config.yaml.0123abcd.partial").write_text("data: {")
    run.claim(config_of())
    assert run.load_config() == config_of()


def test_claiming_deletes_old_files_that_killed_processes_left_unfinished_and_no_others(run: RunFolder):
    prepared(run, config_of())
    run.report.mkdir()
    old, young = run.report / "scores.json.0123abcd.partial", run.path / "inputs.json.4567cdef.partial"
    kept = [young, run.report / "mine.partial", run.report / "notes.0123abcd.txt"]
    for path in (old, *kept):
        path.touch()
        if path != young:
            os.utime(path, (0, 0))
    (run.path / "a.0123abcd.partial").mkdir()
    run.claim(config_of())
    assert not old.exists()
    assert all(path.exists() for path in (*kept, run.path / "a.0123abcd.partial"))


def test_a_start_that_ended_before_the_vocabulary_can_be_repeated(run: RunFolder):
    run.claim(config_of())
    run.environment.touch()
    run.log.touch()
    run.report.mkdir()
    run.page.touch()
    run.claim(config_of(seed=2))
    assert run.load_config() == config_of(seed=2)


def test_a_folder_where_writing_the_vocabulary_was_killed_can_be_claimed(run: RunFolder):
    run.claim(config_of())
    (run.path / "tokenizer.source.model.0123abcd.partial").touch()
    run.claim(config_of(seed=2))
    assert run.load_config() == config_of(seed=2)


def test_a_report_of_something_else_is_not_a_runs(run: RunFolder):
    run.claim(config_of())
    run.report.mkdir()
    (run.report / "thesis.tex").touch()
    with pytest.raises(RunError, match=f"{run.path} is neither empty nor a run"):
        run.claim(config_of())


def test_a_log_alone_is_no_run(tmp_path: Path):
    (tmp_path / "log.txt").touch()
    with pytest.raises(RunError, match=f"{tmp_path} is neither empty nor a run"):
        RunFolder(tmp_path).claim(config_of())


def test_a_folder_that_is_neither_empty_nor_a_run_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match=f"{tmp_path} is neither empty nor a run"):
        RunFolder(tmp_path).claim(config_of())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_is_locked_before_anything_in_it_is_made(run: RunFolder, tmp_path: Path):
    with run.locked():
        assert [path.name for path in run.path.iterdir()] == ["lock"]
        message = rf"{run.path} is in use by process {os.getpid()} on \S+\. Wait until .*, or name another .* --run"
        with pytest.raises(LockedError, match=message), run.locked():
            pass
        run.claim(config_of())
    with run.locked():
        run.claim(config_of(seed=2))
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match=f"{tmp_path} is neither empty nor a run"), RunFolder(tmp_path).locked():
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "thesis.tex"]


def test_a_file_is_refused(tmp_path: Path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(RunError, match=str(path)):
        RunFolder(path).claim(config_of())


@pytest.mark.parametrize("exists", [True, False])
def test_loading_from_what_is_no_run_is_an_error_that_names_it(run: RunFolder, exists: bool):
    if exists:
        run.path.mkdir(parents=True)
    with pytest.raises(RunError, match=f"{run.path} is not a run: it has no config.yaml"):
        run.load_config()


def test_each_side_has_its_tokenizer_but_in_runs_of_earlier_versions(run: RunFolder):
    assert run.tokenizer("source") != run.tokenizer("target")
    run.path.mkdir(parents=True)
    (run.path / "tokenizer.model").touch()
    assert run.tokenizer("source") == run.tokenizer("target") == run.path / "tokenizer.model"


def test_a_setting_on_which_nothing_depends_may_change_until_something_does(run: RunFolder):
    def modified(**modifiers: Any) -> Config:
        values = config_of().model_dump()
        return Config.model_validate(values | {"data": values["data"] | {"modifiers": modifiers}})

    trained(run, modified(typo_words=0.1))
    run.claim(modified(typo_words=0.2, case_sides="both"))
    with pytest.raises(
        RunError, match=r"data\.modifiers\.typos was 0\.0 and is 0\.1; .*typo_words was 0\.2 and is 0\.3"
    ):
        run.claim(modified(typos=0.1, typo_words=0.3, case_sides="both"))
