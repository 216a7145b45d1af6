"""Successive halving (Jamieson and Talwalkar, 2016): which runs go on, from how far each has come.

All is a function of what the runs' folders say, so that it does not depend on who trained what when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Standing:
    """How far a run has come.

    Attributes:
        bleus: Validation BLEU by step, in order.
        is_finished: Whether it has ended by itself, and is scored.
        failure: Why its training broke off, if it did.
    """

    bleus: Sequence[tuple[int, float]] = ()
    is_finished: bool = False
    failure: str | None = None

    def has_reached(self, step: int) -> bool:
        """Whether there is nothing to train before a step."""
        return self.is_finished or any(validated >= step for validated, _ in self.bleus)

    def best(self, until: float = float("inf")) -> float | None:
        """The highest validation BLEU up to a step; None without any."""
        return max((bleu for step, bleu in self.bleus if step <= until), default=None)


class Job(NamedTuple):
    """What is to be trained: a run, up to a step or to its end."""

    run: int  # its index
    until_step: int | None


class Round(NamedTuple):
    """Where a sweep stands.

    Attributes:
        jobs: What is to be trained now, all of it at once if there is room.
        stopped: The step at which each run was left behind that was, by index.
        is_last: Whether no other jobs follow these.
    """

    jobs: list[Job]
    stopped: dict[int, int]
    is_last: bool


@dataclass(frozen=True)
class Halving:
    """At each step in `rungs` the best 1/η of the runs go on, rounded down, and at least one.

    η and the rounding are those of Li et al. (2018, algorithm 1). Without rungs, all runs are trained to their end.
    """

    rungs: tuple[int, ...] = ()
    eta: float = 2.0

    def round(self, standings: Sequence[Standing]) -> Round:
        """What is to be trained next. No run passes a rung before all have reached it, or failed on the way.

        Runs are compared by their best validation BLEU up to the rung; of equal ones, the first go on.
        """
        going = list(range(len(standings)))
        stopped: dict[int, int] = {}
        for rung in self.rungs:
            reached = [i for i in going if standings[i].has_reached(rung)]
            if jobs := [Job(i, rung) for i in going if i not in reached and standings[i].failure is None]:
                return Round(jobs, stopped, is_last=False)
            ranked = sorted(reached, key=lambda i: (-_rank(standings[i].best(rung)), i))
            best = ranked[: max(1, int(len(going) / self.eta))]
            stopped |= dict.fromkeys(ranked[len(best) :], rung)
            going = sorted(best)
        open_ = [i for i in going if not standings[i].is_finished and standings[i].failure is None]
        return Round([Job(i, None) for i in open_], stopped, is_last=True)


def _rank(bleu: float | None) -> float:
    return float("-inf") if bleu is None else bleu
