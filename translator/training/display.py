"""What one watches while training: step, loss, speed, time left, memory, and the best BLEU so far."""

import collections
from collections.abc import Collection
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from translator.progress import duration
from translator.run_log import as_warning
from translator.runtime import peak_memory
from translator.training.pace import Pace
from translator.training.state import Validation
from translator.training.trackers import Row

BLOCKS = "▁▂▃▄▅▆▇█"
LOSSES = 40  # of the last rows, which the panel draws
BAR_WIDTH = 40


class TrainingProgress:
    """Shows training: a panel that renews itself on a terminal, a line for each row elsewhere."""

    def __init__(self, console: Console, name: str = "training") -> None:
        """Takes where to show it, and the run's name."""
        self._console, self._name = console, name
        self._pace = Pace()
        self._best_bleu: float | None = None
        self._best_step: int | None = None  # None before a resumed training has a better one
        self._losses: collections.deque[float] = collections.deque(maxlen=LOSSES)
        self._live = Live(console=console, transient=True, refresh_per_second=2) if console.is_terminal else None
        if self._live:
            self._live.update(Panel("compiling the first step …", title=Text(name), expand=False))

    def __enter__(self) -> "TrainingProgress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def say(self, message: str) -> None:
        """Prints a line that stays."""
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)

    def warn(self, message: str) -> None:
        """Prints such a line, which the run's log keeps as a warning."""
        self._console.print(as_warning(message), soft_wrap=True)

    def trained(self, row: Row, fraction: float, seconds_left: float) -> None:
        """Shows a row of training metrics, and how far the run is; says so if it has become slow."""
        if "loss" in row:
            self._losses.append(row["loss"])
        if self._live:
            self._live.update(self._panel(row, fraction, seconds_left))
        else:
            self.say(self._line(row, seconds_left))
        if slower := self._pace.slower(row):
            self.warn(slower)

    def validated(self, validation: Validation, best_bleu: float, best_by: str | None) -> None:
        """Shows a validation; the line stays. `best_by` is the figure, bleu or loss, that is the best so far."""
        self._best_bleu = best_bleu
        if validation.bleu == best_bleu:
            self._best_step = validation.step
        loss_mark, bleu_mark = ("  (best so far)" if best_by == figure else "" for figure in ("loss", "bleu"))
        of_pairs = ", ".join(f"{pair} {bleu:.2f}" for pair, bleu in validation.bleus.items())
        self.say(
            f"step {validation.step:,}: validation loss {validation.loss:.3f}{loss_mark}, nll {validation.nll:.3f}, "
            f"BLEU {validation.bleu:.2f}{bleu_mark}{f': {of_pairs}' if of_pairs else ''}"
        )

    def _line(self, row: Row, seconds_left: float) -> str:
        loss = f"loss {row['loss']:.3f}  ppl {row['perplexity']:.2f}" if "loss" in row else "every step skipped"
        rate = f"{row['target_tokens_per_second']:,.0f} tok/s  " if "target_tokens_per_second" in row else ""
        best = "" if self._best_bleu is None else f"  best BLEU {self._best_bleu:.2f}"
        return (
            f"step {row['step']:,}  epoch {row['epoch']:.1f}  {loss}  lr {row['learning_rate']:.2e}  {rate}"
            f"{duration(seconds_left)} left{best}"
        )

    def _panel(self, row: Row, fraction: float, seconds_left: float) -> Panel:
        head = Table.grid(padding=(0, 1))
        head.add_row(ProgressBar(1.0, fraction, width=BAR_WIDTH), f"{fraction:.0%}", f"{duration(seconds_left)} left")
        loss = f"{row['loss']:.3f}" if "loss" in row else "every step skipped"
        speed = row.get("target_tokens_per_second")
        best = "–" if self._best_bleu is None else f"{self._best_bleu:.2f}"
        if self._best_step:
            best += f" at step {self._best_step:,}"
        figures = Table.grid(padding=(0, 2))
        for pairs in (
            [("step", f"{row['step']:,}"), ("epoch", f"{row['epoch']:.1f}")],
            [("loss", loss), ("perplexity", f"{row['perplexity']:.2f}" if "loss" in row else "–")],
            [("best BLEU", best), ("learning rate", f"{row['learning_rate']:.2e}")],
            [("speed", "–" if speed is None else f"{speed:,.0f} tok/s"), ("memory", f"{peak_memory() / 1e9:.1f} GB")],
        ):
            figures.add_row(
                *(Text(part, style) for pair in pairs for part, style in zip(pair, ("dim", ""), strict=True))
            )
        return Panel(Group(head, figures, Text(sparkline(self._losses), "cyan")), title=Text(self._name), expand=False)


def sparkline(figures: Collection[float]) -> str:
    """Figures as a row of blocks, the lowest of them low."""
    if not figures:
        return ""
    low, span = min(figures), max(figures) - min(figures)
    return "".join(
        BLOCKS[round((figure - low) / span * (len(BLOCKS) - 1))] if span else BLOCKS[0] for figure in figures
    )
