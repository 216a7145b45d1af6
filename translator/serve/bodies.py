"""Requests' bodies, JSON or a form, as checked objects; and how OpenAPI describes them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs

import pydantic
import pydantic_core
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from translator.serve.errors import RequestError

Code = Annotated[str, pydantic.Field(min_length=2, max_length=20)]  # of a language
Body = TypeVar("Body", bound=pydantic.BaseModel)
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
MOST_FIELDS = 10_000  # of a form
SHOWN_PROBLEMS = 3


class Error(pydantic.BaseModel):
    """Why a request was not answered."""

    error: str


# What may come in place of an answer, as OpenAPI has it.
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "The request is not understood, or asks for something that does not exist."},
    403: {"model": Error, "description": "The API key is missing or wrong."},
    413: {"model": Error, "description": "The request is too large."},
    422: {"model": Error, "description": "What is asked for does not go together, or this model does not have it."},
    429: {"model": Error, "description": "Too much is waiting; `Retry-After` says for how many seconds."},
    500: {"model": Error, "description": "A fault of the server."},
    503: {"model": Error, "description": "The server is stopping."},
    504: {"model": Error, "description": "The answer took too long."},
}


class JSONAnswer(JSONResponse):
    """A JSON document, in UTF-8."""

    def render(self, content: Any) -> bytes:
        """See `starlette.responses.Response`."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


async def read(request: Request, kind: type[Body], most_bytes: int) -> Body:
    """Reads a request's body.

    Raises:
        RequestError: it is too large (413), or not such an object (400).
    """
    content = await _bytes(request, most_bytes)
    form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if form == FORM:
        found: Any = _form(content)
    elif form == MULTIPART:
        found = await _multipart(request, content)
    else:
        try:
            found = _with_integers(pydantic_core.from_json(content))
        except ValueError as error:
            raise RequestError(400, f"the body is not JSON: {str(error)[:100]}") from None
    try:
        # All fields of a form are strings; in JSON a string is only a string.
        return kind.model_validate(found, strict=form not in (FORM, MULTIPART))
    except pydantic.ValidationError as error:
        raise RequestError(400, _problems(error)) from None


def described(
    kind: type[pydantic.BaseModel], *, forms: bool, known: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The body in OpenAPI's words.

    Args:
        kind: of the body.
        forms: whether it may come as a form, too.
        known: what else is known of some fields, by their names, once a server runs.
    """
    schema = kind.model_json_schema()
    schema = _inlined(schema, schema.pop("$defs", {}))
    for name, more in (known or {}).items():
        schema["properties"][name] |= more
    types = (JSON, FORM, MULTIPART) if forms else (JSON,)
    return {"requestBody": {"required": True, "content": {each: {"schema": schema} for each in types}}}


async def _bytes(request: Request, most: int) -> bytes:
    too_large = RequestError(413, f"the request is larger than {most:,} bytes")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _with_integers(value: Any) -> Any:
    """A value of JSON, which does not tell 3.0 from 3, with integers wherever it may have any."""
    if isinstance(value, dict):
        return {key: _with_integers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_integers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _form(content: bytes) -> dict[str, Any]:
    try:
        fields = parse_qs(content.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RequestError(400, "the form is not UTF-8, or has too many fields") from None
    return _single(fields)


async def _multipart(request: Request, content: bytes) -> dict[str, Any]:
    async def stream() -> Any:
        yield content

    try:
        form = await MultiPartParser(request.headers, stream()).parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise RequestError(400, f"the form cannot be read: {str(error)[:100]}") from None
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            raise RequestError(400, "files are not translated; send their text")
        fields.setdefault(name, []).append(value)
    return _single(fields)


def _single(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _problems(error: pydantic.ValidationError) -> str:
    """What is wrong, without the values: they may be texts."""
    found = []
    for each in error.errors(include_url=False, include_input=False, include_context=False)[:SHOWN_PROBLEMS]:
        place = ".".join(str(part)[:40] for part in each["loc"]) or "the body"
        found.append(f"{place}: {each['msg'][:200]}")
    return "; ".join(found)


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with definitions in place of the references to them."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    return [_inlined(each, definitions) for each in schema] if isinstance(schema, list) else schema
