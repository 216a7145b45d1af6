"""The models that a server has, one for each pair of languages, and what they can be asked for."""

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from translator.data.alignment import Alignment
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import SearchOptions
from translator.decoding.translation import Translation
from translator.inspect.attention import Attention
from translator.languages import normalized, primary
from translator.serve.batching import Batcher
from translator.serve.detection import Profile
from translator.serve.errors import RequestError
from translator.serve.limits import Limits


class ServedTranslator(Protocol):
    """The part of a `Translator` that is used here."""

    options: SearchOptions
    batch_sentences: int
    joiner: str
    target: Tokenizer

    @property
    def source(self) -> Tokenizer:
        """See `Translator.source`."""

    def translate_text(
        self, sentences: Sequence[str], first_line: int | None = 1, *, target_prefixes: Sequence[str] | None = None
    ) -> list[str]:
        """See `Translator.translate_text`."""

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        *,
        options: SearchOptions | None = None,
        target_prefixes: Sequence[str] | None = None,
    ) -> list[Translation]:
        """See `Translator.translate`."""

    def options_with(self, changes: Mapping[str, Any]) -> SearchOptions:
        """See `Translator.options_with`."""


class Inspects(Protocol):
    """The part of an `OwnModel` that is used here."""

    @property
    def translator(self) -> ServedTranslator:
        """Searches with all options, and after prefixes."""

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Alignment]:
        """See `OwnModel.align`."""

    def attention(self, source: str, target: str) -> Attention:
        """See `OwnModel.attention`."""

    def source_shares(self, source: str, target: str) -> list[float]:
        """See `OwnModel.source_shares`."""


class Task(Protocol):
    """What is done with sentences; those with equal tasks may share a batch."""

    def results(self, model: "Model", sentences: Sequence[str], prefixes: Sequence[str] | None) -> Sequence[Any]:
        """Does it, in a thread of the model: a result for each sentence."""


@dataclass(frozen=True)
class How:
    """How sentences are translated.

    Attributes:
        options: of the search, for results of type `Translation`; None for the text alone, found by the model's own.
        aligned: how many hypotheses of each sentence are aligned.
    """

    options: SearchOptions | None = None
    aligned: int = 0

    def results(self, model: "Model", sentences: Sequence[str], prefixes: Sequence[str] | None) -> Sequence[Any]:
        """Translations. Not every engine takes prefixes and gives alternatives; the run's own does."""
        needs_own = prefixes is not None or (self.options is not None and self.options.alternatives)
        translator = model.own.translator if needs_own else model.translator
        if self.options is None:
            return translator.translate_text(sentences, None, target_prefixes=prefixes)
        found = translator.translate(sentences, None, options=self.options, target_prefixes=prefixes)
        return _with_alignments(model.own, sentences, found, self.aligned) if self.aligned else found


TEXT = How()


class Looked(NamedTuple):
    """What a model looks at in a sentence as it writes a translation of it.

    Attributes:
        source_shares: of each word of the translation and of its end; None if they were not asked for.
    """

    attention: Attention
    source_shares: list[float] | None


@dataclass(frozen=True)
class Look:
    """Looks into the model as it writes a given translation.

    Attributes:
        translation: of the one sentence that this is done with.
        with_source_shares: whether they come, too.
    """

    translation: str
    with_source_shares: bool = False

    def results(self, model: "Model", sentences: Sequence[str], prefixes: Sequence[str] | None) -> Sequence[Any]:
        """A `Looked` for each sentence."""
        return [
            Looked(
                model.own.attention(sentence, self.translation),
                model.own.source_shares(sentence, self.translation) if self.with_source_shares else None,
            )
            for sentence in sentences
        ]


class Model:
    """A translator of one pair of languages, with a queue of translations and one of looks into it.

    Nobody who waits for a translation waits for a look, too.
    """

    def __init__(
        self,
        pair: tuple[str, str],
        translator: ServedTranslator,
        profile: Profile,
        limits: Limits,
        open_own: Callable[[], Inspects],
    ) -> None:
        """Starts the model's threads.

        Args:
            pair: codes of the languages.
            translator: searches in one thread alone; its tokenizers are used in any.
            profile: of the source language.
            limits: of the queues, and of what can be looked into.
            open_own: opens the run's own model; called when something is first asked of it.
        """
        self.source, self.target = pair
        self.translator, self.profile = translator, profile
        self._limits, self._open_own = limits, open_own
        self._own: Inspects | None = None
        self._opening = threading.Lock()
        name = f"{self.source}-{self.target}"
        self.batcher = Batcher(name, self._results, translator.batch_sentences, limits.waiting_sentences)
        self.looks = Batcher(f"{name}-looks", self._results, 1, limits.waiting_looks)

    @property
    def own(self) -> Inspects:
        """The run's own model, whatever the engine; for the model's threads, as it may have to be opened."""
        with self._opening:
            self._own = self._own or self._open_own()
            return self._own

    def options_with(self, changes: Mapping[str, Any]) -> SearchOptions:
        """The options of a search with some changed, by name.

        Raises:
            OptionsError: they do not go together.
        """
        return self.translator.options_with(changes)

    def look(self, task: Look, sentence: str) -> "Future[list[Looked]]":
        """Queues a look; see `Batcher.submit`.

        Raises:
            RequestError: the pair is too long for what is asked for (422), or too many wait (429).
        """
        if task.with_source_shares:
            sides = (self.translator.source, sentence), (self.translator.target, task.translation)
            tokens = sum(len(tokenizer.encode([text])[0]) for tokenizer, text in sides)
            if tokens > self._limits.share_tokens:
                raise RequestError(
                    422,
                    f"sentence and translation have {tokens:,} tokens, more than the {self._limits.share_tokens:,} for "
                    "which source_share is found; ask without it, or for a part of them",
                )
        return self.looks.submit(task, [sentence])

    def close(self) -> None:
        """Answers what has been accepted, then ends the threads."""
        self.batcher.close()
        self.looks.close()

    def _results(self, task: Task, sentences: Sequence[str], prefixes: Sequence[str] | None) -> Sequence[Any]:
        return task.results(self, sentences, prefixes)


def _with_alignments(
    own: Inspects, sentences: Sequence[str], found: Sequence[Translation], most: int
) -> list[Translation]:
    pairs = [
        (sentence, hypothesis.text)
        for sentence, each in zip(sentences, found, strict=True)
        for hypothesis in each.hypotheses[:most]
    ]
    alignments = iter(own.align([source for source, _ in pairs], [target for _, target in pairs]))
    aligned = []
    for each in found:
        first = tuple(
            dataclasses.replace(hypothesis, alignment=next(alignments)) for hypothesis in each.hypotheses[:most]
        )
        aligned.append(dataclasses.replace(each, hypotheses=first + each.hypotheses[most:]))
    return aligned


class Models:
    """All models of a server."""

    def __init__(self, models: Sequence[Model]) -> None:
        """Takes models of different pairs."""
        self._by_pair = {(normalized(model.source), normalized(model.target)): model for model in models}

    def __iter__(self) -> Any:
        return iter(self._by_pair.values())

    @property
    def languages(self) -> dict[str, list[str]]:
        """The target languages of each source language."""
        found: dict[str, list[str]] = {}
        for model in self:
            found.setdefault(model.source, []).append(model.target)
        return found

    def find(self, source: str, target: str) -> Model:
        """The model of a pair: of these very codes, else of the same languages.

        Raises:
            RequestError: there is none.
        """
        if model := self._by_pair.get((normalized(source), normalized(target))):
            return model
        wanted = primary(source), primary(target)
        for model in self:
            if (primary(model.source), primary(model.target)) == wanted:
                return model
        pairs = ", ".join(f"{model.source} to {model.target}" for model in self)
        raise RequestError(400, f"{source[:20]} to {target[:20]} is not supported; there is {pairs}")

    def profiles(self, target: str | None = None) -> dict[str, Profile]:
        """A profile of each source language; given a target, of those that are translated into it, and of itself."""
        found: dict[str, Profile] = {}
        for model in self:
            if target is None or primary(target) in (primary(model.source), primary(model.target)):
                found.setdefault(model.source, model.profile)
        return found

    def close(self) -> None:
        """See `Model.close`."""
        for model in self:
            model.close()
