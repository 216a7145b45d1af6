"""This package's own API: all that a `Translator` can do, for sentences as they are."""

from typing import Annotated, Any, Literal

import pydantic
from fastapi import APIRouter, Request, Response

from translator.decoding.output import document_of
from translator.serve.bodies import ERRORS, JSONAnswer, described
from translator.serve.errors import RequestError
from translator.serve.libretranslate import Code
from translator.serve.models import How, Model
from translator.serve.service import Keyed, Service

Phrase = Annotated[str, pydantic.Field(max_length=200)]


class Options(pydantic.BaseModel):
    """What is different from the run's own search; see `translator.decoding.options.SearchOptions`.

    The bounds keep one request from taking all memory.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    beam_size: int | None = pydantic.Field(None, ge=1)
    length_penalty: float | None = pydantic.Field(None, ge=-10, le=10)
    length_penalty_form: Literal["power", "gnmt"] | None = None
    coverage_penalty: float | None = pydantic.Field(None, ge=0, le=10)
    stopping: Literal["ahead", "finished", "exact"] | None = None
    patience: float | None = pydantic.Field(None, ge=0.01, le=4)
    min_length_factor: float | None = pydantic.Field(None, ge=0, le=4)
    max_length_factor: float | None = pydantic.Field(None, ge=0, le=4)
    max_length_margin: int | None = pydantic.Field(None, ge=1, le=200)
    repetition_penalty: float | None = pydantic.Field(None, ge=0.1, le=10)
    no_repeat_ngram_size: int | None = pydantic.Field(None, ge=0, le=20)
    suppressed: list[Phrase] | None = pydantic.Field(None, max_length=20)
    sample: bool | None = None
    temperature: float | None = pydantic.Field(None, ge=0.01, le=10)
    top_k: int | None = pydantic.Field(None, ge=0, le=1000)
    top_p: float | None = pydantic.Field(None, ge=0.01, le=1)
    seed: int | None = pydantic.Field(None, ge=0, lt=2**31)
    alternatives: bool | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """Those that are given."""
        return self.model_dump(exclude_none=True)


class TranslateSentences(Keyed):
    """Sentences to translate."""

    model_config = pydantic.ConfigDict(extra="forbid")

    sentences: list[str] = pydantic.Field(description="Plain text, a sentence each; a blank one stays blank.")
    source: Code | None = pydantic.Field(None, description="May be left out where there is only one model.")
    target: Code | None = None
    n_best: int = pydantic.Field(1, ge=1, description="The most hypotheses of each.")
    token_scores: bool = pydantic.Field(False, description="Whether hypotheses come with their tokens.")
    alignment: bool = pydantic.Field(False, description="Whether hypotheses come with their word alignment.")
    prefixes: list[str] | None = pydantic.Field(None, description="How the translation of each begins.")
    options: Options = Options()


class Hypothesis(pydantic.BaseModel):
    """A translation of a sentence; tokens and alignment if they are asked for."""

    text: str
    score: float | None
    log_prob: float | None
    tokens: list[str] | None = None
    token_log_probs: list[float | None] | None = None
    alignment: dict[str, Any] | None = None


class Translation(pydantic.BaseModel):
    """The best translation of a sentence, and the first hypotheses, itself among them."""

    text: str
    score: float | None
    log_prob: float | None
    hypotheses: list[Hypothesis]


class TranslatedSentences(pydantic.BaseModel):
    """A translation for each sentence."""

    source: str
    target: str
    translations: list[Translation]


def router(service: Service) -> APIRouter:
    """The endpoints."""
    api = APIRouter(prefix="/v1", tags=["v1"])

    @api.post(
        "/translate",
        responses={200: {"model": TranslatedSentences}, **ERRORS},
        openapi_extra=described(TranslateSentences, forms=False),
    )
    async def translate(request: Request) -> Response:
        """Translates sentences, with scores, and with whatever else is asked for."""
        return JSONAnswer(await _translate(service, request, await service.read(request, TranslateSentences)))

    return api


async def _translate(service: Service, request: Request, body: TranslateSentences) -> dict[str, Any]:
    service.require_length([*body.sentences, *(body.prefixes or [])])
    if body.prefixes is not None and len(body.prefixes) != len(body.sentences):
        raise RequestError(
            400, f"prefixes: {len(body.prefixes)} for {len(body.sentences)} sentences; give one for each"
        )
    model = _model(service, body)
    if body.alignment and not model.aligns:
        raise RequestError(400, "this model cannot align; leave alignment out")
    how = How(model.options_with(_changes(service, body, model)), body.n_best if body.alignment else 0)
    [found] = await service.results(request, [model.batcher.submit(how, body.sentences, body.prefixes)])
    documents = [document_of(each, body.n_best) for each in found]
    return {"source": model.source, "target": model.target, "translations": documents}


def _model(service: Service, body: TranslateSentences) -> Model:
    models = list(service.models)
    if len(models) > 1 and not (body.source and body.target):
        raise RequestError(400, "source and target are needed where there are several models")
    return service.models.find(body.source or models[0].source, body.target or models[0].target)


def _changes(service: Service, body: TranslateSentences, model: Model) -> dict[str, Any]:
    changes = body.options.changes
    if body.token_scores:
        changes["with_token_log_probs"] = True
    if changes.get("sample") or changes.get("alternatives"):
        changes.setdefault("beam_size", body.n_best)
    beam_size = changes.get("beam_size", model.translator.options.beam_size)
    largest = max(service.limits.alternatives + 1, model.translator.options.beam_size)
    if beam_size > largest:
        raise RequestError(400, f"options.beam_size must be {largest} or less, not {beam_size}")
    if body.n_best > beam_size:
        raise RequestError(400, f"n_best {body.n_best} needs a beam as large: options.beam_size is {beam_size}")
    return changes
