"""Reads off a model what its heads look at, and names rows and columns by subwords and by words.

The translation is read, not searched for: all its tokens are given, and all positions computed at once.

Letters: L layers, H heads; B sentences, S and T tokens of sentence and translation.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from translator.data.batches import pad
from translator.data.tokenizer import Tokenizer
from translator.data.words import shares, words_of
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import OptionsError
from translator.decoding.scored import Pair
from translator.decoding.translator import Translator
from translator.inspect.attention import KINDS, Attention, Maps, Where
from translator.languages import writes_no_spaces
from translator.model.transformer import Transformer
from translator.run_folder import RunFolder
from translator.training.choosing import Checkpoint
from translator.vocabulary import BOS_ID, EOS_ID


class Axis(NamedTuple):
    """The positions of one side, in subwords and in words."""

    tokens: tuple[str, ...]
    words: tuple[str, ...]
    members: np.ndarray  # float32 [tokens, words]: the share that a word has of a subword

    def with_end(self, label: str) -> "Axis":
        """EOS behind all, a word of its own."""
        return Axis((*self.tokens, label), (*self.words, label), np.pad(self.members, [(0, 1)] * 2) + _corner(self, -1))

    def with_begin(self, label: str) -> "Axis":
        """BOS before all, a word of its own."""
        return Axis((label, *self.tokens), (label, *self.words), np.pad(self.members, [(1, 0)] * 2) + _corner(self, 0))


class AttentionReader:
    """Reads sentences and translations with the model of a translator."""

    def __init__(self, translator: Translator, languages: tuple[str, str], *, compiled: bool = True) -> None:
        """Compiles nothing yet.

        Args:
            translator: it finds the translation where none is given.
            languages: of sentence and translation; they say how words are separated.
            compiled: whether the first sentence compiles a graph for all others, which takes longer than a few
                sentences do without.

        Raises:
            OptionsError: the translator's engine has no model to look into.
        """
        self.translator = translator
        self.languages = languages
        self._graph = _graph_of(translator.transformer.model, compiled)

    @classmethod
    def load(
        cls,
        run: str | Path,
        beam_size: int | None = None,
        checkpoint: Checkpoint | None = None,
        to: str | None = None,
        source: str | None = None,
    ) -> "AttentionReader":
        """Opens a run folder; see `Translator.load`. `source` is the source language of a run that has several."""
        pair = chosen_pair(RunFolder(Path(run)).load_config().data, to, source)
        return cls(Translator.load(run, beam_size, checkpoint, to=pair.target), pair)

    def read(self, source: str, target: str | None = None, where: Where = "written") -> Attention:
        """Reads one sentence.

        Args:
            source: plain text.
            target: its translation; None for the one that the translator finds.
            where: whether the rows of the decoder are named by the tokens that it writes there, or by those that it
                reads there as its input.

        Raises:
            OptionsError: the sentence is blank, or it or the translation is too long for the model.
        """
        if not source.strip():
            raise OptionsError("the sentence is blank; there is nothing to look at")
        source_spaceless, target_spaceless = map(writes_no_spaces, self.languages)
        source_ids, source_axis = _encoded(self.translator.source, source, source_spaceless)
        self.translator.pair_cutter.require_whole(Pair(source_ids, []))
        if target is None:
            (target,) = self.translator.translate_text([source])
        target_ids, target_axis = _encoded(self.translator.target, target, target_spaceless)
        self.translator.pair_cutter.require_whole(Pair(source_ids, target_ids))
        ids = pad([source_ids], eos=True), pad([target_ids], bos=True)
        weights = [place.numpy()[0] for place in self._graph(*map(tf.constant, ids))]
        bos, eos = self.translator.target.pieces([BOS_ID, EOS_ID])
        written, read = target_axis.with_end(eos), target_axis.with_begin(bos)
        rows, source_axis = written if where == "written" else read, source_axis.with_end(eos)
        axes = [(source_axis, source_axis), (rows, read), (rows, source_axis)]
        by_token = {kind: Maps(q.tokens, m.tokens, w) for kind, w, (q, m) in zip(KINDS, weights, axes, strict=True)}
        by_word = {kind: merged(w, q, m) for kind, w, (q, m) in zip(KINDS, weights, axes, strict=True)}
        return Attention(source, target, self.languages, where, {"tokens": by_token, "words": by_word})

    def can_read(self, source: str, target: str) -> bool:
        """Whether `read` takes the pair: the sentence is not blank, and neither is too long."""
        cutter = self.translator.pair_cutter
        (source_ids,), (target_ids,) = self.translator.source.encode([source]), self.translator.target.encode([target])
        is_short = len(source_ids) <= cutter.most_source and len(target_ids) <= cutter.most_target
        return bool(source.strip()) and is_short


def _graph_of(model: Transformer, compiled: bool) -> Callable[[tf.Tensor, tf.Tensor], Sequence[tf.Tensor]]:
    """int32 [B, S] with EOS and [B, T] with BOS -> float32 [B, L, H, S, S], [B, L, H, T, T] and [B, L, H, T, S]."""

    def read(source_ids: tf.Tensor, target_in: tf.Tensor) -> list[tf.Tensor]:
        encoded = model.encode(source_ids)
        layers = model.decode(target_in, encoded).layers
        places = encoded.weights, [each.self_weights for each in layers], [each.cross_weights for each in layers]
        return [tf.stack([tf.cast(weights, tf.float32) for weights in place], 1) for place in places]

    return tf.function(read, [tf.TensorSpec([None, None], tf.int32)] * 2) if compiled else read


def _encoded(tokenizer: Tokenizer, text: str, spaceless: bool) -> tuple[list[int], Axis]:
    ((ids, spans),) = tokenizer.encode_in_place([text])
    words = words_of(text, spaceless)
    return ids, Axis(tuple(tokenizer.pieces(ids)), tuple(word.text for word in words), shares(words, spans))


def _corner(axis: Axis, at: Literal[0, -1]) -> np.ndarray:
    """Zeros with a one in the first corner or in the last, larger than the axis by one each way."""
    corner = np.zeros([len(axis.tokens) + 1, len(axis.words) + 1], np.float32)
    corner[at, at] = 1
    return corner


def merged(weights: np.ndarray, rows: Axis, columns: Axis) -> Maps:
    """Subwords to words: a word is looked at by the sum of its subwords' weights, and looks by the mean."""
    mean = rows.members / np.maximum(rows.members.sum(0), 1e-9)
    return Maps(rows.words, columns.words, mean.T @ weights @ columns.members)
