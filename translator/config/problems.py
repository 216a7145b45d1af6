"""Problems of a configuration, one line each: the file, the key, what was expected and what was found."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from translator.config.names import OTHER_NAMES
from translator.config.schema import Config
from translator.config.section import Section, keys_of, section_of, types_in
from translator.config.yaml_text import not_text, shown

# Pydantic's names for the branches of "a number or auto" in the locations of its errors.
NUMBER_BRANCH, AUTO_BRANCH = "constrained-int", "literal['auto']"

OVERRIDE = "--set "  # how the origin of a setting begins that no file has


def problem(details: Any, origins: dict[str, str], path: str) -> str:
    """One line for one of pydantic's errors: file, key, what was expected and what was found."""
    location = [part for part in details["loc"] if part != NUMBER_BRANCH and not str(part).startswith("function-")]
    key = ".".join(str(part) for part in location)
    # Pydantic's location of a corpus has an index, but a file with a single corpus has none.
    places = (location[:length] for length in range(len(location), 0, -1))
    known = (".".join(map(str, parts)) for place in places for parts in (place, _names(place)))
    where = next((origins[name] for name in known if name in origins), path)
    if details["type"] == "value_error":
        where = _with_overrides(where, _names(location), origins)
    if details["type"] == "extra_forbidden":
        return f"{where}: unknown key {key}; {_known_key(location)}"
    if details["type"] == "missing":
        return f"{where}: {key} is missing"
    return f"{where}: {key + ': ' if key else ''}{_said(details, location, where)}"


def _with_overrides(where: str, section: Sequence[str], origins: Mapping[str, str]) -> str:
    """Where settings come from that do not go together: a file, and what was set in the section beside it."""
    inside = (origin for key, origin in origins.items() if key.split(".")[: len(section)] == list(section))
    overrides = dict.fromkeys(origin for origin in inside if origin.startswith(OVERRIDE) and origin != where)
    return " and ".join([where, *overrides])


def _said(details: Any, location: Sequence[Any], where: str) -> str:
    """The message of one of pydantic's errors, and the value that was found."""
    kind, value = details["type"], details["input"]
    key = ".".join(map(str, location))
    message = details["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "value_error":
        return message
    if kind in ("string_type", "path_type"):
        by_override = where.startswith(f"--set {key}=") and not isinstance(value, dict)
        how = f'--set "{key}={{}}"' if by_override else f"{location[-1]}: {{}}"
        written = where.partition("=")[2].strip() if by_override and not isinstance(value, list) else None
        return not_text(value, how if isinstance(location[-1], str) else "{}", written)
    if kind in ("model_type", "model_attributes_type"):
        message = "expected keys and values, with a space after each colon"
    return f"{message}; found {shown(value):.80}{_how_to_leave_out(location, value)}"


def _how_to_leave_out(location: Sequence[Any], value: Any) -> str:
    """A hint for values that probably mean null, where a setting allows null."""
    field = _section_around(location).model_fields.get(".".join(map(str, location[-1:])))
    is_meant = value is False or str(value).lower() in ("none", "no", "off", "false")
    return "; use null to leave it out" if is_meant and field and type(None) in types_in(field.annotation) else ""


def _known_key(location: Sequence[Any]) -> str:
    """The key that an unknown one probably stands for: another tool's name, another section, or a misspelling."""
    name = str(location[-1])
    if missing_space := re.fullmatch(r"([\w.]+):(.+)", name):
        return f"a colon needs a space after it: `{missing_space[1]}: {missing_space[2]}`"
    plain = name.lower().replace("-", "_")
    siblings = list(_section_around(location).model_fields)
    elsewhere = [key for key in keys_of(Config) if key.endswith(f".{plain}")]
    if plain not in siblings and (ours := OTHER_NAMES.get(plain) or " or ".join(elsewhere)):
        section = ".".join(_names(location[:-1]))
        return "did you mean {}?".format(re.sub(rf"(?<![\w.]){re.escape(section)}[.](?=\w+\b(?!\.))", "", ours))
    near = difflib.get_close_matches(plain, siblings, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known keys here: {', '.join(siblings)}"


def _names(location: Sequence[Any]) -> list[str]:
    return [part for part in location if isinstance(part, str)]


def _section_around(location: Sequence[Any]) -> type[Section]:
    """The section that contains the last part of a key."""
    section: type[Section] = Config
    for part in location[:-1]:
        if isinstance(part, str) and part in section.model_fields:
            section = section_of(section.model_fields[part].annotation) or section
    return section
