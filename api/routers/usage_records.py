"""Records in, results out. These routes describe the doors of ``api.usage_doors``, which answer them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response, Security

from api.dependencies import api_key
from api.schemas.problems import problems
from api.schemas.usage import A_CALL, A_SESSION, BatchResultOut, RecordResultOut, StreamProgressOut, UsageEventIn
from api.schemas.usage_events import A_CLOUD_EVENT, A_STREAM, AN_SMS_EVENT, CloudEventIn
from api.usage_doors.cloud_events import BATCHED, STRUCTURED
from api.usage_doors.door import Through
from api.usage_doors.stream import NDJSON
from billing.services.usage import MOST_RECORDS

router = APIRouter(prefix="/v1/usage", tags=["usage"])
DESCRIBED = (UsageEventIn, CloudEventIn, StreamProgressOut)


def _ref(model: type[Any]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _many(model: type[Any]) -> dict[str, Any]:
    """An array; what is no such object is one record that cannot be used, and is answered as that."""
    return {"type": "array", "maxItems": MOST_RECORDS, "items": {"anyOf": [_ref(model), {}]}}


def _body(**content: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def with_usage(schema: dict[str, Any]) -> None:
    """Add the models of bodies that the framework does not read itself."""
    for model in DESCRIBED:
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= described.pop("$defs", {}) | {model.__name__: described}


_ONE = {"application/json": {"schema": _ref(UsageEventIn)}}
_BATCH = {"application/json": {"schema": _many(UsageEventIn), "example": [A_CALL, A_SESSION]}}
_STREAM = {NDJSON: {"schema": {"description": "Lines; one that is no record is rejected."}, "example": A_STREAM}}
_CLOUD_EVENTS = {
    STRUCTURED: {"schema": _ref(CloudEventIn)},
    BATCHED: {"schema": _many(CloudEventIn), "example": [A_CLOUD_EVENT, AN_SMS_EVENT]},
    "application/json": {"schema": {"type": "object"}, "example": A_CLOUD_EVENT["data"]},
}
_KEY = [Security(api_key)]
_REFUSED = problems(415, 503)


@router.post(
    "/events",
    status_code=202,
    summary="Take one usage record",
    response_model=RecordResultOut,
    responses=_REFUSED,
    dependencies=_KEY,
    openapi_extra=_body(**_ONE),
)
async def take_event(request: Request) -> Response:
    """Answers after the record is committed and counted. Sending it again answers ``duplicate`` and changes nothing.

    Records that arrive at the same time share a transaction. When more is waiting than can be held, the answer is 503
    with ``Retry-After``.
    """
    return Through(request)


@router.post(
    "/events/batch",
    status_code=202,
    summary="Take many usage records",
    response_model=BatchResultOut,
    responses=_REFUSED,
    dependencies=_KEY,
    openapi_extra=_body(**_BATCH),
)
async def take_events(request: Request) -> Response:
    """One transaction; a record that cannot be taken is kept with its reason and never spoils the others."""
    return Through(request)


@router.post(
    "/stream",
    summary="Take a stream of usage records",
    responses=problems(408, 415, 503)
    | {
        200: {
            "description": "One line per committed batch, the last with `done`.",
            "content": {NDJSON: {"schema": _ref(StreamProgressOut)}},
        }
    },
    dependencies=_KEY,
    openapi_extra=_body(**_STREAM),
)
async def take_stream(request: Request) -> Response:
    """NDJSON of any length, one record per line, read no faster than it is committed.

    Every line of the answer (``StreamProgressOut``) says up to which line everything is committed. After a lost
    connection send what follows ``acknowledged_line``, or everything again: what was taken before is a ``duplicate``.
    A damaged line, or one over 64 KiB, is one rejected record. An empty line is counted as a line, and is no record.
    """
    return Through(request)


@router.post(
    "/cloudevents",
    status_code=202,
    summary="Take usage as CloudEvents",
    responses=_REFUSED
    | {
        202: {
            "description": "One event answers its result, a batch answers counts and results.",
            "content": {"application/json": {"schema": {"anyOf": [_ref(RecordResultOut), _ref(BatchResultOut)]}}},
        }
    },
    dependencies=_KEY,
    openapi_extra=_body(**_CLOUD_EVENTS),
)
async def take_cloud_events(request: Request) -> Response:
    """CloudEvents 1.0 over HTTP: structured, batched, or binary (attributes in ``ce-`` headers, data in the body).

    ``source`` and ``id`` are the record's identity, ``subject`` is the line, ``time`` the start, and ``type`` selects
    the meter: ``org.evenflow.usage.voice`` counts on ``voice``; other types are declared in
    ``EVENFLOW_USAGE_CLOUD_EVENT_TYPES``. An event of a type that was not declared waits, on a meter of that name. Data
    holds ``quantity`` and, where they apply, ``destination`` and ``amount``; the rest is kept with the record.
    """
    return Through(request)


@router.options("/cloudevents", summary="Agree to receive CloudEvents", response_class=Response)
async def agree_to_cloud_events(
    origin: Annotated[
        str, Header(alias="WebHook-Request-Origin", description="Who asks to send.", max_length=255)
    ] = "",
) -> Response:
    """The handshake of CloudEvents webhooks: who asks may send, at any rate, with an API key."""
    headers = {"Allow": "OPTIONS, POST"}
    if origin:
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return Response(headers=headers)
