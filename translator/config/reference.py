"""The reference of all settings, made from their types and docstrings."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from translator.config.corpora import CorpusConfig
from translator.config.schema import Config
from translator.config.section import MayChange, Section, may_change, section_of

UNTIL = {
    MayChange.UNTIL_VOCABULARY: "until the run has a vocabulary",
    MayChange.UNTIL_CHECKPOINT: "until the run has a checkpoint",
    MayChange.ALWAYS: "at any time",
}


def describe_settings(
    section: type[Section] = Config, prefix: str = "", until: MayChange = MayChange.UNTIL_VOCABULARY
) -> Iterator[tuple[str, str, str, str, str]]:
    """Yields (key, type, default, documentation, until when it may change) of every setting, in reading order.

    `until` says until when the settings of the section may change.
    """
    for name, field in section.model_fields.items():
        inner, its_until = section_of(field.annotation), may_change(field, until)
        # A corpus may stand in three places; its keys are described once.
        if inner is not None and (inner is not CorpusConfig or name == "train"):
            yield from describe_settings(inner, f"{prefix}{name}.", its_until)
        if inner is not None and inner is not CorpusConfig:
            continue
        default = (
            "required"
            if field.is_required()
            else yaml.safe_dump(_plain(field.default), default_flow_style=True).split("\n")[0]
        )
        text = " ".join((field.description or "").split())
        yield f"{prefix}{name}", _type_name(field.annotation), default, text, UNTIL[its_until]


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
        return "corpus or list of corpora" if arguments[0] is CorpusConfig else "list of " + _type_name(arguments[0])
    if origin is dict:
        return "mapping to " + _type_name(arguments[1])
    if arguments:
        names_of = [_type_name(argument) for argument in arguments]
        inside = ("list of ", "mapping to ")
        return " or ".join(f"({name})" if name.startswith(inside) and " or " in name else name for name in names_of)
    names = {type(None): "null", Path: "path", str: "text", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
