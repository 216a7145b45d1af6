"""When training ends."""

from dataclasses import dataclass

from translator.config import Config, TrainConfig
from translator.training.checkpoints import TrainingState, Validation


@dataclass(frozen=True)
class Limits:
    """When training ends, and how far it is."""

    max_steps: float
    max_epochs: float
    max_seconds: float

    @classmethod
    def of(cls, config: Config) -> "Limits":
        train = config.train
        return cls(
            train.max_steps or float("inf"), train.max_epochs or float("inf"), (train.max_minutes or float("inf")) * 60
        )

    def fraction(self, state: TrainingState, steps_per_epoch: int) -> float:
        """Share of the training that is done, by the limit that is nearest; 1 and above at the end."""
        # An epoch may be a batch longer than the first, whose length this is: it is done when its position says so.
        epochs = state.position.epoch + min(state.position.batch / steps_per_epoch, 1 - 1e-9)
        return max(state.step / self.max_steps, epochs / self.max_epochs, state.training_seconds / self.max_seconds)


def out_of_patience(config: TrainConfig, validations: list[Validation]) -> bool:
    """Whether early stopping has waited for `patience` validations in vain."""
    if config.early_stopping is None:
        return False
    figures = [v.bleu if config.early_stopping == "bleu" else -v.loss for v in validations]
    return bool(figures) and len(figures) - 1 - figures.index(max(figures)) >= config.patience
