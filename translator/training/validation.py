"""Validation: loss and BLEU of the current weights on all validation sentences."""

import hashlib
import json
import logging
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.data.batches import length_sorted, pad
from translator.data.corpora.base import SentencePair
from translator.decoding.translator import Translator
from translator.evaluation.scores import corpus_bleu
from translator.languages import LanguagePair
from translator.model.transformer import Transformer
from translator.training.state import Validation
from translator.training.step import loss_sums

log = logging.getLogger(__name__)


class _Part(NamedTuple):
    """The validation sentences of one pair of languages."""

    languages: LanguagePair
    translator: Translator
    pairs: Sequence[SentencePair]

    def bleu(self) -> float:
        """Of the current weights, against the untouched references."""
        hypotheses = self.translator.translate_text([pair.source for pair in self.pairs], first_line=None)
        return corpus_bleu(hypotheses, [pair.target for pair in self.pairs], self.languages.target)


class Validator:
    """Scores a model on the same sentences at every validation."""

    def __init__(
        self,
        model: Transformer,
        translator: Translator,
        pairs: Mapping[LanguagePair, Sequence[SentencePair]],
        label_smoothing: float,
    ) -> None:
        """Prepares the sentences, which are never filtered.

        Args:
            model: the weights under training.
            translator: the same weights, searched.
            pairs: all validation pairs by their languages, in order.
            label_smoothing: ε of the training loss.
        """
        self.parts = [_Part(each, translator.into(each.target), pairs[each]) for each in pairs]
        self._batch_sentences, self._most = translator.batch_sentences, translator.max_source_tokens
        self._sources, self._targets = [], []
        for part in self.parts:
            self._sources += part.translator.source.encode([pair.source for pair in part.pairs])
            self._targets += part.translator.target.encode([pair.target for pair in part.pairs])

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
        def sums(source: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return loss_sums(model, source, target, label_smoothing)

        self._sums = sums

    @property
    def fingerprint(self) -> str:
        """Identifies the validation set: its languages and its pairs, in order."""
        return hashlib.sha256(json.dumps([(part.languages, part.pairs) for part in self.parts]).encode()).hexdigest()

    def warn_of_pieces(self, places: Iterable[str]) -> None:
        """Warns once, before the first validation, of sources translated in pieces; `places` are those of pairs."""
        most = self._most
        if max(map(len, self._sources)) <= most:
            return
        for place, ids in zip(places, self._sources, strict=False):
            if len(ids) > most:
                log.warning(
                    "%s: the source has %s tokens, more than data.max_tokens %d: validation translates it in pieces",
                    place, f"{len(ids):,}", most,
                )  # fmt: skip

    def validate(self, step: int) -> Validation:
        """Loss given the reference tokens (teacher forcing), and BLEU: of several pairs of languages the mean."""
        loss, nll = self.loss()
        bleus = {str(part.languages): part.bleu() for part in self.parts}
        return Validation(step, loss, nll, statistics.fmean(bleus.values()), bleus if len(bleus) > 1 else {})

    def loss(self) -> tuple[float, float]:
        """Label-smoothed loss and negative log-likelihood of the references, in nats a token."""
        totals, tokens = np.zeros(2), 0.0
        for batch in length_sorted(self._targets, self._batch_sentences):
            source = pad([self._sources[i] for i in batch], eos=True)
            target = pad([self._targets[i] for i in batch], bos=True, eos=True)
            sums, count = self._sums(tf.constant(source), tf.constant(target))
            totals += sums.numpy()
            tokens += float(count)
        return float(totals[0] / tokens), float(totals[1] / tokens)
