"""Going on from a checkpoint: with the corpus as it is now."""

from pathlib import Path

import pytest

from translator.config.schema import Config
from translator.data.plan import Position
from translator.training.checkpoints import Checkpoints
from translator.training.errors import TrainingError
from translator.training.restore import take_up_corpus
from translator.training.state import TrainingState


def config_of(on_change: str) -> Config:
    data = {"train": "t.{lang}", "validation": "v.{lang}", "on_change": on_change}
    return Config.model_validate({"data": data, "train": {"max_steps": 9, "warmup_steps": 1}})


def state_of(corpus: str) -> TrainingState:
    return TrainingState(1040, Position(2, 9), corpus=corpus)


CHECKPOINTS = Checkpoints(Path("run/checkpoints"), keep=1)


@pytest.mark.parametrize("before", ["", "same"])
def test_a_corpus_that_is_the_same_or_was_never_named_is_gone_on_with(before: str):
    state = state_of(before)
    assert take_up_corpus(state, "same", config_of("refuse"), CHECKPOINTS) is None
    assert (state.position, state.corpus) == (Position(2, 9), "same")


def test_another_corpus_is_refused_with_where_it_is():
    expected = "^run/checkpoints: step 1,040 was trained on another corpus, .* than run/data is made from"
    with pytest.raises(TrainingError, match=expected):
        take_up_corpus(state_of("other"), "same", config_of("refuse"), CHECKPOINTS)


def test_another_corpus_begins_its_epoch_anew_where_the_user_says_so():
    state = state_of("other")
    said = take_up_corpus(state, "same", config_of("continue"), CHECKPOINTS)
    assert (state.position, state.corpus) == (Position(2, 0), "same")
    assert said == "step 1,040: data.train has changed; going on with it from the start of the epoch (2.0)"
