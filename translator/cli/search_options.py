"""The options of the command line that change how translations are searched for, for any command that translates."""

import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from translator.errors import TranslatorError

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

CommandFunction = Callable[..., None]


def _option(kind: Any, text: str, *names: str, **limits: Any) -> Any:
    return Annotated[kind, typer.Option(*names, help=text, rich_help_panel="Search", **limits)]


# By the names of `SearchOptions`; None where the option is not given, so that the run's own setting holds.
SEARCH_OPTIONS: dict[str, Any] = {
    "length_penalty": _option(float | None, "α: scores are log-probabilities divided by the length to this power."),
    "length_penalty_form": _option(
        Literal["power", "gnmt"] | None, "What α is the exponent of: the length, or GNMT's (5 + length) / 6."
    ),
    "coverage_penalty": _option(float | None, "β of GNMT's coverage penalty."),
    "stopping": _option(
        Literal["ahead", "finished", "exact"] | None,
        "When beam search ends: when no prefix is ahead of what has finished, when enough have finished, or when "
        "nothing can become better than what has finished.",
    ),
    "patience": _option(float | None, "With --stopping finished: enough is patience × beam hypotheses."),
    "min_length_factor": _option(float | None, "Translations have at least so many tokens for each of the source."),
    "max_length_factor": _option(float | None, "Translations have at most so many tokens for each of the source, …"),
    "max_length_margin": _option(int | None, "… and so many more.", min=1),
    "repetition_penalty": _option(float | None, "Above 1, makes tokens that are in the translation less likely."),
    "no_repeat_ngram_size": _option(int | None, "No so many tokens in a row come twice."),
    "suppressed": _option(list[str] | None, "A phrase that no translation may hold; may be repeated.", "--suppress"),
    "xla": _option(bool | None, "Let XLA compile the search: faster for few sentences, after some seconds."),
    "sample": _option(bool | None, "Draw tokens by their probabilities.", "--sample"),
    "temperature": _option(float | None, "Of --sample: below 1 likely tokens become likelier."),
    "top_k": _option(int | None, "Of --sample: from so many likeliest tokens."),
    "top_p": _option(float | None, "Of --sample: from the fewest likeliest tokens with this probability together."),
    "seed": _option(int | None, "Of --sample: other seeds draw others."),
    "alternatives": _option(
        bool | None, "Give the --n-best likeliest tokens after the target prefix, one a hypothesis.", "--alternatives"
    ),
}

# What a field of `SearchOptions` is called on the command line.
FLAGS: Mapping[str, str] = MappingProxyType(
    {"beam_size": "--beam", "with_token_log_probs": "--token-scores"}
    | {
        name: next(iter(get_args(option)[1].param_decls), f"--{name.replace('_', '-')}")
        for name, option in SEARCH_OPTIONS.items()
    }
)


def takes_search_options(*, without: Collection[str] = ()) -> Callable[[CommandFunction], CommandFunction]:
    """Adds these options to a command's; it is handed those that were given as one mapping, `search`.

    Args:
        without: names of options that would do nothing there.
    """
    added = {name: option for name, option in SEARCH_OPTIONS.items() if name not in without}

    def adding(command: CommandFunction) -> CommandFunction:
        own = [each for each in inspect.signature(command).parameters.values() if each.name != "search"]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in added.items()
        ]

        @functools.wraps(command)
        def wrapped(**arguments: Any) -> None:
            search = {name: arguments.pop(name) for name in added}
            try:
                command(**arguments, search={name: value for name, value in search.items() if value not in (None, [])})
            except TranslatorError as error:
                error.args = (with_flags(str(error)),)
                raise

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapped

    return adding


def with_flags(message: str) -> str:
    """A message with the options of a search, which stand between backticks there, by their names here."""
    return re.sub(r"`(\w+)`", lambda found: FLAGS.get(found[1], found[0]), message)


def lacking_in_ctranslate2(search: Mapping[str, Any]) -> list[str]:
    """Which of some options CTranslate2's search has not, by their names here."""
    from translator.decoding.engines.ctranslate2 import lacking

    return [FLAGS[name] for name in lacking(search)]


def apply(translator: "Translator", search: dict[str, Any]) -> None:
    """Gives a translator the options that differ from its own; phrases are text here.

    Raises:
        OptionsError: they do not go together.
    """
    if search:
        translator.options = translator.options_with(search)
