"""What `translator sweep` says at its end."""

import json
from pathlib import Path

import pytest

from tests.command_line import command
from translator.config.load import save_config
from translator.sweep.results import Result
from translator.sweep.trials import Sweep


def run_all(sweep: Sweep, *_: object, **__: object) -> list[Result]:
    """In place of training: the folders, and scores that fall from run to run."""
    for trial in sweep.trials:
        sweep.run(trial).path.mkdir(parents=True)
        save_config(trial.config, sweep.run(trial).config)
    return [Result(trial.name, trial.varied, "finished", 1, 1.0, None, 1.0, None, []) for trial in sweep.trials]


@pytest.mark.parametrize(("targets", "to"), [(["de"], ""), (["de", "fr"], " --to de")])
def test_the_best_run_is_to_be_translated_with_as_it_can_be(
    targets: list[str], to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("translator.cli.sweep.run_sweep", run_all)
    Path("c.tsv").write_text("a\tb\n")
    corpora = [{"tsv": "c.tsv", "target": target} for target in targets]
    config = {"data": {"train": corpora, "validation": corpora}, "train": {"max_steps": 1, "warmup_steps": 0}}
    Path("c.yaml").write_text(json.dumps(config))
    code, _, said = command(monkeypatch, capsys, "sweep", "c.yaml", "--set", "train.seed=1,2", "--folder", "s w")
    assert code == 0, said
    assert f"Translate with the best:  echo 'A sentence.' | translator translate 's w/001'{to}\n" in said
