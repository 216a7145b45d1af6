"""What groups of settings are made of: typed fields with docstrings, and until when each may change in a run."""

import enum
import typing
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError


class MayChange(enum.IntEnum):
    """Until when a setting may change in the folder of a run, which first gets a vocabulary and then checkpoints."""

    UNTIL_VOCABULARY = 1
    UNTIL_CHECKPOINT = 2
    ALWAYS = 3


# The later of the marks on a setting and on the sections around it counts; without a mark, until the vocabulary.
Setting = TypeVar("Setting")
UntilCheckpoint = Annotated[Setting, MayChange.UNTIL_CHECKPOINT]
Always = Annotated[Setting, MayChange.ALWAYS]

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @property
    def idle(self) -> frozenset[str]:
        """The settings that nothing depends on while the others are as they are; these may change at any time."""
        return frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _booleans_are_not_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and annotation is not bool and not {int, float}.isdisjoint(types_in(annotation)):
            raise PydanticCustomError("number_type", "input should be a number")
        return value


def types_in(annotation: Any) -> Iterator[Any]:
    """The annotation and all annotations inside it."""
    yield annotation
    for argument in typing.get_args(annotation):
        yield from types_in(argument)


def keys_of(section: type[Section], prefix: str = "") -> Iterator[str]:
    """The dotted key of every setting in a section and its subsections."""
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}"
        if inner := section_of(field.annotation):
            yield from keys_of(inner, f"{prefix}{name}.")


def may_change(field: FieldInfo, around: MayChange) -> MayChange:
    """Until when a setting may change; `around` says it for the section that the setting is in."""
    return max([around, *(mark for mark in field.metadata if isinstance(mark, MayChange))])


def section_of(annotation: Any) -> type[Section] | None:
    """The section inside an annotation such as `tuple[Section, ...] | None`; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_of, typing.get_args(annotation))), None)
