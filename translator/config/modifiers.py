"""The settings of the modifiers of training pairs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from translator.config.section import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ModifiersConfig(Section):
    """What is done to training pairs so that a model bears text that is less clean than its corpus.

    Each number is the share of the pairs to which it is done, other ones in each epoch. A pair has at most one of them,
    so that they sum to 1 at most. Validation and test pairs are never modified.
    """

    upper: Share = 0.0
    """WRITE THE SOURCE IN CAPITALS."""
    title: Share = 0.0
    """Begin Each Word Of The Source With A Capital."""
    typos: Share = 0.0
    """Swap, drop, insert or replace a letter in some words of the source; see typo_words."""
    no_end_punctuation: Share = 0.0
    """Leave out the punctuation at the end of both sides."""
    merged: Share = 0.0
    """Append another pair, drawn at random, to both sides."""
    noise: Share = 0.0
    """Replace both sides by the same random characters of the vocabulary: what is not text is copied."""
    placeholders: Share = 0.0
    """Put the same placeholder, such as {name} or %s, or the same tags into both sides: in the place of a word, or
    around a word, that the two have in common, or at an end."""
    typo_words: float = Field(0.1, gt=0.0, le=1.0)
    """The share of the words that have a typo, in the sentences that `typos` draws."""
    case_sides: Literal["source", "both"] = "source"
    """What upper and title change: the source, which is then translated into text with ordinary case, or both sides, so
    that case is kept."""

    @property
    def shares(self) -> dict[str, float]:
        """The modifiers that are on, with their shares."""
        settings = {name: getattr(self, name) for name, field in type(self).model_fields.items() if not field.default}
        return {name: share for name, share in settings.items() if share}

    @property
    def idle(self) -> frozenset[str]:
        """`typo_words` without typos, `case_sides` without a modifier of case."""
        needed = {"typo_words": self.typos, "case_sides": self.upper or self.title}
        return frozenset(name for name, share in needed.items() if not share)

    @model_validator(mode="after")
    def _shares_are_of_one_whole(self) -> "ModifiersConfig":
        if (total := sum(self.shares.values())) > 1 + 1e-9:
            raise ValueError(f"a pair has at most one modifier, so the shares sum to 1 at most; found {total:g}")
        return self
