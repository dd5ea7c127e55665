"""The API as its description shows it: operations, examples, and requests built from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from api.app import create_app
from api.container import Container

JSON = "application/json"
Place = tuple[str | int, ...]
_NOBODY: Any = None

SCHEMA = create_app(Container(_NOBODY, _NOBODY, _NOBODY, "http://door.test")).openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one it refers to."""
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: dict[str, Any] = SCHEMA["components"]["schemas"][name] if name else schema
    return found


def parameters(name: str, where: str) -> dict[str, Any]:
    """The parameters of an operation in the path or the query, each with its example."""
    found = [each for each in OPERATIONS[name].get("parameters", ()) if each["in"] == where]
    return {each["name"]: next(iter(each["schema"].get("examples", ())), None) for each in found}


def examples_of(name: str) -> list[Any]:
    """The JSON bodies an operation shows; none where it takes none."""
    media = OPERATIONS[name].get("requestBody", {}).get("content", {}).get(JSON)
    if media is None:
        return []
    named = [example["value"] for example in media.get("examples", {}).values()]
    return named or list(resolved(media["schema"]).get("examples", ()))


@dataclass(frozen=True)
class Asked:
    """A request as the description shows it, to be sent as it is or spoilt."""

    name: str
    body: Any = None

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]

    def path(self, **changes: str) -> str:
        """The address with the examples of its parameters, or other ones."""
        values = parameters(self.name, "path") | changes
        needed = {each["name"] for each in OPERATIONS[self.name].get("parameters", ()) if each["required"]}
        query = [f"{each}={value}" for each, value in parameters(self.name, "query").items() if each in needed]
        return "?".join([self.name.partition(" ")[2].format(**values), *(["&".join(query)] if query else [])])

    def places(self) -> list[Place]:
        """Everything in the body that could be something else, the whole of it first."""
        return list(_places(self.body))

    def spoilt(self, place: Place, value: Any) -> bytes:
        """The body with another value at a place."""
        return json.dumps(_replaced(self.body, place, value)).encode()


def is_stream(name: str) -> bool:
    """True for an operation whose answer goes on."""
    return "text/event-stream" in OPERATIONS[name]["responses"].get("200", {}).get("content", {})


def asked() -> list[Asked]:
    """Every operation with each of its example bodies, or none.

    Forms and vendors' own calls are left out, and streams: those do not end (test_balance_stream).
    """
    names = [name for name in OPERATIONS if "/webhooks/" not in name and not is_stream(name)]
    bare = [Asked(name) for name in names if "requestBody" not in OPERATIONS[name]]
    return [*bare, *(Asked(name, body) for name in names for body in examples_of(name))]


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _places(part, (*place, name))


def _replaced(value: Any, place: Place, other: Any) -> Any:
    if not place:
        return other
    copied = deepcopy(value)
    inner = copied
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = other
    return copied
