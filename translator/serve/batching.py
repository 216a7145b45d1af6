"""Sentences of many requests, translated together: one queue and one thread for each model and kind of work.

Whatever waits when the model becomes free is its next batch, so that batches grow with the load. Clients who have just
been answered may ask again at once: they are waited for, for a small part of the time that their batch took, else half
of the clients would always wait while the others ask. What is asked of a model is asked from that thread alone.
"""

import collections
import contextlib
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

from translator.errors import TranslatorError
from translator.serve.errors import RequestError

log = logging.getLogger(__name__)

# (how, sentences, target prefixes or None) -> one result for each sentence.
Translate = Callable[[Any, Sequence[str], Sequence[str] | None], Sequence[Any]]
LINGERING = 0.1  # of the time that a batch took: the longest wait for those whom it answered
SMOOTHING = 0.9  # of the rate: the weight of what was known before the last batch


@dataclass
class _Job:
    """The sentences of one request, which may be translated in several batches."""

    how: Hashable
    sentences: Sequence[str]
    prefixes: Sequence[str] | None
    results: list[Any]
    missing: int
    future: "Future[list[Any]]" = field(default_factory=Future)

    @property
    def key(self) -> Hashable:
        """Jobs with equal keys are translated together."""
        return self.how, self.prefixes is not None


@dataclass
class Counts:
    """What a model has done since the start."""

    batches: int = 0
    sentences: int = 0
    seconds: float = 0.0


_Item = tuple[_Job, int]  # a sentence by its place in its job


class Batcher:
    """Hands sentences to a model, as many at a time as are waiting."""

    def __init__(
        self, name: str, translate: Translate, batch_sentences: int, most_waiting: int, lingering: float = LINGERING
    ) -> None:
        """Starts the thread.

        Args:
            name: of the model, for its thread.
            translate: called in that thread alone.
            batch_sentences: the most sentences of one call.
            most_waiting: the most sentences that wait or are being translated.
            lingering: for how long those who were answered are waited for, as a part of the time that it took.
        """
        self.counts = Counts()
        self.batch_sentences, self.most_waiting = batch_sentences, most_waiting
        self._translate = translate
        self._items: collections.deque[_Item] = collections.deque()
        self._changed = threading.Condition()
        self._in_hand = 0
        self._expected, self._linger_until = 0, 0.0
        self._lingering = lingering
        self._rate = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"translator-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Sentences that wait or are being translated."""
        return len(self._items) + self._in_hand

    @property
    def accepts(self) -> bool:
        """Whether it is not stopping."""
        return not self._closing

    def submit(
        self, how: Hashable, sentences: Sequence[str], prefixes: Sequence[str] | None = None
    ) -> "Future[list[Any]]":
        """Queues the sentences of a request; all of them, or none.

        Args:
            how: handed to `translate`. Requests with equal values are translated together.
            sentences: one or more.
            prefixes: how each translation begins; None where all are free.

        Returns:
            A result for each sentence. Cancelling it takes those that still wait from the queue.

        Raises:
            RequestError: there is no room (429), there never is so much (413), or the server is stopping (503).
        """
        job = _Job(how, sentences, prefixes, [None] * len(sentences), len(sentences))
        if not sentences:
            job.future.set_result([])
            return job.future
        if len(sentences) > self.most_waiting:
            raise RequestError(
                413, f"{len(sentences):,} sentences are more than the {self.most_waiting:,} that a request may have"
            )
        with self._changed:
            if self._closing:
                raise RequestError(503, "the server is stopping")
            if self.waiting + len(sentences) > self.most_waiting:
                seconds = max(1, math.ceil(self.waiting / self._rate)) if self._rate else 1
                raise RequestError(429, f"too many sentences are waiting; ask again in {seconds} s", seconds)
            self._items.extend((job, place) for place in range(len(sentences)))
            self._changed.notify()
        job.future.add_done_callback(lambda _: self._forget(job))
        return job.future

    def close(self) -> None:
        """Translates what has been accepted, then ends the thread. Nothing new is accepted."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _forget(self, job: _Job) -> None:
        """Takes what still waits of a request from the queue, once it is cancelled or has failed."""
        if job.missing:
            with self._changed:
                self._items = collections.deque(item for item in self._items if item[0] is not job)

    def _work(self) -> None:
        while items := self._next():
            began = time.monotonic()
            self._process(items)
            ended = time.monotonic()
            answered = {id(job): len(job.sentences) for job, _ in items if not job.missing}
            with self._changed:
                self._in_hand = 0
                self._expected = len(self._items) + sum(answered.values())
                self._linger_until = ended + self._lingering * (ended - began)

    def _next(self) -> list[_Item]:
        """What to translate next: of what waits, all that goes together with the first; empty at the end."""
        with self._changed:
            while True:
                while not self._items and not self._closing:
                    self._changed.wait()
                if self._items and self._lingers():
                    self._changed.wait(self._linger_until - time.monotonic())
                elif self._items or self._closing:
                    break
            if not self._items:
                return []
            key = self._items[0][0].key
            taken: list[_Item] = []
            left: collections.deque[_Item] = collections.deque()
            for item in self._items:
                if len(taken) < self.batch_sentences and item[0].key == key:
                    taken.append(item)
                else:
                    left.append(item)
            self._items, self._in_hand = left, len(taken)
            return taken

    def _lingers(self) -> bool:
        """Whether more is likely to come at once."""
        room = len(self._items) < min(self._expected, self.batch_sentences)
        return room and not self._closing and time.monotonic() < self._linger_until

    def _process(self, items: Sequence[_Item]) -> None:
        try:
            self._run(items)
        except Exception as error:
            jobs = [list(group) for _, group in itertools.groupby(items, key=lambda item: id(item[0]))]
            if len(jobs) == 1:
                _fail(items[0][0], error)
                return
            for own in jobs:  # one request must not fail with another
                self._process(own)

    def _run(self, items: Sequence[_Item]) -> None:
        first = items[0][0]
        prefixes = None if first.prefixes is None else [job.prefixes[place] for job, place in items if job.prefixes]
        began = time.monotonic()
        found = self._translate(first.how, [job.sentences[place] for job, place in items], prefixes)
        self._count(len(items), time.monotonic() - began)
        for (job, place), result in zip(items, found, strict=True):
            job.results[place] = result
            job.missing -= 1
            if not job.missing and not job.future.done():
                _settle(job, job.results)

    def _count(self, sentences: int, seconds: float) -> None:
        counts = self.counts
        self.counts = Counts(counts.batches + 1, counts.sentences + sentences, counts.seconds + seconds)
        rate = sentences / max(seconds, 1e-6)
        self._rate = SMOOTHING * self._rate + (1 - SMOOTHING) * rate if self._rate else rate


def _settle(job: _Job, results: list[Any]) -> None:
    with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
        job.future.set_result(results)


def _fail(job: _Job, error: Exception) -> None:
    if not isinstance(error, TranslatorError):
        # Neither the message nor a traceback: they may hold what was to be translated.
        log.error("translating failed: %s", type(error).__name__)
    with contextlib.suppress(InvalidStateError):
        job.future.set_exception(error)
