"""What training knows beside weights and moments: all that a checkpoint must say of them."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from translator.data.plan import Count, Position
from translator.training.step import StepSums


@dataclass
class Validation:
    """What a validation found."""

    step: int
    loss: float  # nats a token, label-smoothed like the training loss
    nll: float  # nats a token
    bleu: float  # of several pairs of languages the mean
    bleus: dict[str, float] = field(default_factory=dict)  # of each of several pairs, as "en-de"; on the chief alone


@dataclass
class TrainingState:
    """Where training stands.

    `step` and `position` tell what has been started; the figures of steps follow when those are fetched from the
    device, which is before any row of metrics, validation or checkpoint.
    """

    step: Count = 0
    position: Position = field(default_factory=Position)
    training_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    target_tokens: Count = 0
    corpus: str = ""  # the fingerprint of the store that `position` refers to
    last_step: Count | None = None  # where the schedule ends, if it has an end
    # Sums since the last row of metrics, so that the row after a resume is the row that would have been.
    window: Annotated[list[float], Field(min_length=5, max_length=5)] = field(default_factory=lambda: [0.0] * 5)
    plain: Count = 0  # sentences since then that stayed plain, of `drawn` whose segmentation was to be drawn
    drawn: Count = 0
    validations: list[Validation] = field(default_factory=list)
    validation_set: str = ""  # the fingerprint of that of the last ones; of earlier versions none
    compared_from: Count = 0  # index of the first of `validations` on that set
    skipped_steps: Count = 0  # whose loss or gradient was NaN or infinite
    skipped_in_a_row: Count = 0
    split_in: Annotated[int, Field(ge=1, le=2**20)] = 1  # parts of each micro-batch, because memory ran out
    rate_halvings: Annotated[int, Field(ge=0, le=64)] = 0  # of the learning rate, each at a return to a checkpoint

    @classmethod
    def from_json(cls, values: Any) -> "TrainingState":
        """The reverse of `dataclasses.asdict`.

        Raises:
            ValueError: the values are not those of a state.
        """
        return TypeAdapter(cls).validate_python(values)

    @property
    def is_validated(self) -> bool:
        """Whether there is a validation of this step."""
        return any(validation.step == self.step for validation in self.validations)

    @property
    def comparable(self) -> list[Validation]:
        """The validations on the present validation set; those before it changed while there are none."""
        return self.validations[self.compared_from :] or self.validations

    def count(self, sums: StepSums) -> None:
        """Adds the figures of a step; of one that was skipped only that it was."""
        if sums.finite:
            self.target_tokens += int(sums.tokens)
            self.window = [total + value for total, value in zip(self.window, [*sums, 1.0], strict=True)]
            self.skipped_in_a_row = 0
        else:
            self.skipped_steps += 1
            self.skipped_in_a_row += 1

    def begin_window(self) -> None:
        """Starts the sums of the next row of metrics."""
        self.window, self.plain, self.drawn = [0.0] * len(self.window), 0, 0
