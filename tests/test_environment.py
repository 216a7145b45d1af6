import json
import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import translator
from translator import environment
from translator.environment import processor, record_start


@pytest.fixture(autouse=True)
def _few_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "packages", lambda: {"numpy": "1"})


def entries(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_each_start_has_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "environment.json"
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "translator", "train", "my run.yaml"])
    record_start(path, ["NVIDIA H100"])
    record_start(path, None)
    first, second = entries(path)
    assert first["command"] == "python -m translator train 'my run.yaml'"
    assert first["translator"] == translator.__version__
    assert first["python"] == f"CPython {'.'.join(map(str, sys.version_info[:3]))}"
    assert first["folder"] == os.getcwd()  # noqa: PTH109
    assert (first["gpus"], second["gpus"]) == (["NVIDIA H100"], None)
    assert first["packages"] == {"numpy": "1"}
    assert first["started"] <= second["started"]


@pytest.mark.parametrize("content", ["[{", "{}", "[" * 100_000])
def test_a_damaged_list_is_set_aside_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str):
    path = tmp_path / "environment.json"
    path.write_text(content)
    with caplog.at_level(logging.WARNING):
        record_start(path, None)
    assert len(entries(path)) == 1
    assert (tmp_path / "environment.json.damaged").read_text() == content
    assert f"{path} cannot be read" in caplog.text


def test_a_processor_of_linux_is_read_with_its_flags_that_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    info = tmp_path / "cpuinfo"
    core = (
        "processor\t: {}\nmodel name\t: Fast CPU: 9000\nflags\t\t: fpu avx2 fma sse4_2 ht avx512f amx_bf16 avxish\n\n"
    )
    info.write_text(core.format(0) + core.format(1))
    monkeypatch.setattr(environment, "CPU_INFO", info)
    found = processor()
    assert found["model"] == "Fast CPU: 9000"
    assert {"amx_bf16", "avx2", "avx512f", "fma", "sse4_2"} <= set(found["flags"])
    assert not {"fpu", "ht"} & set(found["flags"])
    assert 1 <= found["usable_cores"] <= found["cores"]


def test_arm_names_its_flags_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nFeatures\t: fp asimd sve2 bf16 crc32\n")
    monkeypatch.setattr(environment, "CPU_INFO", info)
    assert processor()["flags"] == ["asimd", "bf16", "sve2"]


def test_a_system_without_cpuinfo_still_has_a_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "CPU_INFO", tmp_path / "none")
    assert processor()["model"]
    assert processor()["flags"] == []


def test_packages_are_those_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    found = environment.packages()
    assert found["numpy"] == version("numpy")
    assert list(found) == sorted(found, key=str.lower)
