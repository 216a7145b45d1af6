"""The settings of the filters on training pairs."""

import re
from typing import Annotated, Any, Literal

import regex
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from translator.config.section import Always, Section


def _checked_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r:.60} is not a regular expression: {error}") from None
    return pattern


def _checked_script(script: str) -> str:
    try:
        if not re.fullmatch(r"[A-Za-z_ ]+", script):
            raise regex.error("no name")
        regex.compile(rf"\p{{Script={script}}}")
    except regex.error:
        raise ValueError(
            f"there is no script {script!r:.60}; its name is Unicode's, such as Latin, Cyrillic, Han or Hiragana"
        ) from None
    return script


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Pattern = Annotated[str, AfterValidator(_checked_pattern)]
Script = Annotated[str, AfterValidator(_checked_script)]
Scripts = Annotated[tuple[Script, ...], BeforeValidator(_as_list), Field(min_length=1)]


class FiltersConfig(Section):
    """What is left out of the training corpora, and of nothing else; by default nothing is.

    The first filter, in this order, that a pair does not pass is the one that counts it.
    """

    length_unit: Literal["words", "characters"] = "words"
    """What min_length, max_length and max_ratio count: what spaces separate, or characters."""
    min_length: int = Field(1, ge=1)
    """Minimum length of either side."""
    max_length: int | None = Field(None, ge=1)
    """Maximum length of either side; null is none but `data.max_tokens`."""
    max_ratio: float | None = Field(None, ge=1.0)
    """Maximum length of the longer side divided by that of the shorter one."""
    identical: bool = False
    """Leave out pairs whose two sides are the same but for case and spaces."""
    scripts: dict[str, Scripts] | None = None
    """The scripts that each language is written in, as in `{en: Latin, ja: [Han, Hiragana, Katakana]}`, by Unicode's
    names. Pairs with a side of which less than half of the letters are in these scripts are left out."""
    forbidden: tuple[Pattern, ...] = ()
    """Regular expressions, as Python has them, that may match nowhere in either side."""
    duplicates: bool = False
    """Leave out pairs that came before, in any training corpus, with the same text but for spaces."""
    list: Always[bool] = False
    """Write every pair that is left out, with its place and its filter, into `left_out.tsv` in the run folder."""

    @model_validator(mode="after")
    def _lengths_fit(self) -> "FiltersConfig":
        if self.max_length is not None and self.max_length < self.min_length:
            raise ValueError(f"max_length {self.max_length} is below min_length {self.min_length}")
        return self

    def that_matter(self) -> dict[str, Any]:
        """The settings, without those at their defaults, on which it depends what is left out."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"list"})
