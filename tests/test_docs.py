"""README.md and docs/ against the code: every link leads somewhere, and what they tell a reader to type exists."""

import ast
import functools
import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.documentation import ROOT, SETTINGS, anchors, commands, inline_code, parts, problems, simple_commands
from translator.config.load import load_config

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
LANGUAGES = {"sh", "console", "yaml", "python", "pycon", "text"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
each_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)


@functools.cache
def names_in(module: str) -> set[str]:
    """What can be imported from a module, read from its source without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None, f"no module {module}"
    assert spec.origin is not None
    source = Path(spec.origin)
    submodules = {path.stem for path in source.parent.glob("*")} if source.name == "__init__.py" else set()
    return submodules | names_of(ast.parse(source.read_text(encoding="utf-8")).body)


def names_of(body: list[ast.stmt]) -> set[str]:
    """The names that statements define; those in `__all__` may come with the first use."""
    names: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names.add(statement.target.id)
        elif isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
            if "__all__" in names:
                names |= set(ast.literal_eval(statement.value))
    return names


@functools.cache
def members_of_classes() -> set[str]:
    """The methods and fields of all classes of the package."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "translator").rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return set().union(*(names_of(node.body) for node in classes))


@pytest.mark.parametrize(("page", "most"), [(page, 150 if page == README else 250) for page in PAGES])
def test_a_page_is_short(page, most):
    assert len(page.read_text(encoding="utf-8").splitlines()) <= most


@each_page
def test_every_link_leads_somewhere(page):
    prose = re.sub(r"`[^`\n]+`", "", parts(page)[1])
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if link.startswith("https://"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_linked_from_the_readme():
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in parts(README)[1]] == []


def test_the_pictures_are_small_and_well_formed():
    for picture in (ROOT / "docs").glob("*.svg"):
        assert picture.stat().st_size < 60_000
        assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"


@each_page
def test_every_block_of_code_says_what_it_is(page):
    blocks, prose = parts(page)
    assert {block.language for block in blocks} <= LANGUAGES
    assert re.findall(r"\n\n {4}.*", prose) == []  # indented code, which no other test would see


@each_page
def test_every_command_exists(page):
    assert [f"{command}: {problem}" for command in commands(page) for problem in problems(command, page)] == []


@each_page
def test_every_configuration_shown_is_one(page, tmp_path):
    for number, block in enumerate(block for block in parts(page)[0] if block.language == "yaml"):
        extends = f"extends: {ROOT}/configs/"
        own = re.sub(r"^extends: ", extends, block.text, flags=re.MULTILINE)
        path = tmp_path / f"{number}.yaml"
        path.write_text(own if own != block.text else f"{extends}quickstart.yaml\n{own}", encoding="utf-8")
        load_config(path)


@each_page
def test_every_setting_named_exists(page):
    named = [
        re.match(r"((?:data|tokenizer|model|train|search)\.[a-z_.]+)(?:$|[=:])", code) for code in inline_code(page)
    ]
    keys = [
        match[1] for match in named if match and not match[1].endswith((".gz", ".json", ".safetensors", ".tsv", ".txt"))
    ]
    assert [key for key in keys if key not in SETTINGS] == []


@each_page
def test_every_file_of_the_repository_named_exists(page):
    paths = [
        code for code in inline_code(page) if re.fullmatch(r"(translator|configs|scripts|docs|tests)/[\w./]+", code)
    ]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@each_page
def test_what_python_blocks_use_exists(page):
    missing = []
    for block in parts(page)[0]:
        if block.language != "python":
            continue
        ours = "translator" in block.text  # not of another library alone
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.Import):
                missing += [alias.name for alias in node.names if importlib.util.find_spec(alias.name) is None]
            elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "translator":
                missing += [alias.name for alias in node.names if alias.name not in names_in(str(node.module))]
            elif isinstance(node, ast.Attribute) and ours and not ast.unparse(node).startswith("tf."):
                missing += [node.attr] if node.attr not in members_of_classes() else []
    assert missing == []


@each_config
def test_a_configuration_opens_with_command_hardware_time_and_score(config):
    head = config.read_text(encoding="utf-8").split("\n\n")[0]
    told = dict(re.findall(r"^# (Command|Hardware|Time|Score): +(.+)$", head, re.MULTILINE))
    assert list(told) == ["Command", "Hardware", "Time", "Score"]
    assert config.name in told["Command"] or config.stem == "quickstart"
    wrong = [problem for command in simple_commands(told["Command"]) for problem in problems(command, README)]
    assert wrong == []


@each_config
def test_the_readme_gives_the_score_that_the_configuration_gives(config):
    score = re.search(r"^# Score: +test BLEU ([\d.]+)", config.read_text(encoding="utf-8"), re.MULTILINE)
    command = "make train" if config.stem == "quickstart" else f"make train CONFIG=configs/{config.name}"
    (row,) = re.findall(rf"^\| `{re.escape(command)}` .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"| {score[1]} |" in row if score else "| not " in row
