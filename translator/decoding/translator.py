"""Sentences in, translations out: one line for each line, in order, whatever the line holds."""

import itertools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from translator.config.schema import Config, SearchConfig
from translator.data.batches import length_sorted, pad
from translator.data.prepare import load_tokenizers
from translator.data.tokenizer import Tokenizer
from translator.decoding.engine import search_function
from translator.decoding.pieces import Cutter
from translator.decoding.search import Hypotheses
from translator.languages import writes_no_spaces
from translator.model.build import load_model
from translator.model.transformer import Transformer
from translator.run_folder import RunError, RunFolder
from translator.training.choosing import Checkpoint, weights_of
from translator.vocabulary import PAD_ID

log = logging.getLogger(__name__)

Search = Callable[[tf.Tensor], Hypotheses]  # int32 [B, S], ending with EOS and padded -> hypotheses


class Translator:
    """Translates with any search; validation, `translate`, `eval` and an exported model all go through here."""

    def __init__(
        self,
        source: Tokenizer,
        target: Tokenizer,
        search: Search,
        max_source_tokens: int,
        batch_sentences: int,
        joiner: str = " ",
    ) -> None:
        """Joins a vocabulary for each side with a search.

        Args:
            source: of the sentences.
            target: of the translations.
            search: source ids to hypotheses.
            max_source_tokens: sentences with more tokens are translated in pieces (`translator.decoding.pieces`).
            batch_sentences: sentences, or pieces, that are searched together.
            joiner: what stands between the translations of a sentence's pieces.
        """
        self.source, self.target, self.search = source, target, search
        self.max_source_tokens, self.batch_sentences, self.joiner = max_source_tokens, batch_sentences, joiner
        self.cutter = Cutter(source.pieces(range(source.vocabulary_size)))

    @classmethod
    def load(cls, path: str | Path, beam_size: int | None = None, checkpoint: Checkpoint | None = None) -> "Translator":
        """Opens a run folder, of which nothing is executed.

        Args:
            path: the folder.
            beam_size: in place of the run's own `search.beam_size`.
            checkpoint: `best` (by validation) or `last`: a single checkpoint in place of the finished model, which
                works while training is under way.

        Raises:
            RunError: the folder is not a run, or the run has no model, or no such checkpoint, yet.
            WeightsError: the model is not one of the run's configuration.
        """
        run = RunFolder(Path(path))
        config = run.load_config()
        weights = weights_of(run, config.train, checkpoint)
        source, target = load_tokenizers(run)
        model = load_model(config, source, target, weights)
        search = config.search.model_copy(update={} if beam_size is None else {"beam_size": beam_size})
        return cls.of_model(model, source, target, config, search)

    @classmethod
    def of_model(
        cls, model: Transformer, source: Tokenizer, target: Tokenizer, config: Config, search: SearchConfig
    ) -> "Translator":
        """Translates with the weights that a model has at each call."""
        joiner = "" if writes_no_spaces(config.data.target) else " "
        engine = search_function(model, search)
        return cls(source, target, engine, config.data.max_tokens, search.batch_sentences, joiner)

    @classmethod
    def load_exported(cls, path: str | Path) -> "Translator":
        """Opens a SavedModel that `translator export` wrote. Its beam size is fixed.

        A SavedModel is a graph, that is a program, which may read and write files: open only what you trust.

        Raises:
            RunError: it cannot be read, or is another SavedModel.
        """
        module = open_graph(Path(path))
        parts = ("source_tokenizer", "target_tokenizer", "max_source_tokens", "batch_sentences", "joiner", "search")
        if not all(hasattr(module, part) for part in parts):
            raise RunError(f"{path} is a SavedModel, but not one that `translator export` wrote")
        source, target = (Tokenizer(side.numpy()) for side in (module.source_tokenizer, module.target_tokenizer))

        def search(source_ids: tf.Tensor) -> Hypotheses:
            # Going through the module keeps it: the graph's variables live no longer than it does.
            return Hypotheses(*module.search(source_ids))

        joiner = module.joiner.numpy().decode()
        return cls(source, target, search, int(module.max_source_tokens), int(module.batch_sentences), joiner)

    def translate(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[str]:
        """Translates sentences; as many come back, in the same order. A blank one stays blank.

        Args:
            sentences: plain text, a sentence each.
            first_line: number of the first sentence, for the warning that one is translated in pieces; None for none.
            on_progress: told how many sentences, or pieces of long ones, are done and how many there are.
        """
        pieces: list[list[int]] = []
        piece_counts = []
        for number, ids in enumerate(self.source.encode(sentences), first_line or 1):
            parts = self.cutter.cut(ids, self.max_source_tokens)
            if len(parts) > 1 and first_line is not None:
                log.warning(
                    "line %d has %s tokens, more than the %d that the model was trained on: translated in %d pieces",
                    number, f"{len(ids):,}", self.max_source_tokens, len(parts),
                )  # fmt: skip
            pieces += parts
            piece_counts.append(len(parts))
        translated = iter(self._translate_pieces(pieces, on_progress))
        return [self.joiner.join(filter(None, itertools.islice(translated, count))) for count in piece_counts]

    def _translate_pieces(self, pieces: list[list[int]], on_progress: Callable[[int, int], None] | None) -> list[str]:
        translations: list[list[int]] = [[]] * len(pieces)
        done = 0
        for batch in length_sorted(pieces, self.batch_sentences):
            best = self.search(tf.constant(pad([pieces[i] for i in batch], eos=True))).ids[:, 0].numpy()
            for i, ids in zip(batch, best, strict=True):
                translations[i] = ids[ids != PAD_ID].tolist()
            done += len(batch)
            if on_progress:
                on_progress(done, len(pieces))
        return self.target.decode(translations)


def open_graph(path: Path) -> Any:
    """Opens a SavedModel, which can then run: only for one that the user named as such, or that was written here.

    Raises:
        RunError: it cannot be read.
    """
    import tensorflow_text  # noqa: F401  (registers the operations of the tokenizers in the graph)

    try:
        return tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises what it likes of a damaged one
        raise RunError(f"{path} cannot be read as an exported model: {error}") from error
