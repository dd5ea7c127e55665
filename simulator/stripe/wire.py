"""Stripe's wire: nested forms in, JSON out, typed errors.

StripeError            the request is refused before it did anything; nothing is stored under its key
Answer(status, body)   what is answered and stored, a declined card (402) included
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from simulator.store import Json

_PART = re.compile(r"\[([^\]]*)\]")


class StripeError(Exception):
    """A refusal as the vendor words it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"error": {"message": message, "type": kind, **extra}}
        if code is not None:
            self.body["error"] |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
        if param is not None:
            self.body["error"]["param"] = param


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body."""

    status: int
    body: Json


@dataclass(slots=True)
class Call:
    """One request: its nested parameters, the ids in its path, and how it is known to the vendor."""

    params: Json
    path: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    idempotency_key: str | None = None


def parse_form(pairs: Iterable[tuple[str, str]]) -> Json:
    """``a[b][0]=x`` pairs as nested dicts and lists."""
    root: Json = {}
    for name, value in pairs:
        head, _, tail = name.partition("[")
        parts = [head, *_PART.findall("[" + tail)] if tail else [head]
        place = root
        for part in parts[:-1]:
            following = place.setdefault(part, {})
            place = following if isinstance(following, dict) else place
        last = parts[-1] if parts[-1] else str(len(place))
        place[last] = value
    return {name: value if name == "metadata" else _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: part if name == "metadata" else _lists(part) for name, part in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What a repeated request must equal to be the same request."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def missing(param: str) -> StripeError:
    """The refusal of a request without a required parameter."""
    return StripeError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def required(params: Json, name: str) -> Any:
    """The parameter; refused when absent or empty."""
    if params.get(name) in (None, ""):
        raise missing(name)
    return params[name]


def integer(params: Json, name: str) -> int:
    """The parameter as a whole number; refused when it is none."""
    value = required(params, name)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name) from None


def boolean(params: Json, name: str) -> bool:
    """The parameter as a truth value; absent is false."""
    return str(params.get(name, "")).lower() == "true"


def strings(params: Json, name: str) -> list[str]:
    """The parameter as a list of texts; absent is empty."""
    value = params.get(name) or []
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def resource_missing(kind: str, identity: str, param: str = "id") -> StripeError:
    """The refusal of an identity nobody has."""
    return StripeError(f"No such {kind}: '{identity}'", status=404, code="resource_missing", param=param)


def merge_metadata(current: Json, given: Any) -> Json:
    """Metadata after an update: an empty value removes its key, an empty whole removes all."""
    if given is None:
        return current
    if given == "":
        return {}
    return {name: value for name, value in {**current, **given}.items() if value != ""}


def public(value: Any) -> Any:
    """The value without what only the simulator knows."""
    if isinstance(value, dict):
        return {name: public(part) for name, part in value.items() if name != "_sim"}
    if isinstance(value, list):
        return [public(part) for part in value]
    return value
