"""`translator runs` and `translator report`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import command
from tests.report.recorded import finish, make_run, score_run


def test_runs_are_a_table_with_their_names_in_the_folder(monkeypatch, capsys, tmp_path: Path):
    make_run(tmp_path / "one")
    scored = make_run(tmp_path / "many" / "[b]two")
    finish(scored)
    report = score_run(scored)
    code, out, err = command(monkeypatch, capsys, "runs", str(tmp_path))
    assert (code, err) == (0, "")
    lines = {line.split("│")[1].strip(): line for line in out.splitlines() if "│" in line}
    assert set(lines) == {"one", "many/[b]two"}
    assert "stopped" in lines["one"]
    assert "scored" in lines["many/[b]two"]
    assert f"{report.scores.bleu:.2f}" in lines["many/[b]two"]
    _, out, _ = command(monkeypatch, capsys, "runs", str(tmp_path), "--json")
    assert [Path(json.loads(line)["run"]).name for line in out.splitlines()] == ["[b]two", "one"]


def test_a_folder_without_runs_and_one_that_is_not_there_are_said(monkeypatch, capsys, tmp_path: Path):
    code, out, err = command(monkeypatch, capsys, "runs", str(tmp_path))
    assert (code, out, err.split(";")[0]) == (0, "", f"{tmp_path} has no runs")
    code, _, err = command(monkeypatch, capsys, "runs", str(tmp_path / "none"))
    assert (code, err.split(";")[0]) == (2, f"there is no folder {tmp_path / 'none'}")


def test_report_writes_the_page_and_says_where(monkeypatch, capsys, tmp_path: Path):
    run = make_run(tmp_path / "run")
    code, out, err = command(monkeypatch, capsys, "report", str(run.path), "--watch")
    assert (code, out, err) == (0, f"{run.page}\n", "")
    assert run.page.is_file()


@pytest.mark.parametrize("what", ["empty", "link"])
def test_report_writes_into_runs_alone(what: str, monkeypatch, capsys, tmp_path: Path):
    run = make_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    if what == "link":
        run.report.symlink_to(tmp_path / "empty")
    path = run.path if what == "link" else tmp_path / "empty"
    code, out, err = command(monkeypatch, capsys, "report", str(path))
    assert (code, out) == (2, "")
    assert ("is a link out of the run folder" if what == "link" else "is not a run") in err
    assert list((tmp_path / "empty").iterdir()) == []


def test_neither_loads_tensorflow_and_a_table_no_metrics(tmp_path: Path):
    make_run(tmp_path / "run")
    for name, unwanted in (("runs", {"tensorflow", "sacrebleu"}), ("report", {"tensorflow"})):
        code = (
            "import sys; from translator.cli import main\n"
            "try: main()\nexcept SystemExit: pass\n"
            f"print(sorted({unwanted} & set(sys.modules)), file=sys.stderr)"
        )
        place = str(tmp_path if name == "runs" else tmp_path / "run")
        ran = subprocess.run([sys.executable, "-c", code, name, place], capture_output=True, text=True, check=True)
        assert ran.stderr.strip() == "[]"
