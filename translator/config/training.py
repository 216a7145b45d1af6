"""The settings of training."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from translator.config.section import Always, Probability, Section


class TrainConfig(Section):
    """Optimization, checkpoints and limits. Training ends at the first of its limits that is reached."""

    init_from: Path | None = None
    """A run to begin with, relative to the working directory: its weights and its vocabulary, in place of random
    weights and a new vocabulary. Optimizer and steps begin anew. The folder is needed until the first checkpoint."""
    init_checkpoint: Literal["best", "last"] | None = None
    """Which of that run's weights: its best checkpoint by validation, or its last; null is its finished model."""
    freeze: tuple[str, ...] = ()
    """Weights that training leaves as they are: encoder, decoder, embeddings (with learned positions), and names of
    weights or of what they are in, such as `decoder.layers.0` and `*.cross_attention`; * stands for anything."""
    seed: int = Field(1, ge=0, lt=2**32)
    """Random seed for initial weights, order of batches, dropout, subword sampling and modifiers; not for the
    vocabulary."""
    max_steps: Always[int | None] = Field(None, ge=1)
    """Maximum number of updates."""
    max_epochs: Always[int | None] = Field(None, ge=1)
    """Maximum number of passes over the training corpus."""
    max_minutes: Always[float | None] = Field(None, gt=0.0)
    """Maximum training time in minutes, including validation, summed over all starts of the run."""
    batch_tokens: Annotated[int, Field(ge=8, le=2**24)] | Literal["auto"] = 4096
    """Batch size in tokens per update: positions including padding on the longer side, over all devices and
    micro-batches. auto finds the largest that fits into memory when a run starts, and writes it into the run's own
    configuration."""
    micro_batches: int = Field(1, ge=1, le=1024)
    """Gradient accumulation: number of parts that each device processes in turn for one update, to save memory."""
    label_smoothing: Probability = 0.1
    """The ε of label smoothing (Szegedy et al., 2016)."""
    guided_alignment: float = Field(0.0, ge=0.0, le=1000.0)
    """If not 0, one head of the decoder's cross-attention is taught to look at what each subword comes from (Garg et
    al., 2019), and this is the weight of its loss. The word alignment is that of the built-in corpus, or a corpus'
    `alignment`."""
    guided_layer: int | None = Field(None, ge=1)
    """The layer of that head, counted from 1; null is the last."""
    guided_head: int = Field(1, ge=1)
    """Which of the layer's heads it is, counted from 1."""
    optimizer_betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Adam's decay rates β₁ and β₂ (Kingma and Ba, 2015)."""
    optimizer_epsilon: float = Field(1e-9, ge=1e-37)
    """The ε of Adam."""
    schedule: Literal["inverse_sqrt", "cosine", "constant"] = "inverse_sqrt"
    """Learning rate after warm-up: decays with 1/√step (Vaswani et al., 2017, §5.3), decays with a cosine to zero at
    the last step, or stays constant. With cosine, max_steps and max_epochs cannot change once there is a checkpoint."""
    learning_rate: float = Field(1e-3, gt=0.0)
    """Peak learning rate, reached at the end of warm-up."""
    warmup_steps: int = Field(1000, ge=0)
    """Number of updates in which the learning rate rises linearly from zero."""
    clip_norm: float | None = Field(1.0, gt=0.0)
    """Gradient clipping: gradients with a larger global norm are scaled down to this norm; null is no clipping."""
    max_skipped_steps: Always[int] = Field(3, ge=0)
    """Maximum number of consecutive updates that are skipped because the loss or the gradient is NaN or infinite. After
    one more, training restarts from its newest checkpoint with half the learning rate."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Number format of matrix products; weights and optimizer state are always float32."""
    xla: bool = False
    """Compile with XLA, for GPUs and TPUs. Batches then have few different shapes, with more padding."""
    devices: Always[list[str] | None] = None
    """Devices for data-parallel training, such as `["GPU:0", "GPU:1"]`; null uses all GPUs, or the CPU if there are
    none."""
    log_every_steps: Always[int] = Field(50, ge=1)
    """Number of updates between rows of metrics."""
    validate_every_steps: Always[int] = Field(500, ge=1)
    """Number of updates between validations, each of which is followed by a checkpoint."""
    validation_beam: Always[int] = Field(1, ge=1, le=1000)
    """Beam size in validation; 1 is greedy search."""
    trackers: Always[tuple[Literal["tensorboard", "wandb"], ...]] = ("tensorboard",)
    """What follows training beside `metrics.jsonl`: TensorBoard, and Weights & Biases (the extra wandb)."""
    attention_images: Always[int] = Field(0, ge=0, le=100)
    """Number of validation sentences, from the first on, whose attention is written to TensorBoard at each validation:
    pictures of all heads (with matplotlib, the extra plots), and the mean entropy of each head; 0 writes none."""
    save_every_steps: Always[int | None] = Field(None, ge=1)
    """Number of updates between additional checkpoints, without validation; null saves none."""
    keep_checkpoints: Always[int] = Field(2, ge=1)
    """Number of newest checkpoints kept in full, to resume from. Checkpoints to be averaged are kept too, as weights
    only."""
    average_checkpoints: Always[int] = Field(1, ge=1)
    """Number of validated checkpoints whose weights are averaged for the final model; 1 uses a single checkpoint."""
    average_by: Always[Literal["last", "bleu", "loss"]] = "last"
    """Which checkpoints are averaged: the last, or the best by validation BLEU or validation loss."""
    early_stopping: Always[Literal["bleu", "loss"] | None] = None
    """Stop training when this validation metric no longer improves; null trains until a limit is reached."""
    patience: Always[int] = Field(10, ge=1)
    """Early stopping: number of validations without improvement after which training stops."""

    @property
    def schedule_has_end(self) -> bool:
        """Whether the learning rate depends on the last step, which then has to be known when training begins."""
        return self.schedule == "cosine"

    @model_validator(mode="after")
    def _limits_make_sense(self) -> "TrainConfig":
        if self.max_steps is None and self.max_epochs is None and self.max_minutes is None:
            raise ValueError("training has no end: set max_steps, max_epochs or max_minutes")
        if self.schedule_has_end and self.max_steps is None and self.max_epochs is None:
            raise ValueError(f"the {self.schedule} schedule depends on the last step: set max_steps or max_epochs")
        return self

    @model_validator(mode="after")
    def _settings_that_need_others_have_them(self) -> "TrainConfig":
        for name, default in (("guided_layer", None), ("guided_head", 1)):
            if (value := getattr(self, name)) != default and not self.guided_alignment:
                raise ValueError(f"{name} {value} has no meaning without guided_alignment; leave it out")
        if self.init_checkpoint and not self.init_from:
            raise ValueError(f"init_checkpoint {self.init_checkpoint} has no meaning without init_from; leave it out")
        return self
