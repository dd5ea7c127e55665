"""The errors a route declares: problem documents (RFC 9457) with field, value and remedy."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """What was wrong, with which value, and what to do instead."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["InvalidValue"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["A cycle day is a day of the month."])
    field: str = Field(default="", examples=["cycle_day"])
    value: str = Field(default="", examples=["32"])
    remedy: str = Field(default="", examples=["Use 1 to 31."])


_DESCRIPTIONS = {
    401: "No API key, or one that is not known.",
    403: "The key's role may not do this.",
    404: "Nothing is known under this identity.",
    409: "It collides with what is there, or the present state does not allow it.",
    422: "A field cannot be used; the answer names it with its value and the way out.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route: these statuses and those every route with a key can answer."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
        }
        for status in sorted({401, 403, *statuses})
    }
