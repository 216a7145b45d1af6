"""Whether a format holds a model: which settings it has, with which values."""

from collections.abc import Mapping
from typing import Any

from translator.config.schema import ModelConfig
from translator.config.section import Section


def not_held(
    program: str,
    config: ModelConfig,
    held: Mapping[str, tuple[Any, ...]],
    held_attention: Mapping[str, tuple[Any, ...]],
) -> str | None:
    """The first setting that a program has nothing for, by name; None if it can hold the model.

    Args:
        program: what it is called.
        config: of the model.
        held: the settings of `model` that it has, with the values; () for any. Others must have their default.
        held_attention: the same of the settings in each place of `model.attention`.
    """
    sections: list[tuple[str, Section, Mapping[str, tuple[Any, ...]]]] = [("model", config, {**held, "attention": ()})]
    sections += [(f"model.attention.{place}", each, held_attention) for place, each in config.attention.in_places()]
    for key, section, known in sections:
        for name, field in type(section).model_fields.items():
            value, default = getattr(section, name), field.get_default(call_default_factory=True)
            if isinstance(value, tuple) and len(set(value)) == 1:
                value = value[:1]  # the same for each layer is one for all
            if name not in known and value != default:
                shown = list(value) if isinstance(value, tuple) else value
                return f"{program} has nothing for {key}.{name} {shown}"
            if known.get(name) and value not in known[name]:
                return f"{program} has no {key}.{name} {value}; it has {', '.join(map(str, known[name]))}"
    return None
