"""Reads README.md and docs/, and says what of the commands on a page does not exist.

In commands, words in capitals stand for what the reader fills in: `translator train CONFIG`.
"""

import ast
import functools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from translator.config.load import load_config
from translator.config.schema import Config, ConfigError
from translator.config.section import keys_of

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = set(keys_of(Config))
PLACEHOLDER = re.compile(r"[A-Z]+(=[A-Z]+)?")
PROGRAMS = ("make", "translator", "python", "python3", "pip")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str


@functools.cache
def parts(page: Path) -> tuple[list[Block], str]:
    """The fenced blocks of a page, and the text outside of them."""
    blocks: list[Block] = []
    prose: list[str] = []
    open_block: tuple[str, list[str]] | None = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```") and open_block is None:
            open_block = (line[3:], [])
        elif line == "```" and open_block is not None:
            blocks.append(Block(open_block[0], "\n".join(open_block[1]) + "\n"))
            open_block = None
        else:
            (prose if open_block is None else open_block[1]).append(line)
    assert open_block is None, f"{page.name}: a block of code is not closed"
    return blocks, "\n".join(prose)


def inline_code(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", parts(page)[1])


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", parts(page)[1], re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@dataclass(frozen=True)
class Command:
    """A simple command of a shell, without what it is piped from or into."""

    words: tuple[str, ...]
    shown_output: str = ""

    def __str__(self) -> str:
        return " ".join(self.words)


def commands(page: Path) -> Iterator[Command]:
    """The commands in the blocks of a page and in its inline code."""
    for block in parts(page)[0]:
        if block.language == "sh":
            yield from simple_commands(block.text)
        elif block.language == "console":
            typed = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
            yield from simple_commands("\n".join(typed), block.text)
    for code in inline_code(page):
        if code.split()[0] in PROGRAMS and " " in code:
            yield from simple_commands(re.sub(r"[\[\]…]", " ", code))


def simple_commands(text: str, shown_output: str = "") -> Iterator[Command]:
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|;&<>"):
                # From the program on: variables before it and launchers such as srun are not ours.
                names = [Path(word).name for word in words]
                if start := next((i + 1 for i, name in enumerate(names) if name in PROGRAMS), 0):
                    yield Command((names[start - 1], *words[start:]), shown_output)
                words = []
            else:
                words.append(word)


def problems(command: Command, page: Path) -> list[str]:
    """What a command asks for that does not exist."""
    program, *words = command.words
    words = [word for word in words if not PLACEHOLDER.fullmatch(word)]
    if program == "make":
        return problems_of_make(words, command, page)
    if program == "pip":
        return problems_of_pip(words)
    if program == "translator":
        return problems_of_translator(words, command, page)
    if words[:2] == ["-m", "translator"]:
        return problems_of_translator(words[2:], command, page)
    script = ROOT / words[0]
    if not script.is_file():
        return [f"no script {words[0]}"]
    source = script.read_text(encoding="utf-8")
    known = {name for call in ast.walk(ast.parse(source)) if isinstance(call, ast.Call) for name in options_added(call)}
    if "argparse.REMAINDER" in source:  # the rest is handed to `translator train`
        known |= help_of("train")
    return [f"{words[0]} has no option {word}" for word in words[1:] if word.startswith("-") and word not in known]


def options_added(call: ast.Call) -> list[str]:
    """The names of an option that a call of `add_argument` declares."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"):
        return []
    return [value.value for value in call.args if isinstance(value, ast.Constant) and isinstance(value.value, str)]


def problems_of_make(words: list[str], command: Command, page: Path) -> list[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    found = [f"make has no target {word}" for word in words if "=" not in word and word not in targets]
    found += [f"make knows no {name}" for name in variables if not re.search(rf"^{name} \?=", makefile, re.MULTILINE)]
    if "train" in words:
        config = variables.get("CONFIG", "configs/quickstart.yaml")
        found += problems_of_config(config, variables.get("SET", "").split(), command, page)
    given = variables.get("ARGS", "").split()
    if "eval" in words:
        found += problems_of_translator(["eval", *given], command, page)
    return found + [f"no file {word}" for word in given if word.startswith("tests/") and not (ROOT / word).exists()]


def problems_of_pip(words: list[str]) -> list[str]:
    """pip may install this checkout alone: `translator` on PyPI is another project."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(re.findall(r"^(\w+) = \[\"", project, re.MULTILINE))
    found = []
    for word in words[1:]:
        if match := re.fullmatch(r"\.(?:\[(\w+)\])?", word):
            found += [] if match[1] is None or match[1] in extras else [f"pyproject.toml has no extra {match[1]}"]
        elif not word.startswith("-"):
            found.append(f"pip would install {word} from PyPI")
    return found


def problems_of_translator(words: list[str], command: Command, page: Path) -> list[str]:
    subcommand = "" if not words or words[0].startswith("-") else words.pop(0)
    known = help_of(subcommand)
    if not known:
        return [f"translator has no command {subcommand}"]
    options = [word for word in words if word[:1] == "-" and word != "-"]
    found = [f"translator {subcommand} has no option {word}" for word in options if word not in known]
    settings, files, after = [], [], ""
    for word in words:
        if word.startswith("--"):
            after = word
        elif after == "--set":
            settings.append(word)
        elif not after:
            files.append(word)
    if subcommand in ("train", "prepare", "config") and files:
        return found + problems_of_config(files[0], settings, command, page)
    keys = [setting.partition("=")[0] for setting in settings]
    return found + [f"no setting {key}" for key in keys if key not in SETTINGS]


@functools.cache
def help_of(subcommand: str) -> set[str]:
    """The options of a subcommand, or of `translator` itself; none where it does not exist."""
    command = [sys.executable, "-m", "translator", *subcommand.split(), "--help"]
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", ran.stdout)) if ran.returncode == 0 else set()


def problems_of_config(name: str, settings: list[str], command: Command, page: Path) -> list[str]:
    """A configuration must be in the repository, or be shown on the page under a comment with its name."""
    shown = [block.text for block in parts(page)[0] if block.text.startswith(f"# {name}\n")]
    if shown or name.startswith("runs/"):
        return []
    try:
        load_config(ROOT / name, settings)
    except ConfigError as error:  # no problem if the page says so
        lines = str(error).replace(f"{ROOT}/", "").splitlines()
        return [line for line in lines if line not in command.shown_output.splitlines()]
    return []
