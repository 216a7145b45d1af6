"""Validation: loss and BLEU of the current weights on all validation sentences."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from translator.data.batches import length_sorted, pad
from translator.data.corpora.base import SentencePair
from translator.decoding.translator import Translator
from translator.evaluation.scores import corpus_bleu
from translator.model.transformer import Transformer
from translator.training.state import Validation
from translator.training.step import loss_sums

log = logging.getLogger(__name__)


class Validator:
    """Scores a model on the same sentences at every validation."""

    def __init__(
        self,
        model: Transformer,
        translator: Translator,
        pairs: Sequence[SentencePair],
        target_language: str,
        label_smoothing: float,
    ) -> None:
        """Prepares the sentences, which are never filtered.

        Args:
            model: the weights under training.
            translator: the same weights, searched.
            pairs: all validation pairs, in order.
            target_language: decides how BLEU tokenizes.
            label_smoothing: ε of the training loss.
        """
        self.translator, self.pairs, self.target_language = translator, pairs, target_language
        self._sources = translator.source.encode([pair.source for pair in pairs])
        self._targets = translator.target.encode([pair.target for pair in pairs])

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
        def sums(source: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return loss_sums(model, source, target, label_smoothing)

        self._sums = sums

    def warn_of_pieces(self, places: Iterable[str]) -> None:
        """Warns once, before the first validation, of sources translated in pieces; `places` are those of pairs."""
        most = self.translator.max_source_tokens
        if max(map(len, self._sources)) <= most:
            return
        for place, ids in zip(places, self._sources, strict=False):
            if len(ids) > most:
                log.warning(
                    "%s: the source has %s tokens, more than data.max_tokens %d: validation translates it in pieces",
                    place, f"{len(ids):,}", most,
                )  # fmt: skip

    def validate(self, step: int) -> Validation:
        """Loss given the reference tokens (teacher forcing), and BLEU against the untouched references."""
        loss, nll = self.loss()
        hypotheses = self.translator.translate_text([pair.source for pair in self.pairs], first_line=None)
        bleu = corpus_bleu(hypotheses, [pair.target for pair in self.pairs], self.target_language)
        return Validation(step, loss, nll, bleu)

    def loss(self) -> tuple[float, float]:
        """Label-smoothed loss and negative log-likelihood of the references, in nats a token."""
        totals, tokens = np.zeros(2), 0.0
        for batch in length_sorted(self._targets, self.translator.batch_sentences):
            source = pad([self._sources[i] for i in batch], eos=True)
            target = pad([self._targets[i] for i in batch], bos=True, eos=True)
            sums, count = self._sums(tf.constant(source), tf.constant(target))
            totals += sums.numpy()
            tokens += float(count)
        return float(totals[0] / tokens), float(totals[1] / tokens)
