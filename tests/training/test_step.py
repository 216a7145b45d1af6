"""One update is the same however its batch is dealt out: over replicas, over micro-batches, with rows of padding.

TensorFlow lets a process split its CPU up before anything has run on it only, so what several replicas do is asked of
this very file, run as a script of its own.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from translator.runtime import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

from translator.config.schema import ModelConfig  # noqa: E402
from translator.config.training import TrainConfig  # noqa: E402
from translator.data.batches import pad  # noqa: E402
from translator.model.transformer import Transformer  # noqa: E402
from translator.model.weights import get_weights  # noqa: E402
from translator.training.beginning import trained  # noqa: E402
from translator.training.optimizer import Adam  # noqa: E402
from translator.training.schedule import learning_rate  # noqa: E402
from translator.training.step import StepSums, Update, loss_sums, make_update  # noqa: E402
from translator.vocabulary import PAD_ID  # noqa: E402

ROOT = Path(__file__).parents[2]
VOCABULARY = 23
STEPS = 10
CLIP_NORM = 0.25
LABEL_SMOOTHING = 0.1
RATE = 2.0

Pair = tuple[list[int], list[int]]
Dealt = list[list[list[Pair]]]  # for each replica, for each micro-batch, its rows
PADDING: Pair = ([], [])
FIRST, SECOND = np.array(0, np.int64), np.array(1, np.int64)  # tensors would start TensorFlow
# Adam as it is used. This ε keeps rounding errors of a gradient that is 0 but for them from becoming whole steps.
ADAM: dict[str, Any] = {"optimizer_betas": (0.9, 0.98), "optimizer_epsilon": 1e-2, "learning_rate": 0.1}

# Very unlike in length, the long ones first: 57 target tokens with EOS in the first half, 10 in the other.
RNG = np.random.default_rng(11)
PAIRS: list[Pair] = [
    (RNG.integers(4, VOCABULARY, source).tolist(), RNG.integers(4, VOCABULARY, target).tolist())
    for source, target in [(17, 20), (9, 16), (12, 13), (3, 4), (1, 1), (2, 2), (1, 2), (4, 1)]
]


@dataclass
class Trained:
    """What some updates gave and left behind."""

    sums: np.ndarray  # float32 [STEPS, 4]: smoothed loss, negative log-likelihood, tokens, gradient norm
    first: np.ndarray  # all weights, end to end, before the first update…
    second: np.ndarray  # … after it…
    last: np.ndarray  # … and after the last


def model_config(**settings: Any) -> ModelConfig:
    sizes = {"d_model": 16, "d_ff": 24, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0}
    return ModelConfig.model_validate(sizes | settings)


def train_config(**settings: Any) -> TrainConfig:
    """Adam with β₁ = β₂ = 0 and ε = 1, which moves each weight by rate · g / (|g| + 1).

    That is smooth in the gradient g. Adam's usual g / |g| would blow rounding errors up to whole steps where g is 0 but
    for them, as it is for the biases of keys.
    """
    like_sgd = {"optimizer_betas": (0.0, 0.0), "optimizer_epsilon": 1.0, "schedule": "constant", "warmup_steps": 0}
    given = {"max_steps": 99, "learning_rate": RATE, "clip_norm": CLIP_NORM, "label_smoothing": LABEL_SMOOTHING}
    return TrainConfig.model_validate(like_sgd | given | settings)


def arrays(dealt: Dealt) -> list[tuple[np.ndarray, np.ndarray]]:
    """Source [N, B, S] and target [N, B, T + 1] of each replica, all of one shape; missing rows are padding."""
    rows = max(len(part) for share in dealt for part in share)
    real = [pair for share in dealt for part in share for pair in part]
    longest = [max(len(pair[side]) for pair in real) + 1 + side for side in (0, 1)]
    filled = [[np.full([len(share), rows, length], PAD_ID, np.int32) for length in longest] for share in dealt]
    for sides, share in zip(filled, dealt, strict=True):
        for n, part in enumerate(share):
            for b, pair in enumerate(part):
                if pair != PADDING:
                    for side in (0, 1):
                        (ids,) = pad([pair[side]], bos=side == 1, eos=True)
                        sides[side][n, b, : len(ids)] = ids
    return [(source, target) for source, target in filled]


def train(
    dealt: Dealt,
    strategy: tf.distribute.Strategy | None = None,
    model: ModelConfig | None = None,
    steps: int = STEPS,
    **settings: Any,
) -> Trained:
    """A few updates with the same batch each time."""
    strategy = strategy or tf.distribute.OneDeviceStrategy("CPU:0")
    transformer, _, update = built(strategy, model, micro_batches=len(dealt[0]), **settings)
    parts = arrays(dealt)
    inputs = [
        strategy.experimental_distribute_values_from_function(
            lambda context, side=side: tf.constant(parts[context.replica_id_in_sync_group][side])
        )
        for side in (0, 1)
    ]
    sums, states = [], [weights(transformer)]
    for step in range(steps):
        sums.append(update(tf.constant(step, tf.int64), *inputs).numpy())
        states.append(weights(transformer))
    return Trained(np.array(sums), states[0], states[1], states[-1])


def built(
    strategy: tf.distribute.Strategy | None = None, model: ModelConfig | None = None, **settings: Any
) -> tuple[Transformer, Adam, Update]:
    """Fresh weights, and what updates them."""
    strategy = strategy or tf.distribute.OneDeviceStrategy("CPU:0")
    config = train_config(**settings)
    with strategy.scope():
        keras.utils.set_random_seed(1)
        transformer = Transformer(model or model_config(), VOCABULARY, VOCABULARY, 40)
        optimizer = Adam(trained(transformer.named_weights(), config), config.optimizer_betas, config.optimizer_epsilon)
    return transformer, optimizer, make_update(transformer, optimizer, partial(learning_rate, config), config, strategy)


def everything(transformer: Transformer, optimizer: Adam) -> list[np.ndarray]:
    """Weights and moments."""
    return [variable.numpy() for variable in [*transformer.trainable_variables, *optimizer.variables.values()]]


def weights(transformer: Transformer) -> np.ndarray:
    return np.concatenate([variable.numpy().ravel() for variable in transformer.trainable_variables])


def assert_same(found: Trained, expected: Trained) -> None:
    """The same but for the order in which float32 numbers were added up."""
    np.testing.assert_array_equal(found.first, expected.first)
    np.testing.assert_allclose(found.sums, expected.sums, rtol=1e-5)
    # Sums of some hundred products are off by 1e-6 of their size, here as the gradient of a weight, which is 0.25 at
    # the most, clipped. Times the rate, over ten steps, that is 5e-6; the weights go fifty thousand times as far.
    assert np.abs(expected.last - expected.first).max() > 0.25
    np.testing.assert_allclose(found.last, expected.last, atol=1e-5, rtol=0)


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Runs the update as it is written, which takes less time than compiling it for a few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def whole() -> Trained:
    """The updates with everything in one piece."""
    with uncompiled():
        return train([[PAIRS]])


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    folder = tmp_path_factory.mktemp("replicas")
    # A process each: TensorFlow takes devices of one for those of another strategy.
    processes = {
        count: subprocess.Popen(
            [sys.executable, __file__, str(folder / f"{count}.npz"), str(count)],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for count in (2, 4)
    }
    trained: dict[str, Trained] = {}
    for count, process in processes.items():
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        with np.load(folder / f"{count}.npz") as file:
            names = dict.fromkeys(key.rpartition(".")[0] for key in file)
            trained |= {name: Trained(*(file[f"{name}.{part}"] for part in PARTS)) for name in names}
    return trained


def gradient_of_mean(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a token's mean loss, and the weights that it is taken at; nothing dealt out or compiled."""
    keras.utils.set_random_seed(1)
    transformer = Transformer(model_config(), VOCABULARY, VOCABULARY, 40)
    ((source, target),) = arrays([[list(pairs)]])
    variables = [variable.value for variable in transformer.trainable_variables]
    with tf.GradientTape() as tape:
        sums, tokens = loss_sums(transformer, tf.constant(source[0]), tf.constant(target[0]), LABEL_SMOOTHING)
        mean = sums[0] / tokens
    gradients = tape.gradient(mean, variables)
    return np.concatenate([tf.convert_to_tensor(part).numpy().ravel() for part in gradients]), weights(transformer)


# The update


def test_an_update_is_that_of_the_clipped_gradient_of_the_mean_loss(whole: Trained):
    gradient, before = gradient_of_mean(PAIRS)
    norm = float(np.linalg.norm(gradient))
    assert norm > 2 * CLIP_NORM, "the gradient must be clipped for the test to tell anything"
    assert whole.sums[0, 3] == pytest.approx(norm, rel=1e-5)
    clipped = gradient * CLIP_NORM / norm
    np.testing.assert_array_equal(whole.first, before)
    np.testing.assert_allclose(whole.second, before - RATE * clipped / (np.abs(clipped) + 1), atol=1e-6, rtol=0)


def test_frozen_weights_stay_bit_for_bit_and_are_no_part_of_the_gradient():
    transformer, _, update = built(freeze=("encoder", "embeddings"))
    before = get_weights(transformer.named_weights())
    gradient, _ = gradient_of_mean(PAIRS)
    sizes = [(name, array.size) for name, array in before.items()]
    of_decoder = np.concatenate([np.full(size, name.startswith("decoder.")) for name, size in sizes])
    ((source, target),) = arrays([[PAIRS]])
    with uncompiled():
        sums = update(FIRST, tf.constant(source), tf.constant(target)).numpy()
    assert sums[3] == pytest.approx(float(np.linalg.norm(gradient[of_decoder])), rel=1e-5)
    after = get_weights(transformer.named_weights())
    changed = {name for name in before if before[name].tobytes() != after[name].tobytes()}
    assert changed == {name for name in before if name.startswith("decoder.")}


def test_the_sums_are_of_tokens_and_not_of_sentences(whole: Trained):
    tokens = sum(len(target) + 1 for _, target in PAIRS)
    assert whole.sums[:, 2].tolist() == [tokens] * STEPS
    assert np.all(np.diff(whole.sums[:, 0]) < 0), "the loss of a batch falls as it is trained on"


def test_a_mean_of_replicas_means_would_be_another_gradient():
    # So that the tests below can tell: halves of 57 and 10 tokens weigh the same in a mean of means.
    of_all, _ = gradient_of_mean(PAIRS)
    of_means = (gradient_of_mean(PAIRS[:4])[0] + gradient_of_mean(PAIRS[4:])[0]) / 2
    assert np.linalg.norm(of_means - of_all) > 0.1 * np.linalg.norm(of_all)


def test_micro_batches_are_one_batch_even_if_one_is_empty(whole: Trained):
    assert_same(train([[PAIRS[:1], [], PAIRS[1:]]]), whole)


def test_rows_of_padding_and_the_order_of_rows_change_nothing(whole: Trained):
    rows = [PADDING, *PAIRS[3:], PADDING, PADDING, *PAIRS[:3], PADDING]
    with uncompiled():
        assert_same(train([[rows]]), whole)


@pytest.mark.parametrize("micro_batches", [1, 2])
@pytest.mark.parametrize("count", [2, 4])
def test_replicas_are_one(count: int, micro_batches: int, whole: Trained, replicas: dict[str, Trained]):
    assert_same(replicas[f"{count} replicas of {micro_batches}"], whole)


def test_replicas_are_one_with_adams_moments(replicas: dict[str, Trained]):
    with uncompiled():
        assert_same(replicas["2 replicas of 1, moments"], train([[PAIRS]], **ADAM))


# What changes nothing


def test_a_step_with_nothing_but_padding_changes_nothing():
    transformer, optimizer, update = built()
    source, target = (tf.constant(side) for side in arrays([[PAIRS]])[0])
    update(FIRST, source, target)
    before = everything(transformer, optimizer)
    sums = StepSums.of(update(SECOND, tf.zeros_like(source), tf.zeros_like(target)).numpy())
    after = everything(transformer, optimizer)
    assert sums.tokens == sums.loss_sum == 0.0
    assert not sums.finite
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_an_update_whose_gradient_is_nan_or_infinite_is_skipped(value: float):
    transformer, optimizer, update = built()
    source, target = (tf.constant(side) for side in arrays([[PAIRS]])[0])
    update(FIRST, source, target)
    assert transformer.decoder_norm
    gamma = transformer.decoder_norm.gamma
    finite = gamma.numpy()
    gamma.assign(np.full_like(finite, value))
    before = everything(transformer, optimizer)
    assert not StepSums.of(update(SECOND, source, target).numpy()).finite
    after = everything(transformer, optimizer)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    gamma.assign(finite)
    assert StepSums.of(update(SECOND, source, target).numpy()).finite


def test_an_update_is_a_function_of_the_step_that_it_is_given_and_compiled_once():
    def rate(step: tf.Tensor) -> tf.Tensor:
        traced.append(step)
        return 0.1 * tf.cast(step + 1, tf.float32)

    traced: list[tf.Tensor] = []
    keras.utils.set_random_seed(1)
    transformer = Transformer(model_config(), VOCABULARY, VOCABULARY, 40)
    optimizer = Adam(transformer.named_weights(), (0.0, 0.0), 1.0)
    update = make_update(transformer, optimizer, rate, train_config(), tf.distribute.OneDeviceStrategy("CPU:0"))
    source, target = (tf.constant(side) for side in arrays([[PAIRS]])[0])
    variables, before = transformer.trainable_variables, weights(transformer)
    values = [variable.numpy() for variable in variables]
    moved = []
    for step in (4, 0, 9):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        update(tf.constant(step, tf.int64), source, target)
        moved.append(np.abs(weights(transformer) - before).max())
    # Without moments the same gradient moves weights by the rate times the same.
    assert np.array(moved) / moved[1] == pytest.approx([5.0, 1.0, 10.0], rel=1e-4)
    assert len(traced) == 1


def test_compiled_by_xla_an_update_is_the_same(whole: Trained):
    compiled = train([[PAIRS]], xla=True)
    np.testing.assert_allclose(compiled.sums, whole.sums, rtol=1e-5)
    np.testing.assert_allclose(compiled.last, whole.last, atol=1e-5, rtol=0)


# Dropout


def losses(trained: Trained) -> list[float]:
    return trained.sums[:, 0].tolist()


@pytest.fixture
def dropout() -> Iterator[ModelConfig]:
    """A model that drops half."""
    with uncompiled():
        yield model_config(dropout=0.5)


def test_masks_are_a_function_of_the_seed(dropout: ModelConfig):
    first, again, other = (train([[PAIRS]], model=dropout, steps=2, seed=seed) for seed in (5, 5, 6))
    assert losses(again) == losses(first)
    np.testing.assert_array_equal(again.last, first.last)
    assert abs(losses(other)[0] - losses(first)[0]) > 0.01 * losses(first)[0]


def test_masks_differ_from_step_to_step(dropout: ModelConfig):
    # With a rate next to nothing the weights stay, and what changes the loss is the masks.
    first, second = losses(train([[PAIRS]], model=dropout, steps=2, learning_rate=1e-30))
    assert abs(first - second) > 0.01 * first


def test_masks_differ_between_micro_batches(dropout: ModelConfig):
    once = losses(train([[PAIRS]], model=dropout, steps=1))[0]
    twice = losses(train([[PAIRS, PAIRS]], model=dropout, steps=1))[0]
    assert abs(twice - 2 * once) > 0.01 * once


def test_masks_differ_between_replicas(replicas: dict[str, Trained]):
    # Each replica has the same rows: with the same masks, the sum would be twice that of the first.
    one, other = losses(replicas["dropout on one half"])[0], losses(replicas["dropout on both"])[0]
    assert abs(other - 2 * one) > 0.01 * one


# What the script does

PARTS = ("sums", "first", "second", "last")
DEALT: dict[str, Dealt] = {
    # The first half has most of the tokens; some replicas and micro-batches have no row at all.
    "2 replicas of 1": [[PAIRS[:4]], [PAIRS[4:]]],
    "2 replicas of 2": [[PAIRS[:1], PAIRS[1:4]], [PAIRS[4:], []]],
    "4 replicas of 1": [[PAIRS[:1]], [PAIRS[1:3]], [[]], [PAIRS[3:]]],
    "4 replicas of 2": [[PAIRS[:1], []], [PAIRS[1:2], PAIRS[2:3]], [[], []], [PAIRS[3:7], PAIRS[7:]]],
}
HALVES: dict[str, Dealt] = {"dropout on one half": [[PAIRS], [[]]], "dropout on both": [[PAIRS], [PAIRS]]}


def main(path: Path, count: int) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(count)])
    results = {name: train(dealt, strategy) for name, dealt in DEALT.items() if len(dealt) == count}
    if count == 2:
        results["2 replicas of 1, moments"] = train(DEALT["2 replicas of 1"], strategy, **ADAM)
    for name, halves in HALVES.items() if count == 2 else ():
        results[name] = train(halves, strategy, model_config(dropout=0.5), steps=1)
    parts = {f"{name}.{part}": getattr(trained, part) for name, trained in results.items() for part in PARTS}
    np.savez(path, **parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
