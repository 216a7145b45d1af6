"""A run's model: built with random weights, or with those of a file."""

from pathlib import Path

from translator.config.schema import Config, ModelConfig
from translator.data.tokenizer import Tokenizer
from translator.model.transformer import Transformer, weight_shapes
from translator.model.weights import (
    read_shapes,
    read_weights,
    require_finite,
    require_shapes,
    set_weights,
    with_current_names,
)


def build_model(config: Config, source: Tokenizer, target: Tokenizer, precision: str = "float32") -> Transformer:
    """A Transformer with random weights, of the sizes that a run needs."""
    return Transformer(*_sizes(config, source, target), precision, config.train.xla)


def load_model(config: Config, source: Tokenizer, target: Tokenizer, weights: Path) -> Transformer:
    """A Transformer with the weights of a file, whose shapes are checked before memory is allocated for any.

    Raises:
        WeightsError: the file is not of `build_model`'s model, or holds NaN or infinite numbers.
    """
    require_model_of(config, source, target, weights)
    model = build_model(config, source, target)
    arrays = with_current_names(read_weights(weights))
    require_finite(arrays, weights)
    set_weights(model.named_weights(), arrays, weights)
    return model


def require_model_of(config: Config, source: Tokenizer, target: Tokenizer, weights: Path) -> None:
    """Raises a WeightsError unless a file has the weights of `build_model`, before memory is allocated for any.

    Configuration and weights may come from a stranger: it is the file's size that bounds the model's.
    """
    shapes = with_current_names(read_shapes(weights))
    require_shapes(weight_shapes(*_sizes(config, source, target)), shapes, weights)


def _sizes(config: Config, source: Tokenizer, target: Tokenizer) -> tuple[ModelConfig, int, int, int]:
    # BOS or EOS comes to the longest sentence, so that training reaches every row of learned positions.
    return config.model, source.vocabulary_size, target.vocabulary_size, config.data.max_tokens + 1
