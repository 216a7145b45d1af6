"""The line that one watches while training: step, loss, rate, time left and the best BLEU so far."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from translator.progress import duration
from translator.training.log import Row
from translator.training.state import Validation


class TrainingProgress:
    """Shows training: one line that renews itself on a terminal, a line for each row elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            BarColumn(24), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("compiling the first step …", total=1.0)
        self._best_bleu: float | None = None

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._bar.stop()

    def say(self, message: str) -> None:
        """Prints a line that stays."""
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)

    def trained(self, row: Row, fraction: float, seconds_left: float) -> None:
        """Shows a row of training metrics, and how far the run is."""
        loss = f"loss {row['loss']:.3f}  ppl {row['perplexity']:.2f}" if "loss" in row else "every step skipped"
        rate = f"{row['target_tokens_per_second']:,.0f} tok/s  " if "target_tokens_per_second" in row else ""
        line = (
            f"step {row['step']:,}  epoch {row['epoch']:.1f}  {loss}  lr {row['learning_rate']:.2e}  {rate}"
            f"{duration(seconds_left)} left"
        )
        if self._best_bleu is not None:
            line += f"  best BLEU {self._best_bleu:.2f}"
        self._bar.update(self._task, completed=fraction, description=line)
        if not self._console.is_terminal:
            self.say(line)

    def validated(self, validation: Validation, best_bleu: float, best_by: str | None) -> None:
        """Shows a validation; the line stays. `best_by` is the figure, bleu or loss, that is the best so far."""
        self._best_bleu = best_bleu
        loss_mark, bleu_mark = ("  (best so far)" if best_by == figure else "" for figure in ("loss", "bleu"))
        self.say(
            f"step {validation.step:,}: validation loss {validation.loss:.3f}{loss_mark}, nll {validation.nll:.3f}, "
            f"BLEU {validation.bleu:.2f}{bleu_mark}"
        )
