"""What the tests of the model share."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest

Randomize = Callable[[keras.layers.Layer, int], None]


@pytest.fixture(scope="session")
def randomize() -> Randomize:
    """Gives every weight of a layer a random value, so that no bias is left 0 and no γ is left 1."""

    def fill(layer: keras.layers.Layer, seed: int) -> None:
        rng = np.random.default_rng(seed)
        for variable in layer.variables:
            variable.assign(rng.normal(0.0, 0.5, variable.shape) + (1.0 if variable.name == "gamma" else 0.0))

    return fill


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def dtype_policy(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test in both precisions; layers take them from Keras' global policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)
