"""The seam between a translator and its engines: what an engine is asked for, and what it gives. No TensorFlow here."""

import difflib
from collections.abc import Mapping, Sequence, Set
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from translator.config.schema import SearchConfig
from translator.errors import TranslatorError


class OptionsError(TranslatorError):
    """An engine is asked for a search that it cannot do.

    Its text has fields of `SearchOptions` between backticks, for which the command line has names of its own.
    """


@dataclass(frozen=True)
class SearchOptions:
    """How translations are searched for. Equal options are equal keys: an engine may keep a graph for each."""

    beam_size: int
    """W, the hypotheses kept at each step; 1 is greedy search."""
    length_penalty: float
    """α: hypotheses are compared by log-probability / lengthᵅ."""
    max_length_factor: float
    """A translation has at most max_length_factor × source tokens, EOS included, + max_length_margin tokens."""
    max_length_margin: int
    """See max_length_factor; in tokens."""
    with_attention: bool = False
    """Whether the best hypothesis comes with its attention over the source."""
    with_token_log_probs: bool = False
    """Whether hypotheses come with the log-probability of each token."""
    length_penalty_form: Literal["power", "gnmt"] = "power"
    """What α is the exponent of: the length, or GNMT's (5 + length) / 6."""
    coverage_penalty: float = 0.0
    """β of GNMT's coverage penalty, β Σᵢ log(min(Σⱼ attentionⱼᵢ, 1)) over source tokens i and target tokens j; the
    attention is the mean of the heads of the decoder's last layer."""
    stopping: Literal["ahead", "finished", "exact"] = "ahead"
    """When beam search of a sentence ends: see `translator.decoding.search.scoring.Scoring.is_over`."""
    patience: float = 1.0
    """With stopping "finished", the search ends with patience × beam_size finished hypotheses."""
    min_length_factor: float = 0.0
    """A translation has at least min_length_factor × source tokens, EOS included in both, rounded down."""
    repetition_penalty: float = 1.0
    """Above 1, what divides the logit of a token that the hypothesis holds, or multiplies it if it is negative."""
    no_repeat_ngram_size: int = 0
    """If not 0, no hypothesis holds so many tokens in a row twice."""
    suppressed: tuple[tuple[int, ...], ...] = ()
    """Sequences of tokens that no hypothesis may hold."""
    sample: bool = False
    """Whether tokens are drawn by their probabilities: `beam_size` samples, in the order that they were drawn in. What
    is drawn depends on seed and source, and not on the batch."""
    temperature: float = 1.0
    """Of sampling: what logits are divided by."""
    top_k: int = 0
    """Of sampling: if not 0, each token is one of so many likeliest."""
    top_p: float = 1.0
    """Of sampling: each token is one of the fewest likeliest that together have this probability."""
    seed: int = 0
    """Of sampling; other seeds draw others."""
    alternatives: bool = False
    """Whether the hypotheses begin, after the target prefix, with the `beam_size` likeliest tokens, one each, in this
    order, and go on greedily."""

    xla: bool = False
    """Whether XLA compiles the search, for each shape of batch that comes: the same translations, faster where few
    sentences come at a time, after some seconds of compiling for each shape."""

    def __post_init__(self) -> None:
        """Checks values and combinations.

        Raises:
            OptionsError: names each problem.
        """
        # From JSON, sequences come as lists.
        object.__setattr__(self, "suppressed", tuple(tuple(phrase) for phrase in self.suppressed))
        if problems := _problems(self):
            raise OptionsError(*problems)

    def score(self, log_prob: float, length: int) -> float:
        """What hypotheses are compared by, but for the coverage penalty."""
        base = (5 + length) / 6 if self.length_penalty_form == "gnmt" else length
        return log_prob / base**self.length_penalty

    def max_target_tokens(self, source_tokens: int) -> int:
        """The most tokens that a translation may have, EOS included in both, rounded down.

        In float32, as `translator.decoding.search.constraints.length_limits` has it in a graph: the two are equal.
        """
        return int(np.float32(source_tokens) * np.float32(self.max_length_factor)) + self.max_length_margin

    @classmethod
    def of(cls, config: SearchConfig, beam_size: int | None = None) -> "SearchOptions":
        """The options of a configuration, with another beam size if one is given."""
        settings = {name: value for name, value in config.model_dump().items() if name in OPTIONS}
        return _searched({**settings, "beam_size": config.beam_size if beam_size is None else beam_size}, set())

    def with_changes(self, changes: Mapping[str, Any]) -> "SearchOptions":
        """These options with some changed, by name.

        Options that have no meaning with the changes, and are not among them, go back to their defaults: those of
        beam search where no beam is searched, and the patience where the end of search knows none.

        Raises:
            OptionsError: names each problem.
        """
        for name in changes:
            if name not in OPTIONS:
                near = difflib.get_close_matches(name, OPTIONS, 1, 0.5)
                hint = (
                    f"did you mean `{near[0]}`?" if near else f"there are {', '.join(f'`{each}`' for each in OPTIONS)}"
                )
                raise OptionsError(f"there is no option `{name}`; {hint}")
        return _searched({**{name: getattr(self, name) for name in OPTIONS}, **changes}, set(changes))


# The defaults of the options by name; MISSING where there is none.
OPTIONS: Mapping[str, Any] = MappingProxyType({each.name: each.default for each in fields(SearchOptions)})
# The options that greedy search and samples lack.
OF_BEAM_SEARCH = frozenset({"coverage_penalty", "stopping", "patience"})


def _searched(options: Mapping[str, Any], asked_for: Set[str]) -> SearchOptions:
    """Options by name; those that have no meaning beside the others get their defaults, unless they are asked for."""
    beam = options["beam_size"] > 1 and not options.get("sample") and not options.get("alternatives")
    idle: Set[str] = OF_BEAM_SEARCH if not beam else {"patience"} if options["stopping"] != "finished" else frozenset()
    without = idle - asked_for
    return SearchOptions(**{name: OPTIONS[name] if name in without else value for name, value in options.items()})


@dataclass(frozen=True)
class Hypothesis:
    """One translation of one source, as ids.

    Attributes:
        ids: without BOS and EOS.
        score: what the engine ranks by: `SearchOptions.score`, plus the coverage penalty.
        log_prob: natural logarithm of the probability of `ids` given the source, EOS included if it was reached. What
            options forbid has no probability, and tokens of a target prefix are certain.
        ended: whether EOS was reached; False where the length limit cut the translation off.
        attention: float32 [decoder layers, `length`, source tokens + EOS], the mean of the heads of each layer's
            attention over the source, a row for each token of `ids` and for EOS; None if the engine was not asked.
        token_log_probs: whose sum `log_prob` is, `length` of them; None if the engine was not asked.
    """

    ids: tuple[int, ...]
    score: float
    log_prob: float
    ended: bool = True
    attention: np.ndarray | None = field(default=None, compare=False, repr=False)
    token_log_probs: tuple[float, ...] | None = field(default=None, compare=False, repr=False)

    @property
    def length(self) -> int:
        """The tokens that `log_prob` is of, EOS included if it was reached."""
        return len(self.ids) + self.ended


class Engine(Protocol):
    """Whatever translates lists of ids: a model, an exported graph, another library's runtime."""

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """Translates one batch.

        Args:
            sources: token ids of each sentence, without BOS and EOS.
            options: how to search.

        Returns:
            For each source its hypotheses, at least one and at most `options.beam_size`, the best first; samples and
            alternatives in an order of their own.

        Raises:
            OptionsError: the engine cannot search like that.
        """


@runtime_checkable
class PrefixEngine(Engine, Protocol):
    """An engine that can be told how each translation begins."""

    def search_after(
        self, sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        """`search`, with the first tokens of each translation given; they are part of the hypotheses' ids."""


@runtime_checkable
class ScoringEngine(Protocol):
    """An engine that can also say how probable a given translation is."""

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[list[float]]:
        """Scores one batch of pairs.

        Args:
            sources: token ids of each sentence, without BOS and EOS.
            targets: token ids of the translation of each, without BOS and EOS.

        Returns:
            For each pair the natural logarithm of the probability of each token of the target, and of EOS after them:
            the sum of all is the `Hypothesis.log_prob` that a search gives to the same tokens.
        """


@runtime_checkable
class Identified(Protocol):
    """An engine that can say what it is, as a translation that goes on after an interruption has to know."""

    def fingerprint(self) -> dict[str, str]:
        """What its hypotheses depend on beside sources and options, by name.

        Returns:
            `engine`, and in hexadecimal SHA-256 of the `weights` that it searches with now; and what else there is.
        """


def _problems(options: SearchOptions) -> list[str]:
    """What is wrong with options, a line each."""
    ranges = [
        ("beam_size", options.beam_size >= 1, "1 or more"),
        ("coverage_penalty", options.coverage_penalty >= 0, "0 or more"),
        ("length_penalty_form", options.length_penalty_form in ("power", "gnmt"), "power or gnmt"),
        ("stopping", options.stopping in ("ahead", "finished", "exact"), "ahead, finished or exact"),
        ("patience", options.patience > 0, "above 0"),
        ("min_length_factor", options.min_length_factor >= 0, "0 or more"),
        ("repetition_penalty", options.repetition_penalty > 0, "above 0"),
        ("no_repeat_ngram_size", options.no_repeat_ngram_size >= 0, "0 or more"),
        ("suppressed", all(options.suppressed), "phrases of one token or more"),
        ("temperature", options.temperature > 0, "above 0"),
        ("top_k", options.top_k >= 0, "0 or more"),
        ("top_p", 0 < options.top_p <= 1, "above 0 and at most 1"),
    ]
    problems = [
        f"`{name}` must be {wanted}, not {getattr(options, name)}" for name, holds, wanted in ranges if not holds
    ]
    given = {name for name, value in OPTIONS.items() if value is not MISSING and getattr(options, name) != value}
    competing = OF_BEAM_SEARCH & given
    one = options.beam_size == 1
    needs = [
        ({"temperature", "top_k", "top_p", "seed"} & given, options.sample, "`sample`"),
        (
            competing,
            not (one or options.sample or options.alternatives),
            "beam search, with a `beam_size` of 2 or more",
        ),
        ({"patience"} & given, options.stopping == "finished", "`stopping` finished"),
        ({"alternatives"} & given, not options.sample, "a search without `sample`"),
        ({"alternatives"} & given, not one, "a `beam_size` of 2 or more, the number of alternatives"),
        (
            {"min_length_factor"} & given,
            options.min_length_factor <= options.max_length_factor,
            "a `max_length_factor` that is no smaller",
        ),
    ]
    return problems + [
        f"{', '.join(f'`{name}`' for name in sorted(which))} {'needs' if len(which) == 1 else 'need'} {what}"
        for which, holds, what in needs
        if which and not holds
    ]
