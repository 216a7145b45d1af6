"""Sentences in, translations out: one for each line, in order, whatever the line holds."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from translator.config.schema import Config
from translator.data.tags import into
from translator.data.tokenizer import Tokenizer
from translator.decoding.engines.ensemble import EnsembleEngine
from translator.decoding.engines.saved_model import SavedModelEngine, open_graph
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.language_choice import not_chosen, require_language
from translator.decoding.mbr import MbrEngine
from translator.decoding.members import open_member, require_alike
from translator.decoding.options import Engine, Identified, OptionsError, SearchOptions
from translator.decoding.pieces import Cutter
from translator.decoding.scored import PairCutter, Scored, Scorer
from translator.decoding.searched import Searcher
from translator.decoding.translation import Translation
from translator.export.kept import ENGINES, Source
from translator.languages import writes_no_spaces
from translator.model.transformer import Transformer
from translator.run_folder import RunError
from translator.training.choosing import Checkpoint

EngineName = Literal["transformer", "ctranslate2", "auto"]  # as `translator.export.kept` has them

# What an exported graph holds beside `translate`.
EXPORTED = {
    "search", "search_options", "source_tokenizer", "target_tokenizer", "max_source_tokens", "batch_sentences", "joiner"
}  # fmt: skip


class Translator:
    """Translates with any engine; validation, `translate`, `eval` and an exported model all go through here.

    Threads may share one. Each call uses all cores that this process may use, so that calls at the same time save
    waiting, and not work; `translator.serve.batching` makes one batch of many callers' sentences.
    """

    options: SearchOptions  # of every search that is not given others

    def __init__(
        self,
        tokenizers: tuple[Tokenizer, Tokenizer],
        engine: Engine,
        options: SearchOptions,
        max_source_tokens: int,
        batch_sentences: int,
        joiner: str = " ",
        languages: Sequence[str] = (),
    ) -> None:
        """Joins a vocabulary for each side with an engine.

        Args:
            tokenizers: of the sentences and of the translations.
            engine: source ids to hypotheses.
            options: how to search.
            max_source_tokens: sentences with more tokens are translated in pieces (`translator.decoding.pieces`).
            batch_sentences: sentences, or pieces, that are searched together.
            joiner: what stands between the translations of a sentence's pieces; see `joining.joined`.
            languages: that it translates into; none where that is not known.
        """
        self._source, self.target = tokenizers
        self.languages = tuple(languages)
        self.engine, self.options = engine, options
        self.max_source_tokens, self.batch_sentences, self.joiner = max_source_tokens, batch_sentences, joiner

    def __repr__(self) -> str:
        """Engine, vocabularies and beam size; `options` has the rest of the search."""
        sizes = " and ".join(f"{side.vocabulary_size:,}" for side in (self._source, self.target))
        return f"<Translator: {type(self.engine).__name__}, {sizes} subwords, beam size {self.options.beam_size}>"

    @classmethod
    def load(
        cls,
        path: str | Path,
        beam_size: int | None = None,
        checkpoint: Checkpoint | None = None,
        engine: EngineName = "transformer",
        quantization: str | None = None,
        to: str | None = None,
    ) -> "Translator":
        """Opens a run folder, of which nothing is executed.

        Args:
            path: the folder.
            beam_size: in place of the run's own `search.beam_size`.
            checkpoint: `best` (by validation) or `last`: a single checkpoint in place of the finished model, which
                works while training is under way.
            engine: what searches; `ctranslate2` converts the model when it is first asked for, and keeps it in the
                run's folder; `auto` is the faster of those that are installed and give the run's text.
            quantization: of `ctranslate2`, how its weights are stored: `int8` is small and fast, and may translate a
                little differently; float32 by default.
            to: into which of the run's languages it translates; a run of one pair needs none. See `into`.

        Raises:
            RunError: the folder is not a run, or the run has no model, or no such checkpoint, yet.
            WeightsError: the model is not one of the run's configuration.
            CTranslate2Error: CTranslate2 is asked for and not installed.
            ExportError: the run cannot have that engine, or its model differs too much from the run.
            OptionsError: the engine has no such quantization, or no search with the run's options; or the run does not
                translate into that language.
        """
        member = open_member(path, checkpoint)
        if to is not None:
            require_language(to, member.config.data.targets)
        run, config, weights, source, target = member
        options = SearchOptions.of(config.search, beam_size)

        def load() -> Translator:
            return cls.of_model(member.build(), source, target, config, options)

        opened = ENGINES[engine](Source(run, config, weights, (source, target), options, load, quantization))
        translator = cls._of_engine(opened, source, target, config, options)
        return translator if to is None else translator.into(to)

    @classmethod
    def load_ensemble(
        cls,
        paths: Sequence[str | Path],
        beam_size: int | None = None,
        checkpoint: Checkpoint | None = None,
        to: str | None = None,
    ) -> "Translator":
        """Opens run folders with one vocabulary as one model: the mean of their probabilities at each step.

        Args:
            paths: the folders; the first one's settings hold, and the shortest `data.max_tokens`.
            beam_size: see `load`, as `checkpoint`, which is that of every run, and `to`.

        Raises:
            RunError: as `load`, or the runs differ in languages or vocabularies.
            WeightsError: as `load`.
        """
        members = [open_member(path, checkpoint) for path in paths]
        require_alike(members)
        first, models = members[0], [member.build() for member in members]
        options = SearchOptions.of(first.config.search, beam_size)
        translator = cls.of_model(models[0], first.source, first.target, first.config, options)
        if len(members) > 1:
            translator.engine = EnsembleEngine(models)
            translator.max_source_tokens = min(member.config.data.max_tokens for member in members)
        return translator if to is None else translator.into(to)

    @classmethod
    def of_model(
        cls, model: Transformer, source: Tokenizer, target: Tokenizer, config: Config, options: SearchOptions
    ) -> "Translator":
        """Translates with the weights that a model has at each call; the configuration gives all but the search."""
        return cls._of_engine(TransformerEngine(model), source, target, config, options)

    @classmethod
    def _of_engine(
        cls, engine: Engine, source: Tokenizer, target: Tokenizer, config: Config, options: SearchOptions
    ) -> "Translator":
        sizes, languages = (config.data.max_tokens, config.search.batch_sentences), config.data.targets
        translator = cls((source, target), engine, options, *sizes, languages=languages)
        return translator if len(languages) > 1 else translator.into(languages[0])

    @property
    def transformer(self) -> TransformerEngine:
        """The engine, where that is the run's own model: what can be looked into, changed and exported.

        Raises:
            OptionsError: it is another one.
        """
        if isinstance(self.engine, TransformerEngine):
            return self.engine
        raise OptionsError(
            f"{type(self.engine).__name__} has no model to look into; open one run with Translator.load, without engine"
        )

    @property
    def source(self) -> Tokenizer:
        """The vocabulary of the sentences; where the model has tags, each begins with that of the target language.

        This is the one place that adds them: whatever reads source text gets its ids here.

        Raises:
            OptionsError: the model has several target languages, and none is chosen: see `into`.
        """
        if not self._source.prefix and len(self.languages) > 1:
            raise not_chosen(self.languages)
        return self._source

    def into(self, language: str) -> "Translator":
        """The same model, translating into one of its languages.

        Raises:
            OptionsError: it does not translate into that.
        """
        require_language(language, self.languages)
        joiner = "" if writes_no_spaces(language) else " "
        return self._like_this(into(self._source, language), self.engine, joiner)

    @classmethod
    def load_exported(cls, path: str | Path) -> "Translator":
        """Opens a SavedModel that `translator export` wrote. How it searches is fixed.

        A SavedModel is a graph, that is a program, which may read and write files: open only what you trust.

        Raises:
            RunError: it cannot be read, or is another SavedModel.
        """
        module = open_graph(Path(path))
        if not all(hasattr(module, part) for part in EXPORTED):
            raise RunError(
                f"{path} is a SavedModel, but not one that this version of `translator export` wrote; "
                "if it is an earlier export of a run, export the run again"
            )
        prefix = tuple(map(int, module.source_prefix.numpy())) if hasattr(module, "source_prefix") else ()
        source, target = Tokenizer(module.source_tokenizer.numpy(), prefix), Tokenizer(module.target_tokenizer.numpy())
        engine, joiner = SavedModelEngine(module), module.joiner.numpy().decode()
        sizes = int(module.max_source_tokens), int(module.batch_sentences)
        return cls((source, target), engine, engine.options, *sizes, joiner)

    def with_mbr(self, *, samples: bool = False) -> "Translator":
        """A translator that takes, of what this one finds, the hypothesis with the highest expected chrF.

        Args:
            samples: see `MbrEngine`.
        """
        engine = MbrEngine(self.engine, self.target, samples=samples)
        return self._like_this(self._source, engine, self.joiner)

    def _like_this(self, source: Tokenizer, engine: Engine, joiner: str) -> "Translator":
        """One with the same vocabularies, sizes and options."""
        sizes = self.max_source_tokens, self.batch_sentences
        other = Translator((source, self.target), engine, self.options, *sizes, joiner, self.languages)
        other.cutter = self.cutter.beginning_with(source.prefix)  # whose tables take time to make
        return other

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        options: SearchOptions | None = None,
        target_prefixes: Sequence[str] | None = None,
        *,
        attention: bool = False,
        to: str | None = None,
    ) -> list[Translation]:
        """Translates sentences; as many come back, in the same order. A blank one stays blank.

        Args:
            sentences: plain text, a sentence each.
            first_line: number of the first sentence, for the warning that one is translated in pieces; None for none.
            on_progress: told how many sentences, or pieces of long ones, are done and how many there are.
            options: in place of the translator's own.
            target_prefixes: how each translation begins, empty where that is free; of a sentence in several pieces the
                first one begins so.
            attention: whether translations come with what the decoder looked at in the source as it wrote them
                (`Translation.attention`); `translator.inspect.attention_reader` gives that of each head.
            to: into which of the model's languages; see `into`.

        Raises:
            OptionsError: the engine cannot search with these options, or takes no target prefixes; or there is no such
                language, or several and none is chosen.
        """
        if to is not None:
            chosen = self.into(to)
            return chosen.translate(sentences, first_line, on_progress, options, target_prefixes, attention=attention)
        options = options or self.options
        if attention:
            options = dataclasses.replace(options, with_attention=True)
        _require_sentences(sentences)
        searcher = self._searcher
        searched = searcher.search(sentences, first_line, on_progress, options, target_prefixes)
        return searcher.translations(searched, options)

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        target_prefixes: Sequence[str] | None = None,
        *,
        to: str | None = None,
    ) -> list[str]:
        """The text alone of what `translate` gives, at less cost: no other hypothesis is written out."""
        if to is not None:
            return self.into(to).translate_text(sentences, first_line, on_progress, target_prefixes)
        _require_sentences(sentences)
        searcher = self._searcher
        return searcher.texts(searcher.search(sentences, first_line, on_progress, self.options, target_prefixes))

    def phrases(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Texts as `SearchOptions.suppressed` has them: the tokens of each by itself, from the start of a word on."""
        return tuple(tuple(ids) for ids in self.target.encode(texts) if ids)

    def options_with(self, changes: Mapping[str, Any]) -> SearchOptions:
        """Its options with some changed, by name, as `SearchOptions.with_changes`; `suppressed` is a list of texts.

        Raises:
            OptionsError: there is no such option, or they do not go together.
        """
        if "suppressed" in changes:
            if isinstance(changes["suppressed"], str):
                raise OptionsError("`suppressed` is a list of texts; for one, pass [text]")
            changes = {**changes, "suppressed": self.phrases(changes["suppressed"])}
        return self.options.with_changes(changes)

    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
        *,
        to: str | None = None,
    ) -> list[Scored]:
        """Scores given translations; as many scores come back, in the same order, whatever the length of a pair.

        Args:
            sources: plain text, a sentence each.
            targets: their translations.
            first_line: number of the first pair, for the warning that one is scored in pieces; None for none.
            on_progress: told how many pairs, or pieces of long ones, are done and how many there are.
            to: see `translate`.

        Raises:
            OptionsError: the engine cannot score, or there are not as many translations as sentences.
        """
        if to is not None:
            return self.into(to).score(sources, targets, first_line, on_progress)
        _require_sentences(sources)
        _require_sentences(targets)
        return self._scorer.score(sources, targets, first_line, on_progress)

    @property
    def _searcher(self) -> Searcher:
        sizes = self.max_source_tokens, self.batch_sentences
        return Searcher(self.engine, (self.source, self.target), self.cutter, *sizes, self.joiner)

    @functools.cached_property
    def cutter(self) -> Cutter:
        """Cuts sentences that are too long."""
        return Cutter(self._source.pieces(range(self._source.vocabulary_size)), self._source.prefix)

    @functools.cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.engine, (self.source, self.target), self.pair_cutter)

    @functools.cached_property
    def pair_cutter(self) -> PairCutter:
        """Cuts at the length where translation does, and where the target is longer than any translation could be."""
        most = self.options.max_target_tokens(self.max_source_tokens + 1)
        target = Cutter(self.target.pieces(range(self.target.vocabulary_size)))
        return PairCutter(self.cutter, target, self.max_source_tokens, max(most, self.max_source_tokens))

    def fingerprint(self) -> dict[str, Any]:
        """What the text of translations depends on: equal fingerprints are equal translators.

        Returns:
            `options`, by name; SHA-256 of the `vocabularies`; and what the engine tells, its `weights` among it.
        """
        sizes = {name: getattr(self, name) for name in ("max_source_tokens", "batch_sentences", "joiner")}
        vocabularies = hashlib.sha256(self.source.model + self.target.model).hexdigest()
        engine = self.engine.fingerprint() if isinstance(self.engine, Identified) else {}
        made_of = {"options": {**dataclasses.asdict(self.options), **sizes}, "vocabularies": vocabularies, **engine}
        return made_of | ({"prefix": list(self.source.prefix)} if self.source.prefix else {})


def _require_sentences(sentences: Sequence[str]) -> None:
    if isinstance(sentences, str):
        raise TypeError("expected a list of sentences, found one str; for one sentence, pass [sentence]")
    for sentence in sentences:
        if not isinstance(sentence, str):
            raise TypeError(f"expected sentences of type str, found {type(sentence).__name__}: {sentence!r:.80}")
