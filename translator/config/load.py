"""Reads configurations: YAML files, what they extend, and `key=value` overrides; all problems are reported together."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pydantic

from translator.config.corpora import CORPORA, as_corpora
from translator.config.problems import AUTO_BRANCH, problem
from translator.config.schema import Config, ConfigError
from translator.config.yaml_text import MOST_NESTED, YamlError, dump_yaml, parse_yaml, shown
from translator.errors import shell_quoted
from translator.files import read_file, write_file
from translator.text_files import what_else_it_is

# What runs had that were written before a setting existed. Theirs is a resolved configuration, which lists every key:
# one that is missing did not exist.
BEFORE_IT_EXISTED: Mapping[str, Any] = MappingProxyType({"model.layer_norm_epsilon": 1e-6})

# A file beyond these limits is not a configuration.
MOST_BYTES = 2**16
MOST_PARENTS = 32  # files that extend one another


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file, what it extends, and `key.path=value` overrides.

    Raises:
        ConfigError: Lists every problem, each with its key and the file or override that it comes from.
    """
    tree, origins = _read_with_parents(path, ())
    for override in overrides:
        _override(tree, *_key_and_value(override), origins, f"--set {override}")
    return _validated(tree, origins, str(path))


def require_set_once(overrides: Sequence[str]) -> None:
    """Raises a ConfigError for an override that takes back what another one sets, or that is none.

    `load_config` takes the last one, so that a program can lay the user's overrides over its own.
    """
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    set_by: dict[str, str] = {}
    for override in overrides:
        keys, value = _key_and_value(override)
        _override(tree, keys, value, origins, f"--set {override}")
        for key, earlier in set_by.items():
            if origins.get(key) != f"--set {earlier}":
                raise ConfigError(f"--set {override}: --set {earlier} has set {key} already; leave one of them out")
        set_by |= dict.fromkeys(_leaves(".".join(keys), value), override)


def load_resolved_config(path: Path) -> Config:
    """Reads what `save_config` wrote, be it an earlier version's.

    Raises:
        ConfigError: naming every problem found.
    """
    tree, origins = _read_with_parents(path, ())
    for key, value in BEFORE_IT_EXISTED.items():
        section, name = key.split(".")
        if isinstance(tree.get(section), dict):
            tree[section].setdefault(name, value)
    return _validated(tree, origins, str(path))


def with_unset_of(config: Config, resolved: Config) -> Config:
    """The settings of `BEFORE_IT_EXISTED` as a run has them, where a configuration for it does not set them itself."""
    for key in BEFORE_IT_EXISTED:
        section, name = key.split(".")
        settings = getattr(config, section)
        if name not in settings.model_fields_set:
            own = getattr(getattr(resolved, section), name)
            config = config.model_copy(update={section: settings.model_copy(update={name: own})})
    return config


def save_config(config: Config, path: Path) -> None:
    """Writes the resolved configuration; `load_config` gives an equal one back."""
    write_file(path, dump_config(config).encode())


def dump_config(config: Config) -> str:
    """The resolved configuration as YAML, every key present."""
    return dump_yaml(config.model_dump(mode="json"))


def _read_with_parents(path: Path, children: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """Reads a file and merges it into the one that it extends; `origins` maps each key to its file."""
    try:
        resolved = Path(os.path.realpath(path))
        if resolved in children:
            raise ConfigError(f"{path} extends itself, through {' → '.join(str(child) for child in children)}")
        if len(children) > MOST_PARENTS:
            raise ConfigError(f"{children[0]} extends more than {MOST_PARENTS} files, through {children[1]}")
        if path.is_dir():
            raise IsADirectoryError
        content = read_file(path, MOST_BYTES)
        if what := what_else_it_is(content, path):
            raise ConfigError(f"{path} {what}")
        text = content.decode("utf-8")
    except IsADirectoryError:
        raise ConfigError(_not_a_folder(path)) from None
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.yaml")], 1)
        hint = f"; did you mean {path.parent / near[0]}?" if near else ""
        raise ConfigError(f"there is no configuration {path}{hint}") from None
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1}, 0x{error.object[error.start]:02x}"
        raise ConfigError(f"{path} cannot be read: {byte}, is not UTF-8; save the file in UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: not a valid file name
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    own = _parsed(text, str(path))
    if not isinstance(own, dict):
        raise ConfigError(
            f"{path} must consist of keys and values, as in `train: {{max_steps: 1000}}`; found {shown(own):.80}"
        )
    parent = own.pop("extends", None)
    if parent is not None and not isinstance(parent, str):
        raise ConfigError(f"{path}: extends names one file; found {shown(parent):.80}")
    tree, origins = _read_with_parents(path.parent / parent, (*children, resolved)) if parent else ({}, {})
    _merge(tree, own, origins, str(path))
    return tree, origins


def _not_a_folder(path: Path) -> str:
    own = path / "config.yaml"
    hint = f"; the run in it is resumed with {shell_quoted(own)} --run {shell_quoted(path)}" if own.is_file() else ""
    return f"{path} is a folder, not a configuration{hint}"


def _parsed(text: str, where: str, hint: str = "") -> Any:
    try:
        return parse_yaml(text)
    except YamlError as error:
        raise ConfigError(f"{where}: {error}{hint}") from error


def _key_and_value(override: str) -> tuple[list[str], Any]:
    """The parts of an override's key, and its value."""
    key, equals, text = override.partition("=")
    keys = key.split(".")
    if not equals or not key:
        raise ConfigError(f"--set {override}: expected key=value, as in train.max_steps=1000")
    if len(keys) > MOST_NESTED:
        raise ConfigError(f"--set {override}: unknown key; no key has {len(keys)} parts")
    hint = f'; in the shell, put the whole argument in quotes as well: --set "{key}=…"'
    return keys, _parsed(text, f"--set {override}", hint)


def _leaves(key: str, value: Any) -> Iterator[str]:
    """The keys of all that is no mapping in a value."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key


def _override(tree: dict[str, Any], keys: Sequence[str], value: Any, origins: dict[str, str], origin: str) -> None:
    """Sets a value in `tree` at the path given by its keys, which may lead into a corpus."""
    for depth, key in enumerate(keys[:-1], 1):
        path = ".".join(keys[:depth])
        origins.setdefault(path, origin)
        inner = tree.get(key)
        if path in CORPORA and len(as_corpora(inner)) == 1:
            (inner,) = as_corpora(inner)
        if not isinstance(inner, dict | None):
            raise ConfigError(f"{origin}: {path} is {shown(inner)}, which has no keys; set {path} as a whole")
        tree[key] = inner or {}
        tree = tree[key]
    _merge(tree, {keys[-1]: value}, origins, origin, "".join(f"{key}." for key in keys[:-1]))


def _merge(tree: dict[str, Any], over: dict[str, Any], origins: dict[str, str], origin: str, prefix: str = "") -> None:
    """Merges `over` into `tree`: mappings key by key; anything else, including a corpus, is replaced as a whole."""
    for key, value in over.items():
        path = f"{prefix}{key}"
        both = isinstance(value, dict) and isinstance(tree.get(key), dict)
        if path in CORPORA or not both:
            tree[key] = {} if isinstance(value, dict) else value
            for replaced in [name for name in origins if name.startswith(f"{path}.")]:
                del origins[replaced]
        origins[path] = origin
        if isinstance(value, dict):
            _merge(tree[key], value, origins, origin, f"{path}.")


def _validated(tree: dict[str, Any], origins: dict[str, str], path: str) -> Config:
    try:
        return Config.model_validate(tree)
    except pydantic.ValidationError as error:
        problems = [
            problem(details, origins, path) for details in error.errors() if details["loc"][-1:] != (AUTO_BRANCH,)
        ]
        raise ConfigError(*dict.fromkeys(problems)) from None
