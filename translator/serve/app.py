"""The application: all endpoints over some models."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import translator
from translator.decoding.options import OptionsError
from translator.serve import libretranslate, page, version_1
from translator.serve.bodies import ERRORS, JSONAnswer
from translator.serve.errors import RequestError
from translator.serve.limits import Limits
from translator.serve.metrics import CONTENT_TYPE, Counting, Metrics
from translator.serve.models import Models
from translator.serve.service import Service

log = logging.getLogger(__name__)


def create_app(models: Models, limits: Limits) -> FastAPI:
    """An ASGI application, which closes the models when it shuts down."""
    service, metrics = Service(models, limits), Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(models.close)

    # No pages of documentation: they load scripts from elsewhere.
    app = FastAPI(title="translator", version=translator.__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(libretranslate.router(service))
    app.include_router(version_1.router(service))
    app.include_router(page.router())

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}, 403: ERRORS[403]})
    async def figures(request: Request) -> Response:
        """What the server has done, for Prometheus."""
        service.require_key(request)
        return Response(metrics.text(models), media_type=CONTENT_TYPE)

    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(OptionsError, _impossible)
    app.add_exception_handler(HTTPException, _not_found)
    if limits.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(limits.origins), allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    app.add_middleware(Guarding)
    app.add_middleware(Counting, metrics=metrics)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    return JSONAnswer({"error": str(error)}, error.status, headers)


async def _impossible(request: Request, error: Exception) -> Response:
    return JSONAnswer({"error": str(error)}, 422)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONAnswer({"error": str(error.detail)}, error.status_code, dict(error.headers or {}))


class Guarding:
    """Answers 500 to whatever fails, and logs its kind alone: what else there is may hold what was to be translated."""

    def __init__(self, app: ASGIApp) -> None:
        """Takes an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            return
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            log.error("a request failed: %s", type(error).__name__)
            await JSONAnswer({"error": "the server failed at this request"}, 500)(scope, receive, send)
