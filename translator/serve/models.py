"""The models that a server has, one for each pair of languages, and what they can be asked for."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from translator.data.alignment import Alignment
from translator.decoding.options import SearchOptions
from translator.decoding.translation import Translation
from translator.decoding.translator import EngineName, Translator
from translator.errors import shell_quoted
from translator.inspect.alignment import Aligner
from translator.languages import primary
from translator.run_folder import RunFolder
from translator.serve.batching import Batcher
from translator.serve.detection import Profile
from translator.serve.errors import RequestError, ServerError
from translator.serve.limits import Limits
from translator.training.choosing import Checkpoint

log = logging.getLogger(__name__)


class Translates(Protocol):
    """The part of a `Translator` that is used here."""

    options: SearchOptions
    batch_sentences: int
    joiner: str

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


class Aligns(Protocol):
    """The part of an `Aligner` that is used here."""

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Alignment]:
        """See `Aligner.align`."""


@dataclass(frozen=True)
class How:
    """How sentences are translated; those with equal values may share a batch.

    Attributes:
        options: of the search, for results of type `Translation`; None for the text alone, found by the model's own.
        aligned: how many hypotheses of each sentence are aligned.
    """

    options: SearchOptions | None = None
    aligned: int = 0


TEXT = How()


class Model:
    """A translator of one pair of languages, with its queue."""

    def __init__(
        self,
        pair: tuple[str, str],
        translator: Translates,
        profile: Profile,
        limits: Limits,
        load_aligner: Callable[[], Aligns] | None = None,
    ) -> None:
        """Starts the model's thread.

        Args:
            pair: codes of the languages.
            translator: used in the thread alone, but for its tokenizers.
            profile: of the source language.
            limits: of the queue and the options.
            load_aligner: called in the thread when an alignment is first asked for; None if there is none.
        """
        self.source, self.target = pair
        self.translator, self.profile = translator, profile
        self._limits, self._load_aligner = limits, load_aligner
        self._option_sets: set[SearchOptions] = set()
        self.batcher = Batcher(
            f"{self.source}-{self.target}", self._translate, translator.batch_sentences, limits.waiting_sentences
        )

    @property
    def aligns(self) -> bool:
        """Whether translations can be aligned."""
        return self._load_aligner is not None

    def options_with(self, changes: Mapping[str, Any]) -> SearchOptions:
        """The options of a search with some changed, by name.

        Raises:
            OptionsError: they do not go together.
            RequestError: too many different ones have been asked for.
        """
        options = self.translator.options_with(changes)
        if options not in self._option_sets:
            if len(self._option_sets) >= self._limits.option_sets:
                raise RequestError(
                    400, f"this server takes {self._limits.option_sets} different sets of options, and has had them all"
                )
            self._option_sets.add(options)
        return options

    @cached_property
    def _aligner(self) -> Aligns:
        assert self._load_aligner
        return self._load_aligner()

    def _translate(self, how: How, sentences: Sequence[str], prefixes: Sequence[str] | None) -> Sequence[Any]:
        if how.options is None:
            return self.translator.translate_text(sentences, None, target_prefixes=prefixes)
        found = self.translator.translate(sentences, None, options=how.options, target_prefixes=prefixes)
        return self._with_alignments(sentences, found, how.aligned) if how.aligned else found

    def _with_alignments(self, sentences: Sequence[str], found: Sequence[Translation], most: int) -> list[Translation]:
        pairs = [
            (sentence, hypothesis.text)
            for sentence, each in zip(sentences, found, strict=True)
            for hypothesis in each.hypotheses[:most]
        ]
        alignments = iter(self._aligner.align([source for source, _ in pairs], [target for _, target in pairs]))
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
        self._by_pair = {(_key(model.source), _key(model.target)): model for model in models}

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
        if model := self._by_pair.get((_key(source), _key(target))):
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
        """Translates what has been accepted, then ends the threads."""
        for model in self:
            model.batcher.close()


def open_models(
    paths: Sequence[Path],
    limits: Limits,
    beam_size: int | None = None,
    checkpoint: Checkpoint | None = None,
    engine: EngineName = "auto",
    quantization: str | None = None,
) -> Models:
    """Opens runs; see `Translator.load`. The first sentence of each is translated here, which compiles its search.

    Raises:
        ServerError: two of them have the same pair of languages.
        TranslatorError: as `Translator.load`.
    """
    configs = [RunFolder(path).load_config().data for path in paths]
    seen: dict[tuple[str, str], Path] = {}
    for path, config in zip(paths, configs, strict=True):
        other = seen.setdefault((_key(config.source), _key(config.target)), path)
        if other is not path:
            raise ServerError(
                f"{shell_quoted(other)} and {shell_quoted(path)} both translate {config.source} to {config.target}; "
                "leave one of them out"
            )
    models = []
    for path, config in zip(paths, configs, strict=True):
        translator = Translator.load(path, beam_size, checkpoint, engine, quantization)
        profile = Profile.of_run(RunFolder(path), translator.source)

        def load_aligner(path: Path = path) -> Aligner:
            return Aligner.load(path, checkpoint=checkpoint)

        models.append(Model((config.source, config.target), translator, profile, limits, load_aligner))
    for first in [model.batcher.submit(TEXT, ["1 2 3"]) for model in models]:
        first.result()
    return Models(models)


def _key(code: str) -> str:
    return code.strip().lower().replace("_", "-")
