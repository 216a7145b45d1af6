"""The API of LibreTranslate, which clients of it speak as they are: https://docs.libretranslate.com."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import anyio.to_thread
import pydantic
from fastapi import APIRouter, Request, Response

from translator.documents.html import HtmlDocument
from translator.documents.pieces import DocumentError
from translator.documents.placing import Sentence
from translator.documents.plain import read_lines
from translator.documents.translating import Sentences
from translator.languages import LanguagePair, english_name, primary
from translator.serve.bodies import ERRORS, Code, JSONAnswer, described
from translator.serve.detection import detect
from translator.serve.errors import RequestError
from translator.serve.models import TEXT, How, Model
from translator.serve.service import Keyed, Service

AUTO = "auto"


class Translate(Keyed):
    """Texts to translate."""

    q: str | Annotated[list[str], pydantic.Field(min_length=1)] = pydantic.Field(description="A text, or several.")
    source: Code = pydantic.Field(description="Code of its language, or auto.")
    target: Code = pydantic.Field(description="Code of the language to translate it into.")
    format: Literal["text", "html"] = "text"
    alternatives: int = pydantic.Field(0, ge=0, description="How many further translations to give.")


class Detect(Keyed):
    """A text in an unknown language."""

    q: str


class Detected(pydantic.BaseModel):
    """A language, and how probable it is in percent."""

    language: str
    confidence: float


class Translated(pydantic.BaseModel):
    """Translations; of several texts, a list of each."""

    translatedText: str | list[str]  # noqa: N815  # as the API has it
    detectedLanguage: Detected | list[Detected] | None = None  # noqa: N815
    alternatives: list[str] | list[list[str]] | None = None


class Language(pydantic.BaseModel):
    """A source language."""

    code: str
    name: str
    targets: list[str]


class Health(pydantic.BaseModel):
    """Whether the server is well."""

    status: Literal["ok"]


class Named(pydantic.BaseModel):
    """A language by its code and its English name."""

    code: str
    name: str


class Settings(pydantic.BaseModel):
    """What a page needs to know."""

    apiKeys: bool  # noqa: N815  # these are LibreTranslate's names
    charLimit: int  # noqa: N815
    filesTranslation: bool  # noqa: N815
    frontendTimeout: int  # noqa: N815
    keyRequired: bool  # noqa: N815
    language: dict[Literal["source", "target"], Named]
    suggestions: bool
    supportedFilesFormat: list[str]  # noqa: N815


def router(service: Service) -> APIRouter:
    """The endpoints."""
    known = _known(service)
    api = APIRouter(tags=["LibreTranslate"], default_response_class=JSONAnswer)

    @api.post(
        "/translate",
        responses={200: {"model": Translated}, **ERRORS},
        openapi_extra=described(Translate, forms=True, known=known),
    )
    async def translate(request: Request) -> Response:
        """Translates texts, plain or HTML; lines, tags and what stands between sentences are kept."""
        return JSONAnswer(await _translate(service, request, await service.read(request, Translate)))

    @api.post(
        "/detect", responses={200: {"model": list[Detected]}, **ERRORS}, openapi_extra=described(Detect, forms=True)
    )
    async def detect_language(request: Request) -> Response:
        """Says which of the source languages a text is in."""
        body = await service.read(request, Detect)
        service.require_length([body.q])
        return JSONAnswer([_detected(*each) for each in detect(body.q, service.models.profiles())])

    @api.get("/languages", responses={200: {"model": list[Language]}})
    async def languages() -> Response:
        """The languages, and what each is translated into: nothing those that are targets alone."""
        known = service.models.languages
        codes = dict.fromkeys(itertools.chain(known, *known.values()))
        return JSONAnswer(
            [{"code": code, "name": english_name(code), "targets": known.get(code, [])} for code in codes]
        )

    @api.get("/health", responses={200: {"model": Health}})
    async def health() -> Response:
        """Says that the server is there."""
        return JSONAnswer({"status": "ok"})

    @api.get("/frontend/settings", responses={200: {"model": Settings}})
    async def settings() -> Response:
        """What a page needs to know."""
        return JSONAnswer(_settings(service))

    return api


def _known(service: Service) -> dict[str, dict[str, Any]]:
    """What the fields of `Translate` may be in this server; regions of the languages may come, too."""
    sources = list(service.models.languages)
    targets = [model.target for model in service.models]
    return {
        "source": {"enum": [AUTO, *sources]},
        "target": {"enum": list(dict.fromkeys([*targets, *sources]))},
        "alternatives": {"maximum": service.limits.alternatives},
    }


async def _translate(service: Service, request: Request, body: Translate) -> dict[str, Any]:
    texts = [body.q] if isinstance(body.q, str) else body.q
    service.require_length(texts)
    most = service.limits.alternatives
    if body.alternatives > most:
        raise RequestError(400, f"alternatives must be {most} or less, not {body.alternatives}")
    languages = [_language(service, text, body) for text in texts]
    models = [_model(service, code, body.target) for code, _ in languages]
    # Large documents take a while: in a thread, so that other requests go on.
    split = await anyio.to_thread.run_sync(_split, texts, models, body.format == "html")
    futures = []
    try:
        for model, sentences in zip(models, split, strict=True):
            if model and sentences:
                how = _how(model, body.alternatives, with_alignment=sentences.any_markup)
                futures.append(model.batcher.submit(how, sentences.texts))
    except RequestError:
        for each in futures:
            each.cancel()
        raise
    results = await service.results(request, futures)
    found = await anyio.to_thread.run_sync(_joined, texts, split, results, body.alternatives)
    answer: dict[str, Any] = {"translatedText": [versions[0] for versions in found]}
    if body.source == AUTO:
        answer["detectedLanguage"] = [_detected(*each) for each in languages]
    if body.alternatives:
        answer["alternatives"] = [versions[1:] for versions in found]
    return {key: each[0] for key, each in answer.items()} if isinstance(body.q, str) else answer


def _language(service: Service, text: str, body: Translate) -> tuple[str, float]:
    if body.source != AUTO:
        return body.source, 100.0
    if body.format == "html":
        text = re.sub("<[^<>]*>", " ", text)
    profiles = service.models.profiles(body.target)
    if not profiles:
        raise RequestError(400, f"nothing is translated into {body.target}")
    return detect(text, profiles)[0]


def _model(service: Service, source: str, target: str) -> Model | None:
    """The model of a pair; None from a language into itself, where there is nothing to do."""
    if primary(source) == primary(target) and primary(source) in map(primary, service.models.languages):
        try:
            return service.models.find(source, target)  # as from European to Brazilian Portuguese
        except RequestError:
            return None
    return service.models.find(source, target)


def _split(texts: Sequence[str], models: Sequence[Model | None], is_html: bool) -> list[Sentences | None]:
    """The sentences of texts; None where nothing is to be translated."""
    try:
        return [
            _sentences(text, model, is_html=is_html) if model else None
            for model, text in zip(models, texts, strict=True)
        ]
    except DocumentError as error:
        raise RequestError(400, f"q: {error}") from error


def _joined(
    texts: Sequence[str], split: Sequence[Sentences | None], results: Iterable[list[Any]], alternatives: int
) -> list[list[str]]:
    """Each text's translation and alternatives."""
    following = iter(results)
    return [
        _versions(sentences, next(following), alternatives) if sentences else [original]
        for original, sentences in zip(texts, split, strict=True)
    ]


def _sentences(text: str, model: Model, *, is_html: bool) -> Sentences:
    languages = LanguagePair(model.source, model.target)
    return Sentences(HtmlDocument(text, languages) if is_html else read_lines(text), languages)


def _how(model: Model, alternatives: int, *, with_alignment: bool) -> How:
    aligned = alternatives + 1 if with_alignment else 0
    if not alternatives and not aligned:
        return TEXT
    beam_size = max(model.translator.options.beam_size, alternatives + 1)
    return How(model.options_with({"beam_size": beam_size}), aligned)


def _versions(sentences: Sentences, results: list[Any], alternatives: int) -> list[str]:
    """The translation and its alternatives: the k-th is made of the k-th hypotheses of all sentences."""
    hypotheses = [
        [Sentence(result)]
        if isinstance(result, str)
        else [Sentence(each.text, each.alignment) for each in result.hypotheses]
        for result in results
    ]
    versions = [
        sentences.written([each[k] if k < len(each) else each[0] for each in hypotheses])
        for k in range(alternatives + 1)
    ]
    return list(dict.fromkeys(versions))


def _detected(language: str, confidence: float) -> dict[str, Any]:
    return {"confidence": round(confidence, 1), "language": language}


def _settings(service: Service) -> dict[str, Any]:
    limits = service.limits
    first = next(iter(service.models))
    source, target = ({"code": code, "name": english_name(code)} for code in (first.source, first.target))
    return {
        "apiKeys": bool(limits.api_keys),
        "charLimit": limits.characters,
        "filesTranslation": False,
        "frontendTimeout": 500,
        "keyRequired": bool(limits.api_keys),
        "language": {"source": source, "target": target},
        "suggestions": False,
        "supportedFilesFormat": [],
    }
