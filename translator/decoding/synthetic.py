"""Parallel text of which a model has written one side: back-translation and distillation.

A line of it is a source and its target with a tab between, as a `tsv` corpus has them; where either is blank, the line
is. No TensorFlow here.
"""

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from translator.data.corpora.base import Side
from translator.data.corpora.formats import files_of, open_corpora
from translator.data.filters import passed
from translator.data.prepare import filters_of_corpora
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import OptionsError
from translator.decoding.translating import Translates
from translator.files import replacing
from translator.run_folder import RunFolder
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

BACK_TRANSLATED = "<BT>"  # Caswell et al. (2019)
DROPPED, FARTHEST = 0.1, 3  # of noise: the share of words that are left out, and how many places the others move

Checkpoint = Literal["best", "last"]
Engine = Literal["transformer", "ctranslate2", "auto"]


class Parallel:
    """Translates sentences, and writes each with its translation as a line of a parallel corpus."""

    def __init__(self, translator: Translates, writes: Side, tag: str = "", noise: int | None = None) -> None:
        """Joins a translator with the form of the lines.

        Args:
            translator: of the sentences.
            writes: which side the translations are.
            tag: what sources begin with, a word of its own; none if it is empty.
            noise: a seed, if noise is added to the translations (`noised`); None for none.

        Raises:
            OptionsError: the tag does not fit into a line.
        """
        if any(not character.isprintable() for character in tag):
            raise OptionsError(f"the tag {tag!r:.80} has a tab, a line end or another control character; take another")
        self.translator, self.writes, self.tag, self.noise = translator, writes, tag, noise

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[str]:
        """A line for each sentence; see `Translator.translate_text`."""
        translations = self.translator.translate_text(sentences, first_line, on_progress)
        return [self._line(*pair) for pair in zip(sentences, translations, strict=True)]

    def fingerprint(self) -> dict[str, Any]:
        """That of the translator, with the form."""
        return {**self.translator.fingerprint(), "writes": self.writes, "tag": self.tag, "noise": self.noise}

    def _line(self, sentence: str, translation: str) -> str:
        if not sentence.strip() or not translation.strip():
            return ""
        if self.noise is not None:
            translation = noised(translation, self.noise)
        pair = (translation, sentence) if self.writes == "source" else (sentence, translation)
        source, target = (text.replace("\t", " ") for text in pair)
        return f"{self.tag} {source}\t{target}" if self.tag else f"{source}\t{target}"


def noised(text: str, seed: int) -> str:
    """Leaves out a tenth of the words, and moves the others by three places at most (Lample et al., 2018, §2.3).

    It is a function of the seed and the text. One word at least stays.
    """
    rng, words = random.Random(f"{seed} {text}"), text.split()
    kept = [word for word in words if rng.random() >= DROPPED] or words[:1]
    keys = [place + rng.uniform(0, FARTHEST + 1) for place in range(len(kept))]
    return " ".join(kept[place] for place in sorted(range(len(kept)), key=keys.__getitem__))


@dataclass(frozen=True)
class Synthesis:
    """How parallel text is made; called in each process that makes some, it opens what translates.

    Attributes:
        runs: one, or an ensemble.
        writes: see `Parallel`, as `tag` and `noise`.
        beam: see `Translator.load`, as `checkpoint`, `engine` and `quantization`; the last two are for one run.
        search: options of the search by name, as `Translator.options_with` takes them.
        to: into which of the runs' languages they translate.
    """

    runs: tuple[Path, ...]
    writes: Side
    tag: str = ""
    noise: int | None = None
    beam: int | None = None
    checkpoint: Checkpoint | None = None
    engine: Engine = "transformer"
    quantization: str | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    to: str | None = None

    def __call__(self) -> Parallel:
        """Opens it.

        Raises:
            TranslatorError: it cannot be opened, or cannot search like that.
        """
        start_tensorflow()
        translator = self._opened()
        if self.search:
            translator.options = translator.options_with(self.search)
        return Parallel(translator, self.writes, self.tag, self.noise)

    def _opened(self) -> "Translator":
        from translator.decoding.translator import Translator

        samples = bool(self.search.get("sample"))
        if samples and self.engine == "ctranslate2":
            raise OptionsError("the engine ctranslate2 does not sample; give --beam, or leave --engine out")
        beam = 1 if samples else self.beam
        engine = "transformer" if samples else self.engine  # auto has no other that samples
        if len(self.runs) > 1:
            return Translator.load_ensemble(self.runs, beam, self.checkpoint, self.to)
        return Translator.load(self.runs[0], beam, self.checkpoint, engine, self.quantization, self.to)


def training_files(run: Path, to: str | None = None) -> list[Path]:
    """The files that `write_training_sources` reads; it raises what that does."""
    data = RunFolder(run).load_config().data
    _, target = chosen_pair(data, to)
    return files_of((corpus for corpus in data.train if data.pair_of(corpus).target == target), data)


def write_training_sources(run: Path, path: Path, to: str | None = None) -> None:
    """Writes the sources of a run's training corpora into a language that its filters leave in, one a line.

    Raises:
        RunError: it is not a run.
        CorpusError: a corpus cannot be read.
        OptionsError: the run does not translate into that language, or into several and none is chosen.
    """
    data = RunFolder(run).load_config().data
    _, target = chosen_pair(data, to)
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        opened = open_corpora(data.train, data), filters_of_corpora(data)
        for settings, corpus, filters in zip(data.train, *opened, strict=True):
            if data.pair_of(settings).target != target:
                continue
            with contextlib.closing(passed(corpus, filters)) as pairs:
                file.writelines(f"{pair.source}\n" for pair in pairs)
