"""What every schema of the API shares."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Request(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _text_without_nul(cls, data: Any) -> Any:
        """PostgreSQL keeps any text but U+0000."""
        if has_nul(data):
            raise ValueError("a text holds the character U+0000, which cannot be kept")
        return data


class Response(BaseModel):
    """An answer, read from the attributes of a record."""

    model_config = ConfigDict(from_attributes=True)


def has_nul(data: Any) -> bool:
    """True when a text anywhere in plain data holds U+0000."""
    if isinstance(data, str):
        return "\0" in data
    if isinstance(data, dict):
        return any(has_nul(key) or has_nul(value) for key, value in data.items())
    return isinstance(data, list) and any(has_nul(item) for item in data)
