"""The command line as a whole."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import translator
from tests.command_line import command
from translator.cli.app import app

COMMANDS = [command.name for command in app.registered_commands]
ROOT = Path(__file__).parents[2]
MOST_SECONDS = 1.0  # for an answer that needs no TensorFlow


def run(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "translator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_the_version_is_printed():
    ran = run("--version", folder=Path(__file__).parents[2])
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"translator {translator.__version__}\n", "")


def test_a_warning_is_one_line_off_a_terminal():
    said = "from translator.cli.console import start_logging; import logging; start_logging(); "
    said += "logging.getLogger('translator').warning('many words ' * 100)"
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert ran.stderr == f"WARNING  {'many words ' * 100}\n"


def processor_seconds() -> float:
    """Of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_help_answers_at_once():
    """In processor time, which a busy machine changes little, and as the best of some tries."""
    fastest = float("inf")
    for _ in range(10):
        before = processor_seconds()
        ran = run("--help", folder=Path(__file__).parents[2])
        fastest = min(fastest, processor_seconds() - before)
        if fastest < MOST_SECONDS:
            break
    assert ran.returncode == 0
    for name in COMMANDS:
        assert f" {name} " in ran.stdout
    assert fastest < MOST_SECONDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    code, out, _ = command(monkeypatch, capsys, name, "--help")
    assert code == 0
    assert f"{name} [OPTIONS]" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "--hypothesis=a", "--reference=r", "--hypothesis=b"], "--hypothesis is given 2 times"),
        (["prepare", "c.yaml", "--run=x", "--run", "y", "--run=z"], "--run is given 3 times"),
        (["translate", "run", "--input=a", "--input=a"], "--input is given 2 times"),
        (["translate", "run", "--beam=1", "--top-k=1", "--beam=2"], "--beam is given 2 times"),
        (["attention", "run", "a", "--tokens", "--words"], "--tokens/--words is given 2 times"),
    ],
)
def test_no_option_of_one_value_is_dropped(arguments, said, monkeypatch, capsys):
    told = f"{said}, and takes one value; leave all but one out\n"
    assert command(monkeypatch, capsys, *arguments) == (2, "", told)


def test_options_of_many_values_and_switches_may_be_there_again(monkeypatch, capsys):
    settings = "--set", "train.max_steps=5", "train.warmup_steps=2", "--set", "train.max_steps=5"
    code, out, _ = command(monkeypatch, capsys, "config", str(ROOT / "configs" / "quickstart.yaml"), *settings)
    assert (code, out.count("max_steps: 5"), out.count("warmup_steps: 2")) == (0, 1, 1)
    once, twice = (command(monkeypatch, capsys, "config", *["--json-schema"] * times) for times in (1, 2))
    assert once == twice


@pytest.mark.parametrize("row", [["--set", "train.max_steps=7"], ["train.max_steps=7"]])
def test_no_setting_is_dropped(row, monkeypatch, capsys):
    arguments = str(ROOT / "configs" / "quickstart.yaml"), "--set", "train.max_steps=5", *row
    told = "--set train.max_steps=7: --set train.max_steps=5 has set train.max_steps already; leave one of them out\n"
    assert command(monkeypatch, capsys, "config", *arguments) == (2, "", told)


def test_preparing_records_the_start_in_the_run_folder(tmp_path: Path):
    corpus = {"grammar": "train", "pairs": 60}
    config = {
        "data": {"train": corpus, "validation": {"grammar": "validation", "pairs": 5}},
        "tokenizer": {"vocabulary_size": 100},
        "train": {"max_steps": 2, "warmup_steps": 1},
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    root = Path(__file__).parents[2]
    for _ in range(2):
        ran = run("prepare", str(tmp_path / "tiny.yaml"), "--run", str(tmp_path / "run"), folder=root)
        assert ran.returncode == 0, ran.stderr
    log = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert log.count(f"  translator {translator.__version__}: ") == 2
    assert log.count(f"  {tmp_path / 'run' / 'data'}: 60 pairs; ") == 2
    starts = yaml.safe_load((tmp_path / "run" / "environment.json").read_text(encoding="utf-8"))
    assert [start["command"].split(" -m ")[1] for start in starts] == [
        f"translator prepare {tmp_path / 'tiny.yaml'} --run {tmp_path / 'run'}"
    ] * 2
