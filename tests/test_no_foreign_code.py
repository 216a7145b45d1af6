"""Nothing that is read can run: no module here calls what would make code of data."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("translator", "scripts") for path in (ROOT / folder).rglob("*.py"))
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "code", "runpy"}
CALLS = {
    "eval", "exec", "compile", "__import__",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all",
}  # fmt: skip
# What opens a graph, or a library of operations, which can then run.
GRAPHS = {"saved_model.load", "saved_model.load_v2", "load_model", "TFSMLayer", "import_graph_def", "import_meta_graph",
          "load_op_library", "load_library"}  # fmt: skip
# The one function that does, for a graph that the user named as such, and who may call it.
OPENS_GRAPHS = ("translator/decoding/engines/saved_model.py", "open_graph")
MAY_OPEN_GRAPHS = {
    ("translator/decoding/translator.py", "load_exported"),
    ("translator/export/probe.py", "_saved_model"),
}
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
            names = [name for name in imported if name.split(".")[0] in MODULES or name in CALLS or opens_graph(name)]
        elif isinstance(node, ast.Call):
            names = [called] if (called := ast.unparse(node.func)) in CALLS else []
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in KEYWORDS:
                    names.append(ast.unparse(keyword))
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            names = [name] if opens_graph(name) or (node.attr in LOADERS and name.startswith("yaml.")) else []
        found += [f"line {getattr(node, 'lineno', 0)}: {name}" for name in names]
    return found


def opens_graph(name: str) -> bool:
    # `load_model` of our own reads arrays; a bare name is what its import, which is looked at too, says that it is.
    ours = name == "load_model" or name.startswith("translator.")
    return not ours and any(f".{name}".endswith(f".{opener}") for opener in GRAPHS)


def functions_with(path: Path, wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
    """The file and name of each function that mentions such a name."""
    return [
        (str(path.relative_to(ROOT)), function.name)
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute | ast.Name) and wanted(ast.unparse(node))
    ]


def test_graphs_are_opened_in_one_function_and_where_they_are_named():
    openers = [place for path in FILES for place in functions_with(path, opens_graph)]
    callers = [place for path in FILES for place in functions_with(path, lambda name: name == "open_graph")]
    named = [place for path in FILES for place in functions_with(path, lambda name: name.endswith(".load_exported"))]
    assert openers == [OPENS_GRAPHS]
    assert set(callers) == MAY_OPEN_GRAPHS
    assert named == [("translator/cli/translate.py", "_opened")]


def test_there_are_modules_to_look_at():
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_makes_no_code_of_data(path: Path):
    found = found_in(path.read_text(encoding="utf-8"))
    is_opener = str(path.relative_to(ROOT)) == OPENS_GRAPHS[0]
    assert [what.split(": ", 1)[1] for what in found] == ["tf.saved_model.load"] * is_opener


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from dill import loads", "import os, marshal", "eval('1')", "exec(text)",
        "import yaml\nyaml.load(text, yaml.SafeLoader)", "from yaml import unsafe_load", "yaml.UnsafeLoader",
        "np.load(path, allow_pickle=True)", "torch.load(path, weights_only=False)",
        "tf.saved_model.load(path)", "load = tf.saved_model.load", "from tensorflow.saved_model import load",
        "tf.compat.v1.saved_model.load(path)", "keras.models.load_model(path)", "keras.layers.TFSMLayer(path)",
        "from keras.models import load_model", "tf.load_op_library(path)",
    ],
)  # fmt: skip
def test_what_would_is_found(source: str):
    assert len(found_in(source)) == 1


@pytest.mark.parametrize("source", ["re.compile('a')", "yaml.safe_load(text)", "np.load(path)", "model.eval()"])
def test_what_would_not_is_not(source: str):
    assert found_in(source) == []
