"""Writing where the disk may be full: training waits for room, or for a signal to stop."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from translator.files import NoRoomError
from translator.training.checkpoints import Checkpoints
from translator.training.errors import Interrupted

SECONDS_BETWEEN_WRITES = 5.0

Written = TypeVar("Written")


class Room:
    """Room on the disk, and those to whom the lack of it is told."""

    def __init__(self, checkpoints: Checkpoints, warn: Callable[[str], None], signals: Sequence[int] = ()) -> None:
        """`signals` are those received so far, and grow."""
        self.signals = signals
        self._checkpoints, self._warn = checkpoints, warn

    def wait_for(self, write: Callable[[], Written]) -> Written:
        """Writes, again and again until there is room.

        Raises:
            Interrupted: there is none, and a signal asked to stop.
        """
        told = False
        while True:
            try:
                return write()
            except NoRoomError as error:
                kept = ", ".join(f"{step:,}" for step in self._checkpoints.steps()) or "none"
                if self.signals:
                    raise Interrupted(f"{error}; stopped without it. Checkpoints saved: {kept}") from None
                if not told:
                    self._warn(f"{error}; waiting for space, then training continues. Checkpoints saved: {kept}")
                    told = True
                time.sleep(SECONDS_BETWEEN_WRITES)
