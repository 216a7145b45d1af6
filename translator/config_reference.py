"""The reference of all settings, read off their types and docstrings."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from translator.config import Config, CorpusConfig, Section, section_of


def describe_settings(section: type[Section] = Config, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yields (key, type, default, documentation) of every setting, in reading order."""
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        # The keys of a corpus are told once, though there are three places for one.
        if inner is not None and (inner is not CorpusConfig or name == "train"):
            yield from describe_settings(inner, f"{prefix}{name}.")
        if inner is not None and inner is not CorpusConfig:
            continue
        default = (
            "required"
            if field.is_required()
            else yaml.safe_dump(_plain(field.default), default_flow_style=True).split("\n")[0]
        )
        yield f"{prefix}{name}", _type_name(field.annotation), default, " ".join((field.description or "").split())


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def _type_name(annotation: Any) -> str:
    """A type as a user reads it: `int or null`, `'pre' or 'post'`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(str(argument) for argument in arguments)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin in (list, tuple):
        return "list of " + _type_name(arguments[0])
    if arguments:
        return " or ".join(_type_name(argument) for argument in arguments)
    names = {type(None): "null", CorpusConfig: "corpus", Path: "path", str: "text", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
