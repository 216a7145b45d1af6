"""What importing costs, and which way imports point."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import translator

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "module",
    ["translator", "translator.config", "translator.cli", "translator.evaluation", "translator.run_log"],
)
def test_importing_leaves_tensorflow_out(module):
    code = f"import sys, {module}; print(*{{'tensorflow', 'keras', 'tensorflow_text'}} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ran.returncode, ran.stdout.split()) == (0, []), ran.stderr


def test_the_package_gives_the_translator_class():
    from translator.decoding.translator import Translator

    assert translator.Translator is Translator


def test_the_package_gives_nothing_else():
    with pytest.raises(AttributeError, match="module 'translator' has no attribute 'Transaltor'"):
        translator.Transaltor  # noqa: B018


def test_every_module_has_its_place_in_the_layers():
    files = sorted((ROOT / "translator").rglob("*.py"))
    modules = {".".join(f.relative_to(ROOT).with_suffix("").parts) for f in files if f.name != "__init__.py"}
    placed = re.findall(r"translator(?:\.\w+)+", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    # A package has its place for all that is in it.
    assert {name for name in modules if not any(f"{name}.".startswith(f"{room}.") for room in placed)} == set()


def test_imports_point_down_the_road():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("import-linter is not installed")
    ran = subprocess.run([command, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout
