"""The wheel: that it is built, holds all of the package, and works without the checkout."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import translator

ROOT = Path(__file__).parents[1]
NAME = "transformer-translator"
SOURCES = ("translator", "configs", "scripts", "pyproject.toml", "MANIFEST.in", "Makefile", "README.md", "LICENSE",
           "CHANGELOG.md")  # fmt: skip
CONFIG = """
data: {train: {grammar: train, pairs: 10}, validation: {grammar: validation, pairs: 10}}
train: {max_steps: 7, warmup_steps: 1}
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=os.environ | environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make dist` builds it, from a copy, so that the checkout stays as it is."""
    pytest.importorskip("build", reason="`make dist` installs it")
    if int(importlib.metadata.version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools is older than pyproject.toml asks for")
    copy = tmp_path_factory.mktemp("copy")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    (copy / "tests").mkdir()
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", ".", cwd=copy)
    return next((copy / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", f"--target={folder}", str(wheel),
        cwd=folder)  # fmt: skip
    return folder


def test_the_wheel_has_every_module_and_page_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = [path for path in (ROOT / "translator").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert files == {str(path.relative_to(ROOT)) for path in ours}


def test_the_wheel_says_its_name_and_version(wheel: Path):
    assert wheel.name == f"{NAME.replace('-', '_')}-{translator.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(n for n in archive.namelist() if n.endswith("/METADATA"))).decode()
    assert f"\nName: {NAME}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\nProvides-Extra: gpu\n" in metadata


def test_the_installed_command_needs_nothing_of_the_checkout(installed: Path, tmp_path: Path):
    def command(*arguments: str) -> str:
        return run(
            sys.executable, str(installed / "bin" / "translator"), *arguments, cwd=tmp_path, PYTHONPATH=str(installed)
        )

    where = "import translator.grammar, translator.cli; print(translator.__file__, translator.grammar.__file__)"
    for place in run(sys.executable, "-c", where, cwd=tmp_path, PYTHONPATH=str(installed)).split():
        assert Path(place).is_relative_to(installed)
    assert command("--version") == f"translator {translator.__version__}\n"
    assert "Trains Transformers to translate" in command("--help")
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    assert "max_steps: 7\n" in command("config", "tiny.yaml")


def test_nothing_tells_users_to_install_what_is_somebody_elses():
    files = [path for name in (*SOURCES, "docs") for path in [ROOT / name, *(ROOT / name).rglob("*")]]
    texts = {
        path: path.read_text(encoding="utf-8") for path in files if path.suffix in (".md", ".py", ".toml", ".yaml")
    }
    assert len(texts) > 90
    wrong = re.compile(r"(pip3?|uv|pipx|poetry|conda) (install|add|download)\b[^\n#]*[\s'\"]translator(?![-\w./])")
    assert wrong.search("pip install -U 'translator[gpu]'")
    assert not wrong.search(f"pip install '{NAME}[gpu]'")
    assert [str(path) for path, text in texts.items() if wrong.search(text)] == []
