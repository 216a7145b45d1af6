"""Whatever a configuration says: it is one, or each problem with it is one clear line; none of it runs or hangs."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hostile import BYTES, ODD, TEXT, budget, clear_errors, contents
from translator.cli import main
from translator.config.load import MOST_BYTES, MOST_PARENTS, dump_config, load_config
from translator.config.schema import Config, ConfigError
from translator.config.yaml_text import MOST_NESTED

MINIMAL: dict[str, Any] = {"data": {"train": "a.{lang}", "validation": "b.{lang}"}, "train": {"max_steps": 5000}}
# What YAML is made of, its odder parts foremost; the rest is what a value may be.
YAML = st.lists(
    st.sampled_from(
        [
            *("data: ", "train: ", "model: ", "max_steps: ", "files: ", "extends: ", "? ", "- ", ": ", ", ", "<<: "),
            *("{", "}", "[", "]", "|\n  ", ">-\n  ", "# ", "---\n", "...\n", "%YAML 9.9\n", "%TAG ! x\n", "\n", "\n  "),
            *("&a ", "*a", "!!python/name:os.system ", "!!python/object/new:int ", "!!int ", "!!set ", "!!binary "),
            "! ",
            *('"\\ud800"', '"\\0"', '"\\U0010ffff"', "0x" + "f" * 5000, "9" * 5000, "1" + ":59" * 900, "1e999", ".nan"),
            *("-.inf", "~", "0o17", "2026-13-45", "5", "pre", "'"),
        ]
    )
    | TEXT,
    max_size=12,
).map("".join)
KEYS = st.sampled_from(
    [
        *("train.max_steps", "train.seed", "train.learning_rate", "train.devices", "train.batch_tokens", "extends"),
        *("data.source", "data.root", "data.train", "model.d_model", "search.max_length_factor", "", "."),
    ]
)


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    path = tmp_path / "minimal.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    return path


def loads_or_is_clear(path: Path, *overrides: str) -> None:
    """Checks that a configuration loads, and loads again from what is saved of it, or that its problems are lines."""
    before = contents(path.parent)
    with clear_errors(ConfigError):
        config = load_config(path, overrides)
        saved = path.parent / "saved.yaml"
        saved.write_text(dump_config(config), encoding="utf-8")
        assert load_config(saved) == config
        saved.unlink()
    assert contents(path.parent) == before


def problem_of(path: Path, *overrides: str) -> str:
    """The one line that loading ends in, and soon."""
    start = time.process_time()
    with clear_errors(ConfigError) as lines:
        load_config(path, overrides)
    assert time.process_time() - start < 3
    (line,) = lines
    return line


@budget(150)
@given(content=BYTES | YAML.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_configuration_or_clear_lines(content: bytes, tmp_path: Path):
    (tmp_path / "any.yaml").write_bytes(content)
    loads_or_is_clear(tmp_path / "any.yaml")


@budget(150)
@given(key=KEYS | TEXT, value=YAML)
@example(key="data.source", value='"\\ud800"')
@example(key="model.norm", value="0x" + "f" * 9000)
@example(key="train.max_steps", value="0x" + "f" * 9000)
def test_any_override_is_taken_or_clear_lines(key: str, value: str, minimal: Path):
    loads_or_is_clear(minimal, f"{key}={value}")


@budget(50)
@given(text=TEXT.filter(lambda text: "\0" not in text))
@example(text="model.norm=[/b]\n\x1b[2J:smile:")
def test_the_command_ends_any_override_in_code_0_or_2_and_never_in_a_traceback(
    text: str, minimal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["translator", "config", str(minimal), f"--set={text}"])
    with pytest.raises(SystemExit) as caught:
        main()
    printed = capsys.readouterr()
    assert caught.value.code in (0, 2)
    if caught.value.code == 2:
        assert printed.out == ""
        assert printed.err.startswith("--set ")
        assert printed.err.count("\n") == 1
        assert printed.err[:-1].isprintable()
        assert printed.err.count(":smile:") >= (":smile:" in text), "no emoji in its place"


# Bombs


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[[a]: "])
def test_what_is_nested_without_end_is_one_line_at_once(tmp_path: Path, opening: str):
    path = tmp_path / "deep.yaml"
    path.write_text(opening * (MOST_BYTES // len(opening)))
    assert problem_of(path) == f"{path}: nested more than {MOST_NESTED} levels deep; no setting is"


def test_no_alias_is_ever_expanded(tmp_path: Path):
    path = tmp_path / "laughs.yaml"
    path.write_text("a0: &a0 ha\n" + "".join(f"a{i + 1}: &a{i + 1} [{f'*a{i}, ' * 9}]\n" for i in range(40)))
    assert "YAML anchors (&name) and aliases (*name) are not supported" in problem_of(path)


@pytest.mark.parametrize("text", ["a, " * 30_000, "x: 1\n" * 20_000, "'" + "\n" * 70_000, "&a " * 30_000])
def test_a_file_of_more_bytes_than_any_configuration_is_not_read(tmp_path: Path, text: str):
    path = tmp_path / "long.yaml"
    path.write_text(text)
    assert problem_of(path) == f"{path} cannot be read: More than {MOST_BYTES:,} bytes"


@pytest.mark.parametrize("parts", [MOST_NESTED + 1, 5000])
def test_a_key_of_endless_parts_is_one_line(minimal: Path, parts: int):
    override = ".".join(["a"] * parts) + "=1"
    assert f"unknown key; no key has {parts} parts" in problem_of(minimal, override, override)


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**30])
def test_a_number_of_more_than_64_bits_is_refused_by_its_place(minimal: Path, number: int):
    assert "an integer of more than 64 bits" in problem_of(minimal, f"train.max_steps={number}")


@pytest.mark.parametrize(
    "override",
    ["train.seed=4294967296", "data.train={tsv: a, weight: 1e300}", "model.d_model=65538", "search.beam_size=1001"],
)
def test_a_number_that_no_machine_has_room_for_is_refused(minimal: Path, override: str):
    assert ": input should be less than " in problem_of(minimal, override)


# Code


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [{proof}]",
        "!!python/object/apply:os.system ['touch {proof}']",
        "!!python/object/new:pathlib.PosixPath [{proof}]",
        "!!python/object:translator.config.Config {{}}",
        "!!python/name:os.system ''",
        "!!python/module:antigravity ''",
    ],
)
def test_a_tag_that_names_python_is_one_line_and_runs_nothing(minimal: Path, tag: str):
    proof = minimal.parent / "proof"
    assert "YAML tags (!name) are not supported" in problem_of(minimal, f"data={tag.format(proof=proof)}")
    minimal.write_text(f"data: {tag.format(proof=proof)}")
    assert str(minimal) in problem_of(minimal)
    assert not proof.exists()
    assert "antigravity" not in sys.modules


# What would be taken for something else than was meant


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path: Path):
    path = tmp_path / "twice.yaml"
    path.write_text(yaml.safe_dump(MINIMAL) + "model: {d_model: 64, d_ff: 64, d_model: 128}\n")
    assert problem_of(path).startswith(f"{path}: line 6, column 32, ")
    assert problem_of(path).endswith(": duplicate key d_model")


def test_the_same_key_in_two_places_is_taken(minimal: Path):
    config = load_config(minimal, ["data.train=[{tsv: a}, {tsv: b}]"])
    assert [corpus.tsv for corpus in config.data.train] == ["a", "b"]


def test_a_byte_order_mark_is_no_part_of_the_first_key(minimal: Path):
    minimal.write_bytes(b"\xef\xbb\xbf" + minimal.read_bytes())
    assert isinstance(load_config(minimal), Config)


# Files that extend others


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/tty", "pipe", ".", "loop", "../" * 3000, "a\0b", "\ud800"])
def test_extending_what_is_no_file_is_one_line_at_once(minimal: Path, name: str):
    os.mkfifo(minimal.parent / "pipe")
    (minimal.parent / "loop").symlink_to(minimal.parent / "loop")
    minimal.write_text(yaml.safe_dump(MINIMAL | {"extends": name}))
    assert re.search(" cannot be read: | is a folder, not a configuration$", problem_of(minimal))


def test_a_pipe_is_no_configuration_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert problem_of(tmp_path / "pipe.yaml") == f"{tmp_path / 'pipe.yaml'} cannot be read: Not a regular file"


def test_a_file_that_extends_itself_by_another_name_is_found_out(minimal: Path):
    (minimal.parent / "other.yaml").symlink_to(minimal)
    minimal.write_text(yaml.safe_dump(MINIMAL | {"extends": "other.yaml"}))
    assert "other.yaml extends itself, through " in problem_of(minimal)


def test_an_endless_chain_of_files_is_one_line(tmp_path: Path):
    for i in range(2000):
        (tmp_path / f"{i}.yaml").write_text(yaml.safe_dump(MINIMAL | {"extends": f"{i + 1}.yaml"}))
    message = f"{tmp_path / '0.yaml'} extends more than {MOST_PARENTS} files"
    assert problem_of(tmp_path / "0.yaml").startswith(message)


@pytest.mark.parametrize("odd", ODD)
def test_no_name_of_a_file_breaks_the_line(tmp_path: Path, odd: str):
    path = tmp_path / f"none{odd.replace('/', '')}.yaml"
    problem_of(path)
