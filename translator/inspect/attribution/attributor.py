"""Text in, attribution out.

Letters: R tokens that are explained, S source tokens with EOS, T target tokens with BOS.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from translator.data.words import shares, words_of
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import OptionsError
from translator.decoding.scored import Pair
from translator.decoding.translator import Translator
from translator.inspect.attribution.margins import ANY_OTHER, ModelMargins, Questions
from translator.inspect.attribution.methods import METHODS, Method, at_ends
from translator.inspect.attribution.result import Attribution
from translator.languages import writes_no_spaces
from translator.run_folder import RunFolder
from translator.training.choosing import Checkpoint
from translator.vocabulary import BOS_ID, EOS_ID


class Contrast(NamedTuple):
    """Asks why a word of the translation is not another one."""

    word: str  # the other one
    position: int  # in the translation, words counted from 1 on


class AttributionOptions(NamedTuple):
    """What is asked, and how it is answered."""

    method: Method = "value-zeroing"
    contrast: Contrast | None = None  # None: every word, against any other
    words: bool = True  # whether subwords are merged to words
    tokenized: bool = False  # whether spaces alone separate words
    steps: int = 32  # of integrated gradients


DEFAULTS = AttributionOptions()


class Text(NamedTuple):
    """One side of a pair, in subwords and in words."""

    ids: list[int]
    labels: tuple[str, ...]  # of words, or of subwords where these are not merged
    members: np.ndarray  # float32 [subwords, labels]: the share that a word has of a subword

    def first(self, number: int) -> "Text":
        """The first so many subwords, with the words that they begin."""
        members = self.members[:number]
        begun = np.flatnonzero(members.any(0))
        return Text(self.ids[:number], tuple(self.labels[i] for i in begun), members[:, begun])


class Asked(NamedTuple):
    """What is to be explained of a pair."""

    questions: Questions
    prefix: Text  # without BOS
    members: np.ndarray  # float32 [R, labels]: the share that a word that is explained has of a token
    labels: tuple[str, ...]
    instead: str | None = None


class Attributor:
    """Explains the translations of a run's model."""

    def __init__(self, translator: Translator, languages: tuple[str, str]) -> None:
        """Takes what opens a model, and the languages that it translates from and to.

        Raises:
            OptionsError: its engine has no model to look into.
        """
        self.translator, self.margins = translator, ModelMargins(translator.transformer.model)
        self._tokenizers = translator.source, translator.target
        self._spaceless = tuple(map(writes_no_spaces, languages))

    @classmethod
    def load(
        cls,
        run: str | Path,
        checkpoint: Checkpoint | None = None,
        to: str | None = None,
        source: str | None = None,
    ) -> "Attributor":
        """Opens a run folder; raises as `Translator.load`. `source` is the source language of a run of several."""
        pair = chosen_pair(RunFolder(Path(run)).load_config().data, to, source)
        return cls(Translator.load(run, checkpoint=checkpoint, to=pair.target), pair)

    def attribute(self, source: str, target: str | None = None, options: AttributionOptions = DEFAULTS) -> Attribution:
        """Says what the words of a translation come from.

        Args:
            source: a sentence.
            target: its translation; the run's own without one.
            options: what is asked and how.

        Raises:
            OptionsError: the pair is too long for the model, both are blank, or the contrast does not fit.
        """
        read = self._text(0, source, options)
        self.translator.pair_cutter.require_whole(Pair(read.ids, []))
        if target is None:
            (target,) = self.translator.translate_text([source])
        written = self._text(1, target, options)
        self.translator.pair_cutter.require_whole(Pair(read.ids, written.ids))
        if not read.ids and not written.ids:
            raise OptionsError("there is nothing to explain: sentence and translation are blank")
        asked = _every_word(written) if options.contrast is None else self._contrast(target, written, options)
        return self._attributed(read, asked, options)

    def _text(self, side: int, text: str, options: AttributionOptions) -> Text:
        tokenizer = self._tokenizers[side]
        ((ids, spans),) = tokenizer.encode_in_place([text])
        if not options.words:
            return Text(ids, tuple(tokenizer.pieces(ids)), np.eye(len(ids), dtype=np.float32))
        words = words_of(text, self._spaceless[side], options.tokenized)
        return Text(ids, tuple(word.text for word in words), shares(words, spans))

    def _contrast(self, target: str, written: Text, options: AttributionOptions) -> Asked:
        """Asks about the first subword in which the translation and that with the other word differ."""
        assert options.contrast is not None
        instead, at = options.contrast
        words = words_of(target, self._spaceless[1], options.tokenized)
        if not 1 <= at <= len(words):
            raise OptionsError(f"there is no word {at}: the translation has {len(words)}, counted from 1: {target}")
        word = words[at - 1]
        (other_ids,) = self.translator.target.encode([target[: word.start] + instead + target[word.end :]])
        pairs = itertools.zip_longest(written.ids, other_ids, fillvalue=EOS_ID)
        place, chosen, foil = next(((i, a, b) for i, (a, b) in enumerate(pairs) if a != b), (0, 0, 0))
        if chosen == foil:
            raise OptionsError(f'"{instead}" is what stands there: word {at} of the translation is "{word.text}"')
        labels = (word.text, instead) if options.words else self.translator.target.pieces([chosen, foil])
        questions = Questions(*(np.array([each], np.int32) for each in (place, chosen, foil)))
        return Asked(questions, written.first(place), np.ones([1, 1], np.float32), (labels[0],), labels[1])

    def _attributed(self, source: Text, asked: Asked, options: AttributionOptions) -> Attribution:
        source_ids, target_in = (
            np.array([*source.ids, EOS_ID], np.int32),
            np.array([BOS_ID, *asked.prefix.ids], np.int32),
        )
        positions = asked.questions.positions
        margins = self.margins.of(source_ids, target_in, asked.questions)
        size = len(source_ids) + len(target_in), len(positions)
        scores = METHODS[options.method](margins, *size, options.steps)
        of_source, of_prefix = np.split(scores, [len(source_ids)], axis=1)
        of_prefix = np.where(np.arange(len(target_in)) <= positions[:, None], of_prefix, np.float32(0))
        amounts = [np.abs(each).sum(1) for each in (of_source, of_prefix)]
        rows = (asked.members / np.maximum(asked.members.sum(0), 1e-9)).T  # means over the subwords of a word
        merged = (
            of_source @ _beside_one(source.members, last=True),
            of_prefix @ _beside_one(asked.prefix.members, last=False),
            amounts[0] / np.maximum(sum(amounts), np.float32(1e-9)),
            *at_ends(margins, *size),
        )
        labels = (*source.labels, "</s>"), ("<s>", *asked.prefix.labels), asked.labels, asked.instead
        return Attribution(*labels, *(rows @ each for each in merged))


def _every_word(written: Text) -> Asked:
    """Asks about each token of a translation, its end too."""
    chosen = np.array([*written.ids, EOS_ID], np.int32)
    questions = Questions(np.arange(len(chosen), dtype=np.int32), chosen, np.full_like(chosen, ANY_OTHER))
    return Asked(questions, written, _beside_one(written.members, last=True), (*written.labels, "</s>"))


def _beside_one(members: np.ndarray, last: bool) -> np.ndarray:
    """Adds a token that is a word of its own: EOS, which is last, or BOS, which is first."""
    wider = np.pad(members, [(0, 1), (0, 1)] if last else [(1, 0), (1, 0)])
    wider[(-1, -1) if last else (0, 0)] = 1
    return wider
