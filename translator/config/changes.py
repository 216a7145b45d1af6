"""The differences between two configurations, setting by setting."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

from translator.config.section import MayChange, Section, may_change
from translator.config.yaml_text import shown

MOST_SHOWN = 60  # characters of a value


class Change(NamedTuple):
    """A setting whose value has changed; as a string: `train.seed was 1 and is 2`."""

    key: str
    before: Any
    now: Any
    may_change: MayChange

    def __str__(self) -> str:
        values = repr(self.before), repr(self.now)
        alike = next((i for i, (one, other) in enumerate(zip(*values, strict=False)) if one != other), 0)
        before, now = (_around(alike, value) for value in values)
        return f"{self.key} was {before} and is {now}"


def changes(before: Any, now: Any, key: str = "", until: MayChange = MayChange.UNTIL_VOCABULARY) -> Iterator[Change]:
    """Yields the settings that differ, in reading order, but for idle ones; corpora are compared setting by setting.

    Args:
        before: A configuration, or the value of one of its settings.
        now: Its present state.
        key: The setting's dotted key; "" for a configuration.
        until: Until when it may change.
    """
    if isinstance(before, Section) and isinstance(now, Section):
        idle = before.idle & now.idle
        for name, field in type(before).model_fields.items():
            if name in idle:
                continue
            inner = f"{key}.{name}" if key else name
            yield from changes(getattr(before, name), getattr(now, name), inner, may_change(field, until))
    elif isinstance(before, tuple) and isinstance(now, tuple) and len(before) == len(now):
        for index, values in enumerate(zip(before, now, strict=True)):
            yield from changes(*values, f"{key}.{index}" if len(before) > 1 else key, until)
    elif before != now:
        yield Change(key, _plain(before), _plain(now), until)


class Setting(NamedTuple):
    """A setting that is not at its default."""

    key: str
    value: Any
    default: Any  # None of what has no default, too

    @property
    def value_text(self) -> str:
        """The value as a configuration file has it, strings without quotes."""
        return _text(self.value)

    @property
    def default_text(self) -> str:
        """The default likewise; empty where there is none."""
        return "" if self.default in (None, []) else _text(self.default)


def chosen(section: Section, prefix: str = "") -> Iterator[Setting]:
    """Yields the settings of a configuration that are not at their defaults, in reading order."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from chosen(value, f"{prefix}{name}.")
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if field.is_required() or value != default:
            yield Setting(f"{prefix}{name}", _plain(value), _plain(default))


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | PurePath) else shown(value)


def _plain(value: Any) -> Any:
    """The value as a configuration file has it, without unset keys."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.model_dump(mode="json", exclude_defaults=True) if isinstance(value, Section) else value


def _around(position: int, text: str) -> str:
    """The part of a text around a position, at most `MOST_SHOWN` characters."""
    start = max(0, min(position, len(text)) - MOST_SHOWN // 2) if len(text) > MOST_SHOWN else 0
    return "…" * (start > 0) + text[start : start + MOST_SHOWN] + "…" * (len(text) > start + MOST_SHOWN)
