"""The real process, over a run with random weights."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from tests.command_line import command
from tests.serve.scripted import ENGLISH, GERMAN, tokenizer
from translator.config.load import save_config
from translator.config.schema import Config
from translator.decoding.translator import Translator
from translator.inspect.attention_reader import AttentionReader
from translator.inspect.attribution.attributor import Attributor
from translator.model.build import build_model
from translator.model.weights import get_weights, write_weights
from translator.run_folder import RunFolder

CONFIG = Config.model_validate(
    {
        "data": {
            "source": "en",
            "target": "de",
            "train": {"grammar": "train", "pairs": 10},
            "validation": {"grammar": "validation", "pairs": 10},
        },
        "model": {"d_model": 8, "d_ff": 8, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1},
        "train": {"max_steps": 1},
    }
)


class Served(NamedTuple):
    process: "subprocess.Popen[str]"
    address: str
    run: Path


def random_run(folder: Path) -> Path:
    run = RunFolder(folder)
    save_config(CONFIG, run.config)
    tokenizer().save(folder / "tokenizer.model")
    keras.utils.set_random_seed(5)
    write_weights(get_weights(build_model(CONFIG, tokenizer(), tokenizer()).named_weights()), run.model)
    return folder


@contextlib.contextmanager
def started(run: Path, port: str = "0") -> Iterator[Served]:
    """A server over a run, for as long as it is needed."""
    arguments = ["serve", str(run), "--port", port, "--engine", "transformer", "--beam", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "translator", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield Served(process, process.stdout.readline().strip(), run)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with started(random_run(tmp_path_factory.mktemp("run"))) as served:
        yield served


def inspected(served: Served, sentence: str, translation: str) -> Any:
    body = {"sentence": sentence, "translation": translation, "attention": ["cross", "decoder"], "source_share": True}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{served.address}/v1/inspect", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def ask(served: Served, sentences: Sequence[str]) -> list[str]:
    body = json.dumps({"sentences": sentences}).encode()
    request = urllib.request.Request(f"{served.address}/v1/translate", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [each["text"] for each in json.load(answer)["translations"]]


def test_it_listens_on_this_machine_alone(served: Served):
    assert served.address.startswith("http://127.0.0.1:")


def test_it_translates_as_the_translator_does(served: Served):
    expected = Translator.load(served.run, beam_size=2).translate_text([*ENGLISH, *GERMAN])
    assert ask(served, [*ENGLISH, *GERMAN]) == expected


def test_it_sees_what_the_readers_of_attention_and_attribution_see(served: Served):
    found = inspected(served, ENGLISH[0], GERMAN[0])
    read = AttentionReader.load(served.run).read(ENGLISH[0], GERMAN[0]).views["words"]
    for kind in ("cross", "decoder"):
        assert found["attention"][kind]["rows"] == list(read[kind].rows)
        np.testing.assert_allclose(found["attention"][kind]["weights"], read[kind].weights, atol=1e-4)
    shares = Attributor.load(served.run).attribute(ENGLISH[0], GERMAN[0]).source_share
    np.testing.assert_allclose(found["source_share"], shares, atol=1e-4)


def test_libretranslatepy_is_served_as_it_is(served: Served):
    library = pytest.importorskip("libretranslatepy", reason="libretranslatepy is not installed; `make test` has it")
    api = library.LibreTranslateAPI(served.address)
    assert api.languages() == [
        {"code": "en", "name": "English", "targets": ["de"]},
        {"code": "de", "name": "German", "targets": []},
    ]
    assert api.detect("the dog") == [{"language": "en", "confidence": 100.0}]
    assert api.translate(ENGLISH[0], "en", "de") == ask(served, ENGLISH[:1])[0]


def test_a_port_that_is_taken_is_one_line(served: Served, monkeypatch, capsys):
    port = served.address.rsplit(":", 1)[1]
    code, _, said = command(monkeypatch, capsys, "serve", str(served.run), "--port", port)
    assert (code, said.count("\n")) == (2, 1)
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in said


def test_a_pair_of_languages_is_served_by_one_run(tmp_path: Path, monkeypatch, capsys):
    runs = [tmp_path / name for name in "ab"]
    for run in runs:
        run.mkdir()
        save_config(CONFIG, run / "config.yaml")
    code, _, said = command(monkeypatch, capsys, "serve", *map(str, runs), "--port", "0")
    assert code == 2
    assert f"{runs[0]} and {runs[1]} both translate en to de; leave one of them out" in said


def test_without_the_extra_one_line_says_how_to_install_it(tmp_path: Path, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    code, _, said = command(monkeypatch, capsys, "serve", str(tmp_path))
    assert (code, said.count("\n")) == (2, 1)
    assert "uvicorn cannot be imported; install the extra: pip install '.[serve]'" in said


def test_stopped_while_it_opens_it_ends_in_one_line(tmp_path: Path, monkeypatch, capsys):
    def interrupted(*_) -> None:
        raise KeyboardInterrupt

    left: list[int] = []
    monkeypatch.setattr("translator.serve.opening.open_models", interrupted)
    monkeypatch.setattr(os, "_exit", left.append)
    code, output, said = command(monkeypatch, capsys, "serve", str(tmp_path), "--port", "0")
    assert (left, code, output) == ([0], 0, "")
    assert said.splitlines()[-1] == "stopped before it was open"


def test_terminated_it_answers_what_it_has_accepted_and_exits_with_0(served: Served):
    """The last test of the process: it ends."""
    answers: list[list[str]] = []
    sentences = [f"{each} {number}" for number in range(80) for each in ENGLISH]
    asking = threading.Thread(target=lambda: answers.append(ask(served, sentences)))
    asking.start()
    idle = 'translator_waiting_sentences{source="en",target="de"} 0'
    while asking.is_alive() and idle in read(f"{served.address}/metrics"):
        time.sleep(0.001)
    served.process.send_signal(signal.SIGTERM)
    asking.join(60)
    assert [len(each) for each in answers] == [len(sentences)]
    _, said = served.process.communicate(timeout=60)
    assert served.process.returncode == 0
    assert "dog" not in said
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(served.address.rsplit(":", 1)[1])))


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()
