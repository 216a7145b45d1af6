"""Several models as one: each reads the same tokens, and their probabilities are averaged at each step.

Letters: B sentences, S source length, T target length, b those still being translated, W beam width, V vocabulary,
N tokens of all targets.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from translator.decoding.engines.transformer import DecoderEngine, TransformerEngine
from translator.decoding.options import OptionsError, SearchOptions
from translator.decoding.search.loop import Decoder, Step
from translator.model.transformer import Transformer


class EnsembleEngine(DecoderEngine):
    """Searches, and scores, with the arithmetic mean of several models' probabilities of the next token.

    It is the mean of whole distributions; what may not be written is taken out of it afterwards, as from one model's.
    Search and scoring see one step, whose state is the tuple of the models' states.
    """

    def __init__(self, models: Sequence[Transformer]) -> None:
        """Takes models of one vocabulary, of any sizes.

        Raises:
            OptionsError: they have not as many subwords.
        """
        sizes = [model.output_table.shape[0] for model in models]
        if len(set(sizes)) != 1:
            raise OptionsError(f"models of an ensemble need one vocabulary; these have {sizes} target subwords")
        super().__init__()
        self._members = [TransformerEngine(model) for model in models]

    def decoder(self, source_ids: tf.Tensor, options: SearchOptions, longest: int | None = None) -> Decoder:
        """See `DecoderEngine.decoder`; attention is that of all layers of the first model, then of the next."""
        decoders = [member.decoder(source_ids, options, longest) for member in self._members]

        def step(token_ids: tf.Tensor, position: tf.Tensor, sentences: Any, hypotheses: Any) -> Step:
            steps = [
                decoder.step(token_ids, position, *states)
                for decoder, *states in zip(decoders, sentences, hypotheses, strict=True)
            ]
            logits = log_mean_probabilities([each.logits for each in steps])
            bonuses = [bonus for each in steps for bonus in tf.nest.flatten(each.bonus)]
            bonus = tf.add_n(bonuses) / len(bonuses) if bonuses else ()
            return Step(logits, tuple(each.hypothesis_state for each in steps), _joined(steps, axis=1), bonus)

        return Decoder(
            step,
            tuple(each.sentence_state for each in decoders),
            tuple(each.hypothesis_state for each in decoders),
            tuple(each.hypothesis_shapes for each in decoders),
            _joined(decoders, axis=3),
        )

    def next_logits(self, source_ids: tf.Tensor, target_in: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """See `DecoderEngine.next_logits`."""
        return log_mean_probabilities([member.next_logits(source_ids, target_in, real) for member in self._members])

    def fingerprint(self) -> dict[str, str]:
        """See `Identified.fingerprint`."""
        weights = "".join(member.fingerprint()["weights"] for member in self._members)
        return {"engine": "ensemble", "weights": hashlib.sha256(weights.encode()).hexdigest()}


def log_mean_probabilities(logits: Sequence[tf.Tensor]) -> tf.Tensor:
    """Logarithm of the mean of softmaxes: float32 [N, V] each -> float32 [N, V]; logits of a single model are kept."""
    if len(logits) == 1:
        return logits[0]
    log_probs = tf.stack([tf.nn.log_softmax(each) for each in logits])
    return tf.reduce_logsumexp(log_probs, 0) - math.log(len(logits))


def _joined(parts: Sequence[Step | Decoder], axis: int) -> Any:
    """The models' attention side by side along the axis of layers; () where none was asked for."""
    attention = [part.attention for part in parts]
    return tf.concat(attention, axis) if tf.nest.flatten(attention) else ()
