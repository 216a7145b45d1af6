"""A run as a SavedModel, text in and text out, that TensorFlow and tensorflow-text load without this package.

Tokenizer, search and detokenizer are one graph.
Letters: N sentences, P pieces of them: a long sentence has several, a blank one none.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text

from translator.data.tokenizer import NOT_IN_TEXT, Tokenizer
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.translator import Translator
from translator.export import graph_pieces
from translator.vocabulary import EOS_ID, PAD_ID


def write(translator: Translator, folder: Path, quantization: str) -> None:
    """Writes a translator as a SavedModel.

    What is loaded from it has `translate`, string [N] -> string [N], which is also the serving signature (`sentences`
    in, `translations` out), and all that `Translator.load_exported` needs:

        >>> import tensorflow as tf, tensorflow_text
        >>> module = tf.saved_model.load("exported")  # keep it: it keeps the variables alive
        >>> module.translate(tf.constant(["A man rides a bike."]))

    Args:
        translator: with the engine `transformer`; its options are fixed in the SavedModel.
        folder: a new one.
        quantization: float32, the only one.

    Raises:
        OSError: the folder cannot be written; TensorFlow's OpError likewise.
    """
    assert quantization == "float32"
    module = SavedTranslator(translator)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


class SavedTranslator(tf.Module):
    """What is saved: `Translator.translate_text` as a graph, with the variables that it reads.

    The attributes are those that `Translator.load_exported` reads back.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__(name="translator")
        engine = translator.engine
        assert isinstance(engine, TransformerEngine)
        options = dataclasses.replace(translator.options, xla=False)  # a graph for all shapes of batches
        self.search = engine.graph(options)
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
        self._cutter, self._joiner = translator.cutter, translator.joiner

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
    def translate(self, sentences: tf.Tensor) -> tf.Tensor:
        """Translates any number of sentences, none included: string [N] -> string [N]."""
        ids = self._source.tokenize(sentences)  # int32 [N, (tokens)]
        with tf.device("CPU"):
            pieces, sentence = graph_pieces.cut(ids, self._cutter, self._most)  # int32 [P, (tokens)], int32 [P]
        texts = self._translate_pieces(pieces)
        said = texts != ""  # a piece that translates to nothing leaves no joiner behind either
        texts, sentence = tf.boolean_mask(texts, said), tf.boolean_mask(sentence, said)
        return tf.strings.unsorted_segment_join(texts, sentence, tf.size(sentences), self._joiner)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
    def serve(self, sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        """`translate` with a name for what comes out, for servers."""
        return {"translations": self.translate(sentences)}

    def _translate_pieces(self, pieces: tf.RaggedTensor) -> tf.Tensor:
        """int32 [P, (tokens)] -> string [P]: the longest first, `batch_sentences` at a time, as `Translator` does."""
        order = tf.argsort(pieces.row_lengths(), direction="DESCENDING", stable=True)

        def translate_batch(start: tf.Tensor) -> tf.Tensor:
            batch = tf.gather(pieces, order[start : start + self._batch])
            end = tf.fill([batch.nrows(), 1], EOS_ID)
            best = self.search(tf.concat([batch, end], 1).to_tensor(PAD_ID)).ids[:, 0]
            texts = self._target.detokenize(tf.ragged.boolean_mask(best, best != PAD_ID))
            return tf.strings.strip(tf.strings.regex_replace(texts, NOT_IN_TEXT, " "))

        texts = tf.map_fn(
            translate_batch,
            tf.range(0, tf.size(order), self._batch),
            fn_output_signature=tf.RaggedTensorSpec([None], tf.string, ragged_rank=0),
            parallel_iterations=1,
        )
        return tf.gather(texts.flat_values, tf.argsort(order))


def _in_graph(tokenizer: Tokenizer) -> tf_text.SentencepieceTokenizer:
    # In a loaded SavedModel, tokenizers of the same name are one: the first that is made serves both languages.
    name = f"sentencepiece_{hashlib.sha256(tokenizer.model).hexdigest()}"
    return tf_text.SentencepieceTokenizer(tokenizer.model, out_type=tf.int32, name=name)
