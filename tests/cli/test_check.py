"""`translator check`."""

import json
import shlex
from dataclasses import asdict

import yaml

from tests.command_line import command
from tests.data.checks.planted import grammar_pairs, write
from translator.training.trial import MeasuredSteps


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


def test_a_corpus_that_cannot_be_read_to_its_end_has_no_share(tmp_path, monkeypatch, capsys):
    config = write_config(tmp_path, grammar_pairs("train", 300))
    (tmp_path / "train.de").write_bytes((tmp_path / "train.de").read_bytes() + b"\xff\n")
    code, out, _ = command(monkeypatch, capsys, "check", config)
    assert code == 1
    found = out[out.index("error  unreadable") :].split("\n\n")[0]
    assert "%" not in found


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


def test_steps_without_an_encoded_corpus_are_refused_before_anything_is_read(tmp_path, monkeypatch, capsys):
    config, run = write_config(tmp_path, grammar_pairs("train", 300)), str(tmp_path / "run")
    settings = "--set", "tokenizer.kind=bpe", "data.train={files: 'train.{lang}'}"
    code, out, error = command(monkeypatch, capsys, "check", config, "--steps", "2", *settings, "--run", run)
    assert (code, out) == (2, "")
    command_line = shlex.join(["translator", "prepare", config, "--run", run, *settings])
    assert f"--steps: {tmp_path / 'run'} has no encoded corpus of this configuration; first:  {command_line}" in error


def test_steps_are_measured_once_the_corpus_is_encoded(tmp_path, monkeypatch, capsys):
    measured = MeasuredSteps(steps=2, target_tokens_per_second=12_345.6, epoch_seconds=754, peak_memory=1_540_000_000)
    monkeypatch.setattr("translator.training.trial.measure_steps", lambda config, run, steps: measured)
    config = write_config(tmp_path, grammar_pairs("train", 300))
    arguments = config, "--run", str(tmp_path / "run"), "--set", "tokenizer.vocabulary_size=300"
    assert command(monkeypatch, capsys, "prepare", *arguments)[0] == 0
    _, out, _ = command(monkeypatch, capsys, "check", *arguments, "--steps", "2")
    assert "12,346 target tokens a second by 2 steps, 12 min 34 s an epoch without validation; 1.5 GB at most" in out
    _, out, _ = command(monkeypatch, capsys, "check", *arguments, "--steps", "2", "--json")
    assert json.loads(out)["steps"] == asdict(measured)


def test_a_run_of_another_configuration_is_not_looked_at(tmp_path, monkeypatch, capsys, caplog):
    config = write_config(tmp_path, grammar_pairs("train", 300))
    arguments = config, "--run", str(tmp_path / "run")
    assert command(monkeypatch, capsys, "prepare", *arguments, "tokenizer.vocabulary_size=300")[0] == 0
    twice = "data.train=['train.{lang}', {files: 'train.{lang}', weight: 3}]"  # of which the store has the first only
    for changed, before in ((twice, "data.train"), ("tokenizer.vocabulary_size=290", "tokenizer.vocabulary_size")):
        settings = ("tokenizer.vocabulary_size=300",) if changed is twice else ()
        caplog.clear()
        code, out, _ = command(monkeypatch, capsys, "check", *arguments, *settings, changed, "--json")
        assert (code, json.loads(out)["batches"]) == (0, None)
        (line,) = caplog.messages
        assert line.startswith(f"{tmp_path / 'run'} is of another configuration: {before} was ")
        code, _, error = command(monkeypatch, capsys, "check", *arguments, *settings, changed, "--steps", "2")
        assert code == 2
        assert "has no encoded corpus of this configuration; first:" in error


def test_a_corpus_that_has_changed_since_it_was_encoded_has_no_batches(tmp_path, monkeypatch, capsys, caplog):
    config = write_config(tmp_path, grammar_pairs("train", 300))
    arguments = config, "--run", str(tmp_path / "run"), "tokenizer.vocabulary_size=300"
    assert command(monkeypatch, capsys, "prepare", *arguments)[0] == 0
    _, out, _ = command(monkeypatch, capsys, "check", *arguments, "model.d_model=16", "--json")
    assert json.loads(out)["batches"]["steps"] > 0
    assert caplog.messages == []
    write(tmp_path, "train", grammar_pairs("train", 299))
    _, out, _ = command(monkeypatch, capsys, "check", *arguments, "--json")
    assert json.loads(out)["batches"] is None
    line = f"{tmp_path / 'run' / 'data'} is of other files than those of data.train; its batches are not looked at"
    assert caplog.messages == [line]
