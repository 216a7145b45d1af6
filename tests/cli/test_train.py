"""The options of `translator train`."""

import pytest
from rich.console import Console

from tests.command_line import command
from translator.cli import train


@pytest.mark.parametrize(("options", "quiet"), [((), False), (("--quiet",), True), (("-q",), True)])
def test_quiet_shows_no_progress_and_prints_nothing(options, quiet: bool, monkeypatch, capsys, tmp_path):
    consoles: list[Console] = []

    class Trained:
        report, is_chief, was_complete = None, True, False

    def start(config, folder, console: Console, **_) -> type[Trained]:
        consoles.append(console)
        return Trained

    monkeypatch.setattr(train, "start_training", start)
    run = str(tmp_path / "run")
    code, output, said = command(monkeypatch, capsys, "train", "configs/quickstart.yaml", "--run", run, *options)
    assert (code, output, said == "") == (0, "", quiet)
    assert [console.quiet for console in consoles] == [quiet]
