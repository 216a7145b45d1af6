"""Whether training goes as fast as it did at first: another program, heat or a slow disk may have come between."""

import math
import statistics

from translator.progress import duration
from translator.training.trackers import Row

MEASURED_SECONDS = 180.0  # of training whose speed is one figure
SLOW = 0.7  # of the first such figure, below which it is said


class Pace:
    """Compares each few minutes' speed with that of the first minutes, and says once when it has fallen."""

    def __init__(self) -> None:
        """Begins with the next row."""
        self._first: float | None = None
        self._speeds: list[float] = []
        self._until = math.inf  # seconds of training at which the present minutes end
        self._said = False

    def slower(self, row: Row) -> str | None:
        """Takes a row of training; a message if training has become slow, and again only after it was fast."""
        now, speed = row["training_seconds"], row.get("target_tokens_per_second")
        if self._until == math.inf:  # the first row has the time before it, of another start too
            self._until = now + MEASURED_SECONDS
            return None
        if speed is not None:
            self._speeds.append(speed)
        if now < self._until or not self._speeds:
            return None
        speed, self._speeds, self._until = statistics.median(self._speeds), [], now + MEASURED_SECONDS
        if self._first is None:
            self._first = speed
        is_slow = speed < SLOW * self._first
        news, self._said = is_slow and not self._said, is_slow
        if not news:
            return None
        return (
            f"training is slower than in its first {duration(MEASURED_SECONDS)}: {speed:,.0f} target tokens a second, "
            f"then {self._first:,.0f}; another program may be using the processor or the disk"
        )
