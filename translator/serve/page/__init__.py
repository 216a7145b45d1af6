"""The page at `/`: HTML, CSS and JavaScript as they are, which ask `/v1` alone.

A policy forbids the browser all that this server does not send itself, and scripts and styles within the HTML.
"""

import hashlib
import importlib.resources

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
METHODS = ["GET", "HEAD"]
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # kept, and asked for anew: after an update of the server there is one version of all
}


def router() -> APIRouter:
    """The page and its files."""
    api = APIRouter(include_in_schema=False)
    files = {
        file.name: file.read_bytes()
        for file in importlib.resources.files(__package__).iterdir()
        if _extension(file.name) in MEDIA_TYPES
    }

    @api.api_route("/", methods=METHODS)
    async def index(request: Request) -> Response:
        return _answer(request, "index.html", files["index.html"])

    @api.api_route("/page/{name}", methods=METHODS)
    async def part(request: Request, name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return _answer(request, name, files[name])

    return api


def _answer(request: Request, name: str, content: bytes) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = HEADERS | {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPES[_extension(name)], headers=headers)


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
