"""This package's own API: all that a `Translator` can do, for sentences as they are."""

from typing import Annotated, Any, Literal

import pydantic
from fastapi import APIRouter, Request, Response

from translator.decoding.output import document_of
from translator.inspect.attention import KINDS, Kind
from translator.inspect.attention_files import figures
from translator.languages import english_name, writes_no_spaces
from translator.serve.bodies import ERRORS, Code, JSONAnswer, described
from translator.serve.errors import RequestError
from translator.serve.models import How, Look, Looked, Model
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


class OfOneModel(Keyed):
    """A body that says which model is meant."""

    model_config = pydantic.ConfigDict(extra="forbid")

    source: Code | None = pydantic.Field(None, description="May be left out where there is only one model.")
    target: Code | None = None


class TranslateSentences(OfOneModel):
    """Sentences to translate."""

    sentences: list[str] = pydantic.Field(description="Plain text, a sentence each; a blank one stays blank.")
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


class Inspect(OfOneModel):
    """A sentence with a translation of it, which the model reads as if it had written it."""

    sentence: str = pydantic.Field(description="Plain text, as it was translated.")
    translation: str = pydantic.Field(description="Any translation of it, by whomever.")
    attention: list[Kind] = pydantic.Field(
        ["cross"],
        description="Where: from translation to sentence (cross), within the sentence (encoder), "
        "within the translation (decoder).",
    )
    source_share: bool = pydantic.Field(False, description="Whether the share of the source comes with each word.")


class Weights(pydantic.BaseModel):
    """The attention of all heads in one place: `weights[layer][head][row][column]`, rows look at columns."""

    rows: list[str]
    columns: list[str]
    weights: list[list[list[list[float]]]]


class Inspected(pydantic.BaseModel):
    """What the model looks at; words, and `</s>` for the end, in place of subwords.

    `source_share` has a number in [0, 1] for each word of the translation and for its end; null if not asked for.
    """

    source: str
    target: str
    words: list[str]
    attention: dict[Kind, Weights]
    source_share: list[float] | None


class Side(pydantic.BaseModel):
    """A language of a model."""

    code: str
    name: str
    writes_spaces: bool


class Pair(pydantic.BaseModel):
    """A model: its languages, and the beam that it searches with unless told otherwise."""

    source: Side
    target: Side
    beam_size: int


class Served(pydantic.BaseModel):
    """The models, and what a request may ask for: characters, the largest beam beside a run's own, and with a key."""

    models: list[Pair]
    characters: int
    largest_beam: int
    key_required: bool


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

    @api.post(
        "/inspect", responses={200: {"model": Inspected}, **ERRORS}, openapi_extra=described(Inspect, forms=False)
    )
    async def inspect(request: Request) -> Response:
        """Says what the model looks at in a sentence as it writes a given translation."""
        return JSONAnswer(await _inspect(service, request, await service.read(request, Inspect)))

    @api.get("/models", responses={200: {"model": Served}})
    async def models() -> Response:
        """The models, and the limits of requests."""
        return JSONAnswer(_served(service))

    return api


async def _inspect(service: Service, request: Request, body: Inspect) -> dict[str, Any]:
    service.require_length([body.sentence, body.translation])
    model = _model(service, body)
    task = Look(body.translation, body.source_share)
    looked: Looked
    [[looked]] = await service.results(request, [model.look(task, body.sentence)])
    maps = looked.attention.views["words"]
    return {
        "source": model.source,
        "target": model.target,
        "words": maps["cross"].rows[:-1],
        "attention": {kind: figures(maps[kind]) for kind in KINDS if kind in body.attention},
        "source_share": looked.source_shares and [round(share, 4) for share in looked.source_shares],
    }


def _served(service: Service) -> dict[str, Any]:
    def side(code: str) -> dict[str, Any]:
        return {"code": code, "name": english_name(code), "writes_spaces": not writes_no_spaces(code)}

    models = [
        {"source": side(model.source), "target": side(model.target), "beam_size": model.translator.options.beam_size}
        for model in service.models
    ]
    limits = service.limits
    return {
        "models": models,
        "characters": limits.characters,
        "largest_beam": limits.alternatives + 1,
        "key_required": bool(limits.api_keys),
    }


async def _translate(service: Service, request: Request, body: TranslateSentences) -> dict[str, Any]:
    service.require_length([*body.sentences, *(body.prefixes or [])])
    if body.prefixes is not None and len(body.prefixes) != len(body.sentences):
        raise RequestError(
            422, f"prefixes: {len(body.prefixes)} for {len(body.sentences)} sentences; give one for each"
        )
    model = _model(service, body)
    how = How(model.options_with(_changes(service, body, model)), body.n_best if body.alignment else 0)
    [found] = await service.results(request, [model.batcher.submit(how, body.sentences, body.prefixes)])
    documents = [document_of(each, body.n_best) for each in found]
    return {"source": model.source, "target": model.target, "translations": documents}


def _model(service: Service, body: OfOneModel) -> Model:
    models = list(service.models)
    if len(models) > 1 and not (body.source and body.target):
        raise RequestError(422, "source and target are needed where there are several models")
    try:
        return service.models.find(body.source or models[0].source, body.target or models[0].target)
    except RequestError as error:
        raise RequestError(422, str(error)) from None


def _changes(service: Service, body: TranslateSentences, model: Model) -> dict[str, Any]:
    changes = body.options.changes
    if body.token_scores:
        changes["with_token_log_probs"] = True
    if changes.get("sample") or changes.get("alternatives"):
        changes.setdefault("beam_size", body.n_best)
    beam_size = changes.get("beam_size", model.translator.options.beam_size)
    largest = max(service.limits.alternatives + 1, model.translator.options.beam_size)
    if beam_size > largest:
        raise RequestError(422, f"options.beam_size must be {largest} or less, not {beam_size}")
    if body.n_best > beam_size:
        raise RequestError(422, f"n_best {body.n_best} needs a beam as large: options.beam_size is {beam_size}")
    return changes
