"""Nothing that is read can run: no module here calls what would make code of data."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("translator", "scripts") for path in (ROOT / folder).rglob("*.py"))
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "code", "runpy"}
CALLS = {
    "eval", "exec", "compile", "__import__",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all",
}  # fmt: skip
LOADERS = {"Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"}
# Keywords that open the way to code: numpy.load, keras' load_model and deserializers, torch, datasets, subprocess.
KEYWORDS = {
    ("allow_pickle", True), ("safe_mode", False), ("weights_only", False), ("trust_remote_code", True), ("shell", True),
}  # fmt: skip


def found_in(source: str) -> list[str]:
    """What of the above a module has, with its lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [name for name in (alias.name for alias in node.names) if name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name for name in imported if name.split(".")[0] in MODULES or name in CALLS]
        elif isinstance(node, ast.Call):
            names = [called] if (called := ast.unparse(node.func)) in CALLS else []
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in KEYWORDS:
                    names.append(ast.unparse(keyword))
        elif isinstance(node, ast.Attribute) and node.attr in LOADERS and ast.unparse(node.value) == "yaml":
            names = [ast.unparse(node)]
        found += [f"line {getattr(node, 'lineno', 0)}: {name}" for name in names]
    return found


def test_there_are_modules_to_look_at():
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_makes_no_code_of_data(path: Path):
    assert found_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from dill import loads", "import os, marshal", "eval('1')", "exec(text)",
        "import yaml\nyaml.load(text, yaml.SafeLoader)", "from yaml import unsafe_load", "yaml.UnsafeLoader",
        "np.load(path, allow_pickle=True)", "keras.models.load_model(path, safe_mode=False)",
    ],
)  # fmt: skip
def test_what_would_is_found(source: str):
    assert len(found_in(source)) == 1


@pytest.mark.parametrize("source", ["re.compile('a')", "yaml.safe_load(text)", "np.load(path)", "model.eval()"])
def test_what_would_not_is_not(source: str):
    assert found_in(source) == []
