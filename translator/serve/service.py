"""What all endpoints share: the models, the limits, and the wait for a translation."""

import asyncio
import hmac
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import pydantic
from fastapi import Request
from starlette.requests import ClientDisconnect

from translator.serve.bodies import read
from translator.serve.errors import RequestError
from translator.serve.limits import Limits
from translator.serve.models import Models


class Keyed(pydantic.BaseModel):
    """A body that may hold the API key."""

    api_key: str | None = pydantic.Field(
        None, description="API key; `Authorization: Bearer …` is another place for it."
    )


Body = TypeVar("Body", bound=Keyed)


class Service:
    """Models and limits."""

    def __init__(self, models: Models, limits: Limits) -> None:
        """Takes both."""
        self.models, self.limits = models, limits

    async def read(self, request: Request, kind: type[Body]) -> Body:
        """The body of a request that may be answered.

        Raises:
            RequestError: it is too large, no such object, or has no valid API key.
        """
        body = await read(request, kind, self.limits.body_bytes)
        self.require_key(request, body.api_key)
        return body

    def require_key(self, request: Request, of_body: str | None = None) -> None:
        """Raises a RequestError unless the request has a valid API key, or none is needed."""
        if not self.limits.api_keys:
            return
        scheme, _, of_header = request.headers.get("authorization", "").partition(" ")
        given = of_header if scheme.lower() == "bearer" else of_body
        if not given:
            raise RequestError(403, "this server needs an API key: send it as api_key, or as Authorization: Bearer …")
        if not any(hmac.compare_digest(given.encode(), key.encode()) for key in self.limits.api_keys):
            raise RequestError(403, "the API key is not valid")

    def require_length(self, texts: Sequence[str]) -> None:
        """Raises a RequestError for more characters than a request may have."""
        characters = sum(map(len, texts))
        if characters > self.limits.characters:
            raise RequestError(
                400, f"the texts have {characters:,} characters, more than the {self.limits.characters:,} of a request"
            )

    async def results(self, request: Request, futures: "Sequence[Future[list[Any]]]") -> list[list[Any]]:
        """Waits for translations; after too long, or when the client has gone, they are given up.

        Raises:
            RequestError: it took too long.
            ClientDisconnect: nobody waits for the answer any more.
        """
        # Of exceptions that it raised itself, and nobody asked for, asyncio would write to the log.
        gathered = asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
        gone = asyncio.ensure_future(_disconnection(request))
        either: set[asyncio.Future[Any]] = {gathered, gone}
        try:
            await asyncio.wait(either, timeout=self.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if gathered.done():
                return [_raised(each) for each in gathered.result()]
            if gone.done():
                raise ClientDisconnect
            seconds = self.limits.seconds
            raise RequestError(504, f"the translation took more than {seconds:g} s; ask for less, or later")
        finally:
            gone.cancel()
            for each in futures:
                each.cancel()


def _raised(found: list[Any] | BaseException) -> list[Any]:
    if isinstance(found, BaseException):
        raise found
    return found


async def _disconnection(request: Request) -> None:
    """Ends when the client of a request, whose body has been read, closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
