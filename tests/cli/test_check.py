"""`translator check`."""

import json

import yaml

from tests.command_line import command
from tests.data.checks.planted import grammar_pairs, write


def write_config(folder, train):
    write(folder, "train", train)
    write(folder, "val", grammar_pairs("validation", 20))
    data = {"root": str(folder), "train": "train.{lang}", "validation": "val.{lang}"}
    (folder / "c.yaml").write_text(yaml.safe_dump({"data": data, "train": {"max_steps": 1}}))
    return str(folder / "c.yaml")


def test_a_clean_corpus_has_exit_code_0(tmp_path, monkeypatch, capsys):
    code, out, _ = command(monkeypatch, capsys, "check", write_config(tmp_path, grammar_pairs("train", 300)))
    assert code == 0
    assert "train               300 pairs" in out


def test_what_would_ruin_a_run_has_exit_code_1_and_is_printed_with_its_place(tmp_path, monkeypatch, capsys):
    train = grammar_pairs("train", 300)
    train[16] = grammar_pairs("validation", 20)[3]
    code, out, _ = command(monkeypatch, capsys, "check", write_config(tmp_path, train))
    assert code == 1
    assert "error  in-training  validation: " in out
    assert f"{tmp_path / 'val.en'}:4: {tmp_path / 'train.en'}:17: " in out
    assert out.rstrip().endswith("these errors would ruin a run")


def test_json_has_all_findings(tmp_path, monkeypatch, capsys):
    train = grammar_pairs("train", 300)
    train[16] = ("Text\x07.", "")
    code, out, _ = command(monkeypatch, capsys, "check", write_config(tmp_path, train), "--json")
    document = json.loads(out)
    assert code == 0
    assert {"empty", "control"} <= {finding["kind"] for finding in document["findings"]}
    empty = next(finding for finding in document["findings"] if finding["kind"] == "empty")
    assert empty["examples"][0] == {"place": f"{tmp_path / 'train.en'}:17", "text": "Text\\x07.  |  "}
    assert document["corpora"][1]["pairs"] == 300


def test_only_the_first_pairs_are_read_if_asked(tmp_path, monkeypatch, capsys):
    arguments = write_config(tmp_path, grammar_pairs("train", 300)), "--first", "40", "--json"
    _, out, _ = command(monkeypatch, capsys, "check", *arguments)
    assert json.loads(out)["corpora"][1]["pairs"] == 40
