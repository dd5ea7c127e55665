"""The API's reference as a page: every route with its fields and examples, without scripts from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.pages import page

router = APIRouter(include_in_schema=False)
MOST_EXAMPLES = 20


@router.get("/docs")
async def reference(request: Request) -> Response:
    """The page; ``/openapi.json`` is the same for programs."""
    schema: dict[str, Any] = request.app.openapi()
    return page("reference.html", title="API", info=schema["info"], areas=_areas(schema))


def _areas(schema: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, in order of appearance."""
    areas: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            shown = _operation(schema, method, path, operation)
            areas.setdefault(operation.get("tags", ["other"])[0], []).append(shown)
    return areas


def _operation(schema: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "fields": _fields(schema, operation),
        "examples": _examples(schema, operation),
        "statuses": sorted(operation.get("responses", {})),
    }


def _body(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The body's media type object and its schema; empty without a JSON body."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = media.get("schema", {})
    if "$ref" in body:
        body = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    return media, body


def _fields(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    _, body = _body(schema, operation)
    required = body.get("required", ())
    return [
        {"name": name, "is_required": name in required, "description": field.get("description", "")}
        for name, field in body.get("properties", {}).items()
    ]


def _examples(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> list[dict[str, str]]:
    """Examples with their titles: what is asked, and what is answered where that was worked out."""
    media, body = _body(schema, operation)
    values = body.get("examples") or [media[name] for name in ("example",) if name in media]
    plain = {f"Example {place}": {"value": value} for place, value in enumerate(values, start=1)}
    asked = media.get("examples") or plain
    answered = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("examples", {})
    return [
        {"title": each.get("summary", name), "asked": _shown(each), "answered": _shown(answered.get(name, {}))}
        for name, each in list(asked.items())[:MOST_EXAMPLES]
    ] or [
        {"title": each["summary"], "asked": each["description"], "answered": _shown(each)} for each in answered.values()
    ]


def _shown(example: Mapping[str, Any]) -> str:
    return json.dumps(example["value"], indent=2, ensure_ascii=False) if "value" in example else ""
