"""How a command reads its arguments."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand

from translator.errors import TranslatorError


class Command(TyperCommand):
    """A command that refuses an option of one value that is given again; click would take the last one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments, whose list click empties.

        Raises:
            TranslatorError: an option is there twice.
        """
        given = list(args)
        rest: list[str] = super().parse_args(ctx, args)
        _require_once(self.make_parser(ctx).parse_args(args=given)[2])
        return rest


def _require_once(order: Iterable[Any]) -> None:
    """Raises a TranslatorError if a parameter of one value is there twice among all that were given, in their order."""
    for parameter, times in Counter(order).items():
        if times > 1 and _takes_one_value(parameter):
            name = "/".join(max(names, key=len) for names in (parameter.opts, parameter.secondary_opts) if names)
            raise TranslatorError(f"{name} is given {times} times, and takes one value; leave all but one out")


def _takes_one_value(parameter: Any) -> bool:
    if parameter.param_type_name != "option" or parameter.multiple or parameter.count:
        return False
    return not parameter.is_flag or bool(parameter.secondary_opts)  # a switch that is only on loses nothing
