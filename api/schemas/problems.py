"""The errors a route declares: problem documents (RFC 9457) with field, value and remedy."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One field that cannot be used."""

    field: str = Field(examples=["body.cycle_day"])
    value: str = Field(examples=["thirty"])
    message: str = Field(examples=["Input should be a valid integer"])


class Problem(BaseModel):
    """What was wrong, with which value, and what to do instead."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["InvalidValue"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["A cycle day is a day of the month."])
    field: str = Field(examples=["cycle_day"])
    value: str = Field(examples=["32"])
    remedy: str = Field(examples=["Use a whole number 1..31."])
    errors: list[FieldProblem] | None = Field(default=None, description="Every field that is not as described.")


_DESCRIPTIONS = {
    400: "The sender could not be verified, or the body cannot be read at all.",
    401: "No API key, or one that is not known.",
    403: "The key's role may not do this.",
    404: "Nothing is known under this identity.",
    409: "It collides with what is there, or the present state does not allow it.",
    408: "Nothing more was sent for too long.",
    413: "The body is larger than this door takes.",
    415: "The content type is not one that this door reads.",
    422: "A field cannot be used; the answer names it with its value and the way out.",
    500: "A fault of ours; send it again in a moment.",
    503: "Something of ours is away; send it again in a moment.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route beyond those that ``with_problems`` gives to every one."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def with_problems(schema: dict[str, Any]) -> None:
    """Add to a finished description what every route may answer, in the place of the framework's own errors."""
    kept = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        kept.pop(unused, None)
    described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    kept |= described.pop("$defs") | {"Problem": described}
    for methods in schema["paths"].values():
        for operation in methods.values():
            statuses = [422, 500, *([401, 403] if "security" in operation else [])]
            statuses += [400, 413] if "requestBody" in operation else []
            added = {str(status): told for status, told in problems(*statuses).items()}
            operation["responses"] = dict(sorted((operation["responses"] | added).items()))
