"""Runs that begin with another one, and weights that training leaves as they are; nothing is compiled."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tests.toy_language import write_language, written
from translator.config.load import load_config
from translator.config.schema import Config, ConfigError
from translator.data.plan import Position
from translator.data.prepare import load_tokenizers, prepare
from translator.model.build import build_model
from translator.model.weights import get_weights, read_weights, write_weights
from translator.run_folder import RunError, RunFolder
from translator.training.beginning import require_beginning, trained
from translator.training.checkpoints import Checkpoints
from translator.training.display import TrainingProgress
from translator.training.errors import TrainingError
from translator.training.loop import Training
from translator.training.optimizer import Adam
from translator.training.state import TrainingState
from translator.training.workers import Workers

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language(tmp_path_factory.mktemp("language"))


@pytest.fixture(scope="module")
def base(folder: Path) -> RunFolder:
    """A run with a vocabulary, a model with random weights, and a checkpoint with others."""
    run, config = RunFolder(folder / "base"), config_of(folder)
    tokenizers, _ = prepare(run.claim(config), run)
    write_weights(get_weights(build_model(config, *tokenizers).named_weights()), run.model)
    model = build_model(config, *tokenizers)
    optimizer = Adam(model.named_weights(), (0.9, 0.98), 1e-9)
    Checkpoints(run.checkpoints, 1).save(TrainingState(9, Position(1, 1)), model.named_weights(), optimizer.variables)
    return run


def config_of(folder: Path, *settings: str) -> Config:
    return load_config(folder / "numbers.yaml", ["tokenizer.sampling_alpha=0", "model.positions=learned", *settings])


def beginning(folder: Path, run: Path, *settings: str) -> tuple[Training, str]:
    """The training of a run as it begins or resumes, and what was said."""
    config, place, said = config_of(folder, *settings), RunFolder(run), io.StringIO()
    require_beginning(config, place)
    tokenizers, store = prepare(place.claim(config), place)
    workers, progress = (
        Workers(tf.distribute.OneDeviceStrategy("CPU:0")),
        TrainingProgress(Console(file=said, width=500)),
    )
    return Training(config, place, tokenizers, store, workers, progress), said.getvalue()


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if one[name].tobytes() != other[name].tobytes()] == []


# Beginning with another run


def test_weights_and_vocabulary_are_the_other_runs_and_the_rest_is_fresh(folder: Path, base: RunFolder, tmp_path: Path):
    training, said = beginning(folder, tmp_path / "run", f"train.init_from={base.path}")
    assert_equal(get_weights(training.weights), read_weights(base.model))
    assert all(not variable.numpy().any() for variable in training.optimizer.variables.values())
    assert (training.state.step, training.resumed) == (0, False)
    assert f"beginning with the weights of {base.model}" in said
    models = [[tokenizer.model for tokenizer in load_tokenizers(run)] for run in (base, RunFolder(tmp_path / "run"))]
    assert models[0] == models[1]


def test_a_checkpoint_of_the_other_run_can_be_chosen(folder: Path, base: RunFolder, tmp_path: Path):
    settings = f"train.init_from={base.path}", "train.init_checkpoint=last"
    training, _ = beginning(folder, tmp_path / "run", *settings)
    assert_equal(get_weights(training.weights), read_weights(base.checkpoints / "step-00000009" / "model.safetensors"))


def test_the_other_run_may_vanish_after_the_first_checkpoint(folder: Path, base: RunFolder, tmp_path: Path):
    shutil.copytree(base.path, tmp_path / "vanishing")
    settings = f"train.init_from={tmp_path / 'vanishing'}", "tokenizer.extend_by=3"
    first, _ = beginning(folder, tmp_path / "run", *settings)
    first._save()
    shutil.rmtree(tmp_path / "vanishing")
    again, said = beginning(folder, tmp_path / "run", *settings)
    assert_equal(get_weights(again.weights), get_weights(first.weights))
    assert "beginning" not in said


def test_learned_positions_that_only_the_other_run_reached_are_kept(folder: Path, base: RunFolder, tmp_path: Path):
    training, _ = beginning(folder, tmp_path / "run", f"train.init_from={base.path}")
    assert training.batches.positions[0] < 25
    training._save()
    assert_equal(get_weights(training.weights), read_weights(base.model))


def test_another_model_is_one_line_that_names_what_differs(folder: Path, base: RunFolder, tmp_path: Path):
    def said(*settings: str) -> str:
        with pytest.raises(RunError) as caught:
            beginning(folder, tmp_path / "run", f"train.init_from={base.path}", "model.dropout=0.5", *settings)
        return str(caught.value)

    assert said("model.d_ff=48", "model.norm=post") == (
        f"train.init_from: {base.path} has another model: model.d_ff is 64 there and 48 here; model.norm is pre there "
        f"and post here. Take over its settings, as by `extends: {base.config}`"
    )
    assert "another model: data.max_tokens is 24 there and 20 here. Take" in said("data.max_tokens=20")
    joint = said("tokenizer.joint=false", "model.tied_embeddings=target")
    assert "model.tied_embeddings is all there and target here; tokenizer.joint is True there and False here" in joint


def test_what_is_no_run_to_begin_with_is_one_line(folder: Path, base: RunFolder, tmp_path: Path):
    with pytest.raises(RunError, match=r"^train\.init_from: nowhere is not a run: "):
        beginning(folder, tmp_path / "run", "train.init_from=nowhere")
    untrained = tmp_path / "untrained"
    shutil.copytree(base.path, untrained, ignore=shutil.ignore_patterns("model", "checkpoints"))
    with pytest.raises(RunError, match=f"{untrained} has no model yet"):
        beginning(folder, tmp_path / "run", f"train.init_from={untrained}")
    with pytest.raises(TrainingError, match=r"is the run's own folder; name another one with --run"):
        beginning(folder, untrained, f"train.init_from={untrained}")


def test_a_run_to_begin_with_that_is_named_after_the_vocabulary_was_made_is_refused(
    folder: Path, base: RunFolder, tmp_path: Path
):
    beginning(folder, tmp_path / "run", "tokenizer.vocabulary_size=43")
    with pytest.raises(TrainingError, match=r"this run's vocabulary was not taken from .*base: train\.init_from was"):
        beginning(folder, tmp_path / "run", "tokenizer.vocabulary_size=43", f"train.init_from={base.path}")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["train.init_from=a", "tokenizer.model=b"], "train.init_from brings a vocabulary of its own; leave"),
        (["tokenizer.extend_by=5"], "tokenizer.extend_by adds to the vocabulary of train.init_from; name a run there"),
        (["train.init_checkpoint=best"], "init_checkpoint best has no meaning without init_from; leave it out"),
    ],
)
def test_settings_that_do_not_go_together_are_told(settings: list[str], said: str):
    with pytest.raises(ConfigError) as caught:
        load_config(QUICKSTART, settings)
    assert said in str(caught.value)


def test_new_subwords_begin_as_the_mean_of_those_that_spelled_them(folder: Path, base: RunFolder, tmp_path: Path):
    for language, word in (("en", "twothree"), ("de", "ωzweidrei")):
        written(folder / f"new.{language}", [f"{word} {word}"] * 30)
    settings = "data.train='new.{lang}'", f"train.init_from={base.path}", "tokenizer.extend_by=6"
    training, _ = beginning(folder, tmp_path / "run", *settings)
    old, new = load_tokenizers(base)[0], training.tokenizers[0]
    table, before = (
        training.weights["target_embedding.table"].numpy(),
        read_weights(base.model)["target_embedding.table"],
    )
    assert table[: len(before)].tobytes() == before.tobytes()
    pieces = new.pieces(range(len(before), len(table)))
    assert len(pieces) == 6
    assert pieces[0] == "ω"  # no subword spells it: the mean of all that stand for characters
    np.testing.assert_allclose(table[len(before)], before[4:].mean(0), atol=1e-6)
    for row, piece in enumerate(pieces[1:], len(before) + 1):
        spelling = [id_ for id_ in old.encode_normalized([piece])[0] if id_ != 3]
        np.testing.assert_allclose(table[row], before[spelling].mean(0), atol=1e-6)


def test_symbols_that_the_other_run_lacks_come_last(folder: Path, base: RunFolder, tmp_path: Path):
    settings = f"train.init_from={base.path}", "tokenizer.extend_by=2", "tokenizer.user_defined_symbols=[<BT>]"
    training, _ = beginning(folder, tmp_path / "run", *settings)
    source, size = training.tokenizers[0], training.tokenizers[0].vocabulary_size
    assert source.encode(["<BT> one"])[0][1:] == [size - 1, *load_tokenizers(base)[0].encode(["one"])[0]]
    assert training.weights["target_embedding.table"].shape[0] == size


# Freezing


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        ("decoder.layer.0", "train.freeze: no weight is in 'decoder.layer.0'; did you mean decoder.layers.0?"),
        (
            "xyz",
            "train.freeze: no weight is in 'xyz'; there are decoder, embeddings, encoder, source_positions, "
            "target_embedding, target_positions",
        ),
        ("'*'", "train.freeze names all weights, so that there is nothing to train; leave some out"),
    ],
)
def test_what_cannot_be_frozen_is_one_line(folder: Path, tmp_path: Path, freeze: str, said: str):
    with pytest.raises(TrainingError) as caught:
        beginning(folder, tmp_path / "run", f"train.freeze=[{freeze}]")
    assert str(caught.value) == said


def test_a_part_is_named_by_its_path_or_a_pattern():
    names = "decoder.layers.0.a.kernel", "decoder.layers.10.a.kernel", "encoder.layers.0.b.bias", "source_positions.t"

    def left(*freeze: str) -> list[Any]:
        config = load_config(QUICKSTART, [f"train.freeze=[{', '.join(freeze)}]"])
        return list(trained(dict.fromkeys(names), config.train))

    assert left() == list(names)
    assert left("decoder.layers.1*") == [names[0], *names[2:]]
    assert left("decoder.layers.0", "embeddings") == [names[1], names[2]]
    assert left("'*.layers.0'") == [names[1], names[3]]
    assert left("'*.bias'", "decoder") == [names[3]]


def test_frozen_weights_have_no_moments_and_learned_positions_among_them_stay(folder: Path, tmp_path: Path):
    training, _ = beginning(folder, tmp_path / "run", "train.freeze=[encoder, embeddings]")
    before = get_weights(training.weights)
    training._save()
    assert_equal(get_weights(training.weights), before)
    moments = {name.partition(".")[2] for name in training.optimizer.variables}
    assert moments == {name for name in before if name.startswith("decoder.")}
