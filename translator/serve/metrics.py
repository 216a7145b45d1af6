"""What a server has done, in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats."""

import bisect
import collections
import time
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from translator.serve.models import Models

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
CLIENT_GONE = 499  # counted where a client left before an answer began; nginx's number, as HTTP has none
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts requests by endpoint and status, and how long they take."""

    def __init__(self) -> None:
        """Starts at zero."""
        self._requests: collections.Counter[tuple[str, int]] = collections.Counter()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def add(self, endpoint: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests[endpoint, status] += 1
        self._buckets[bisect.bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def text(self, models: Models) -> str:
        """All figures."""
        return "\n".join([*self._of_requests(), *_of_models(models)]) + "\n"

    def _of_requests(self) -> Iterator[str]:
        yield "# TYPE translator_requests_total counter"
        for (endpoint, status), count in sorted(self._requests.items()):
            yield f'translator_requests_total{{endpoint="{endpoint}",status="{status}"}} {count}'
        yield "# TYPE translator_request_seconds histogram"
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'translator_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"translator_request_seconds_sum {self._seconds:.6f}"
        yield f"translator_request_seconds_count {total}"


class Counting:
    """Counts what passes through an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Takes both."""
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = CLIENT_GONE, time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = 500
            raise
        finally:
            # The route's own path: what a client made up would be a series of its own.
            endpoint = getattr(scope.get("route"), "path", "other")
            self._metrics.add(endpoint, status, time.monotonic() - began)


def _of_models(models: Models) -> Iterator[str]:
    for name, kind, value in (
        ("translator_sentences_total", "counter", lambda model: model.batcher.counts.sentences),
        ("translator_batches_total", "counter", lambda model: model.batcher.counts.batches),
        ("translator_busy_seconds_total", "counter", lambda model: f"{model.batcher.counts.seconds:.6f}"),
        ("translator_waiting_sentences", "gauge", lambda model: model.batcher.waiting),
        ("translator_inspections_total", "counter", lambda model: model.looks.counts.sentences),
        ("translator_waiting_inspections", "gauge", lambda model: model.looks.waiting),
    ):
        yield f"# TYPE {name} {kind}"
        for model in models:
            yield f'{name}{{source="{model.source}",target="{model.target}"}} {value(model)}'
