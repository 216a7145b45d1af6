"""A run as a SavedModel, text in and text out, that TensorFlow and tensorflow-text load without this package.

Tokenizer, search and detokenizer are one graph.
Letters: N sentences, P pieces of them: a long sentence has several, a blank one none; W hypotheses of each; S source
and T target length.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from translator.data.tokenizer import NOT_IN_TEXT, Tokenizer
from translator.decoding.engines.saved_model import VERSION
from translator.decoding.search.scoring import NEVER, Scoring
from translator.decoding.translator import Translator
from translator.export import graph_pieces
from translator.vocabulary import EOS_ID, PAD_ID


def write(translator: Translator, folder: Path) -> None:
    """Writes a translator as a SavedModel, to `folder/1`.

    What is loaded from it has `translate`, string [N] -> string [N], the signatures of `SavedTranslator`, and all that
    `Translator.load_exported` needs:

        >>> import tensorflow as tf, tensorflow_text
        >>> module = tf.saved_model.load("exported/1")  # keep it: it keeps the variables alive
        >>> module.translate(tf.constant(["A man rides a bike."]))

    Args:
        translator: with the engine `transformer`; its options are fixed in the SavedModel.
        folder: a new one.

    Raises:
        OSError: the folder cannot be written; TensorFlow's OpError likewise.
    """
    module = SavedTranslator(translator)
    signatures = {"serving_default": module.serve, "n_best": module.n_best, "attention": module.attention}
    tf.saved_model.save(module, str(folder / VERSION), signatures=signatures)


class SavedTranslator(tf.Module):
    """What is saved: `Translator.translate_text` as a graph, with the variables that it reads.

    The attributes are those that `Translator.load_exported` reads back.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__(name="translator")
        engine = translator.transformer
        options = dataclasses.replace(translator.options, xla=False)  # a graph for all shapes of batches
        self.search = engine.graph(options)
        self._search_looking = engine.graph(dataclasses.replace(options, with_attention=True))
        self._options = options
        self.weights = self.search.get_concrete_function().variables
        with tf.device("CPU"):  # GPUs have no strings
            self.source_tokenizer = tf.Variable(translator.source.model, trainable=False)
            self.target_tokenizer = tf.Variable(translator.target.model, trainable=False)
            self.max_source_tokens = tf.Variable(translator.max_source_tokens, trainable=False)
            self.batch_sentences = tf.Variable(translator.batch_sentences, trainable=False)
            self.joiner = tf.Variable(translator.joiner, trainable=False)
            self.search_options = tf.Variable(json.dumps(dataclasses.asdict(options)), trainable=False)
            self._source, self._target = _in_graph(translator.source), _in_graph(translator.target)
        self._most, self._batch = translator.max_source_tokens, translator.batch_sentences
        self._prefix = list(translator.source.prefix)
        if self._prefix:
            self.source_prefix = tf.Variable(self._prefix, dtype=tf.int32, trainable=False)
        self._cutter, self._joiner = translator.cutter, translator.joiner

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
    def translate(self, sentences: tf.Tensor) -> tf.Tensor:
        """Translates any number of sentences, none included: string [N] -> string [N]."""
        pieces, sentence = self._cut(sentences)
        return self._joined(self._found(pieces, 1).texts[:, 0], sentence, tf.size(sentences))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
    def serve(self, sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        """`translate` with a name for what comes out, for servers."""
        return {"translations": self.translate(sentences)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
    def n_best(self, sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        """All that the search has found, the best first, as `Translation.hypotheses`.

        Returns:
            `translations`, string [N, W], and `scores`, float32 [N, W]; and `counts`, int32 [N]: how many of the W
            there are. The others are empty, with a score of 0. A sentence in several pieces has one, as a blank one.
        """
        N, W = tf.size(sentences), self._options.beam_size
        pieces, sentence = self._cut(sentences)
        found = self._found(pieces, W)
        of_sentence = tf.math.bincount(sentence, minlength=N)  # int32 [N], its pieces
        # Row P stands for the hypotheses of sentences that have not just one piece: there are none.
        first = tf.where(of_sentence == 1, tf.cumsum(of_sentence, exclusive=True), tf.size(sentence))
        texts = tf.gather(tf.pad(found.texts, [[0, 1], [0, 0]]), first)
        scores = tf.gather(tf.pad(found.scores, [[0, 1], [0, 0]], constant_values=NEVER), first)
        real = scores > NEVER / 2
        best = self._joined(found.texts[:, 0], sentence, N), self._score(found, sentence, N)
        return {
            "translations": tf.concat([best[0][:, None], tf.where(real, texts, "")[:, 1:]], 1),
            "scores": tf.concat([best[1][:, None], tf.where(real, scores, 0.0)[:, 1:]], 1),
            "counts": tf.maximum(1, tf.reduce_sum(tf.cast(real, tf.int32), 1)),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
    def attention(self, sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translations with what the decoder looked at as it wrote them, for a few sentences: they are one batch.

        Returns:
            `translations`, string [N]; `source_tokens`, string [N, S], and `target_tokens`, string [N, T], each with
            its EOS, the rest empty; `attention`, float32 [N, layers, T, S], means of each layer's heads, zero there.

        Raises:
            InvalidArgumentError: a sentence has more tokens than the model translates in one piece.
        """
        ids = self._tagged(self._source.tokenize(sentences))  # int32 [N, (tokens)]
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        tf.debugging.assert_less_equal(lengths, self._most, "a sentence is too long to be translated in one piece")
        sources = _ended(ids)
        found = self._search_looking(sources)
        written = tf.where(lengths > 0, found.lengths[:, 0], 0)  # EOS included; nothing of a blank sentence
        place = tf.range(tf.shape(found.ids)[2])
        tokens = tf.where(found.ids[:, 0] == PAD_ID, EOS_ID, found.ids[:, 0])
        looked = (place < written[:, None])[:, None, :, None] & (sources != PAD_ID)[:, None, None]
        return {
            "translations": self._texts(tf.where(lengths[:, None] > 0, found.ids[:, 0], PAD_ID)),
            "source_tokens": tf.where(sources != PAD_ID, self._source.id_to_string(sources), ""),
            "target_tokens": tf.where(place < written[:, None], self._target.id_to_string(tokens), ""),
            "attention": tf.where(looked, tf.transpose(found.attention[:, 0], [0, 2, 1, 3]), 0.0),
        }

    def _cut(self, sentences: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Pieces, int32 [P, (tokens)], and which sentence each is of, int32 [P]."""
        ids = self._source.tokenize(sentences)  # int32 [N, (tokens)]
        with tf.device("CPU"):
            pieces, sentence = graph_pieces.cut(ids, self._cutter, self._most - len(self._prefix))
            return self._tagged(pieces), sentence

    def _tagged(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Each row that is not empty with the prefix before it: int32 [·, (tokens)]."""
        if not self._prefix:
            return ids
        real = ids.row_lengths() > 0
        values = tf.tile(tf.constant(self._prefix, tf.int32), [tf.math.count_nonzero(real, dtype=tf.int32)])
        rows = tf.cast(real, ids.row_splits.dtype) * len(self._prefix)
        return tf.concat([tf.RaggedTensor.from_row_lengths(values, rows), ids], 1)

    def _found(self, pieces: tf.RaggedTensor, width: int) -> "_Found":
        """The first hypotheses of each piece: the longest first, `batch_sentences` at a time, as `Translator` does."""
        order = tf.argsort(pieces.row_lengths(), direction="DESCENDING", stable=True)

        def of_batch(start: tf.Tensor) -> _Found:
            found = self.search(_ended(tf.gather(pieces, order[start : start + self._batch])))
            texts = self._texts(tf.reshape(found.ids[:, :width], [-1, tf.shape(found.ids)[2]]))
            parts = (part[:, :width] for part in (found.scores, found.log_probs, found.lengths))
            return _Found(tf.reshape(texts, [-1, width]), *parts)

        of_batches = tf.map_fn(
            of_batch,
            tf.range(0, tf.size(order), self._batch),
            fn_output_signature=_Found(
                *(
                    tf.RaggedTensorSpec([None, width], dtype, ragged_rank=0)
                    for dtype in (tf.string, tf.float32, tf.float32, tf.int32)
                )
            ),
            parallel_iterations=1,
        )
        back = tf.argsort(order)
        # Of no batches at all the values have one dimension.
        return _Found(*(tf.gather(tf.reshape(part.flat_values, [-1, width]), back) for part in of_batches))

    def _texts(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [·, T], padded -> string [·]."""
        texts = self._target.detokenize(tf.ragged.boolean_mask(ids, ids != PAD_ID))
        return tf.strings.strip(tf.strings.regex_replace(texts, NOT_IN_TEXT, " "))

    def _joined(self, texts: tf.Tensor, sentence: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """The pieces' translations as those of their sentences: string [P] -> string [N]."""
        said = texts != ""  # a piece that translates to nothing leaves no joiner behind either
        texts, sentence = tf.boolean_mask(texts, said), tf.boolean_mask(sentence, said)
        if self._joiner:
            return tf.strings.unsorted_segment_join(texts, sentence, number, self._joiner)
        return tf.strings.unsorted_segment_join(graph_pieces.with_gaps(texts, sentence), sentence, number)

    def _score(self, found: "_Found", sentence: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """`decoding.translation.score_of`: float32 [N]."""
        options = self._options
        scoring = Scoring(options.length_penalty, options.length_penalty_form == "gnmt")

        def total(of_pieces: tf.Tensor) -> tf.Tensor:
            return tf.math.unsorted_segment_sum(of_pieces, sentence, number)

        score, log_prob, length = (part[:, 0] for part in found[1:])
        beside = total(score - scoring.score(log_prob, length))  # the coverage penalties
        return scoring.score(total(log_prob), tf.maximum(1, total(length))) + beside


class _Found(NamedTuple):
    """The first W hypotheses of each piece."""

    texts: tf.Tensor  # string [P, W]
    scores: tf.Tensor  # float32 [P, W]
    log_probs: tf.Tensor  # float32 [P, W]
    lengths: tf.Tensor  # int32 [P, W], EOS included


def _ended(ids: tf.RaggedTensor) -> tf.Tensor:
    """Ids as a search takes them: int32 [·, (tokens)] -> int32 [·, S], ending with EOS, padded with PAD."""
    return tf.concat([ids, tf.fill([ids.nrows(), 1], EOS_ID)], 1).to_tensor(PAD_ID)


def _in_graph(tokenizer: Tokenizer) -> tf_text.SentencepieceTokenizer:
    # In a loaded SavedModel, tokenizers of the same name are one: the first that is made serves both languages.
    name = f"sentencepiece_{hashlib.sha256(tokenizer.model).hexdigest()}"
    return tf_text.SentencepieceTokenizer(tokenizer.model, out_type=tf.int32, name=name)
