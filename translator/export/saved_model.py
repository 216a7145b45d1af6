"""A run as a SavedModel, text in and text out, that TensorFlow and tensorflow-text load without this package.

Tokenizer, search and detokenizer are one graph. The export is compared with the run before it gets its name.
Letters: N sentences, P pieces of them: a long sentence has several, a blank one none.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text

from translator.config.schema import DataConfig
from translator.data.corpora.base import CorpusError
from translator.data.corpora.formats import open_corpus
from translator.data.tokenizer import NOT_IN_TEXT, Tokenizer
from translator.decoding.engines.saved_model import open_graph
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.translator import Translator
from translator.errors import TranslatorError
from translator.export import graph_pieces
from translator.run_folder import RunFolder
from translator.vocabulary import EOS_ID, PAD_ID

log = logging.getLogger(__name__)

CHECKED_SENTENCES = 8  # of the validation set, beside the odd ones
# Blank; what hardly any vocabulary has; and characters that the tokenizer's normalisation drops or changes.
ODD_SENTENCES = ("", " \t", "ꙮ ᚠᛇᚻ 𝔉𝔯𝔞𝔨𝔱𝔲𝔯 👩\u200d🚀", "ﬁ\u200b\u00a0</s> \x07e\u0301 <unk> \ufffd")


class ExportError(TranslatorError):
    """An export that would overwrite something, cannot be written, or translates differently from its run."""


def export_saved_model(run: Path, output: Path, beam_size: int | None) -> None:
    """Writes a run's model as a SavedModel, complete and checked or not at all.

    What is loaded from it has `translate`, string [N] -> string [N], which is also the serving signature (`sentences`
    in, `translations` out), and all that `Translator.load_exported` needs:

        >>> import tensorflow as tf, tensorflow_text
        >>> module = tf.saved_model.load("exported")  # keep it: it keeps the variables alive
        >>> module.translate(tf.constant(["A man rides a bike."]))

    Args:
        run: a run folder with a model.
        output: the folder to write; empty, or not there yet.
        beam_size: in place of the run's own `search.beam_size`; fixed in the SavedModel.

    Raises:
        ExportError: the output folder holds something or cannot be written, or the SavedModel gives another text than
            the run; then nothing is left behind.
        RunError: the folder is no run, or has no model yet.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ExportError(f"{output} is there already; name another --output, or delete it first")
    config = RunFolder(run).load_config()
    translator = Translator.load(run, beam_size)
    target = output.resolve()
    partial = target.with_name(target.name + ".partial")
    with _quiet(), _removed_on_error(partial):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(SavedTranslator(translator), partial)
        except (OSError, tf.errors.OpError) as error:
            raise ExportError(f"{output} cannot be written: {error}") from error
        sentences = [*ODD_SENTENCES, *_validation_sentences(config.data)]
        _compare(partial, translator, [*sentences, _long_sentence(sentences, translator.max_source_tokens)])
        try:
            partial.replace(target)
        except OSError as error:
            raise ExportError(f"{output} cannot be written: {error}") from error


class SavedTranslator(tf.Module):
    """What is saved: `Translator.translate_text` as a graph, with the variables that it reads.

    The attributes are those that `Translator.load_exported` reads back.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__(name="translator")
        engine = translator.engine
        assert isinstance(engine, TransformerEngine)
        self.search = engine.graph(translator.options)
        self.weights = self.search.get_concrete_function().variables
        with tf.device("CPU"):  # GPUs have no strings
            self.source_tokenizer = tf.Variable(translator.source.model, trainable=False)
            self.target_tokenizer = tf.Variable(translator.target.model, trainable=False)
            self.max_source_tokens = tf.Variable(translator.max_source_tokens, trainable=False)
            self.batch_sentences = tf.Variable(translator.batch_sentences, trainable=False)
            self.joiner = tf.Variable(translator.joiner, trainable=False)
            self.search_options = tf.Variable(json.dumps(dataclasses.asdict(translator.options)), trainable=False)
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


def _write(module: SavedTranslator, folder: Path) -> None:
    if folder.exists():  # of an export that was killed
        shutil.rmtree(folder)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


def _validation_sentences(data: DataConfig) -> list[str]:
    """The first few validation sentences of the run; none if the corpus is no longer there."""
    try:
        with contextlib.closing(open_corpus(data.validation[0], data).pairs()) as pairs:
            return [pair.source for pair in itertools.islice(pairs, CHECKED_SENTENCES)]
    except CorpusError as error:
        log.warning("the export is checked on made-up sentences alone: %s", error)
        return []


def _long_sentence(sentences: list[str], most: int) -> str:
    """A sentence of more than `most` tokens made of these sentences' words, nearly all of which have at least one."""
    words = " ".join(sentences).split()
    return " ".join(itertools.islice(itertools.cycle(words), 2 * most))


def _compare(folder: Path, translator: Translator, sentences: list[str]) -> None:
    """Loads what was written and translates with it.

    Raises:
        ExportError: names the first sentence whose translation differs.
    """
    module = open_graph(folder)  # must live as long as its functions: they hold its variables weakly
    exported = [text.decode("utf-8") for text in module.translate(tf.constant(sentences)).numpy()]
    for sentence, ours, theirs in zip(sentences, translator.translate_text(sentences), exported, strict=True):
        if ours != theirs:
            raise ExportError(
                f"the export translates {sentence!r:.200} as {theirs!r:.200} but the run as {ours!r:.200}; "
                "nothing was written"
            )


@contextlib.contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences TensorFlow's messages about saving, and the warning about the long sentence of the check."""
    loggers = [tf.get_logger(), logging.getLogger(Translator.__module__)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
