"""The usage door of a running installation, as the command line calls it: by its API, with an API key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evenflow.settings import Settings
from evenflow.stack.errors import StackError

CHUNK_BYTES = 2**20
PATIENCE = httpx.Timeout(30.0, read=300.0)
Sent = Callable[[bytes], None]


class NothingAnswers(StackError):
    """Nobody took the call; it may be made again."""


@dataclass(frozen=True)
class Address:
    """Where the API is, and the key that opens it."""

    api: str
    key: str

    @classmethod
    def of(cls, settings: Settings, api: str = "", key: str = "") -> Address:
        """What was named, else what the stack beside uses. Raises StackError where there is neither."""
        found = cls(
            (api or settings.public.api_base).rstrip("/"), key or settings.secrets.admin_api_key.get_secret_value()
        )
        if not found.api:
            raise StackError("No API is known: start `evenflow up` first, or name one with --api, or use --dry-run.")
        if not found.key:
            raise StackError("No API key is known: name one with --key (`evenflow key create NAME --role agent`).")
        return found


class UsageDoor:
    """Every answer is JSON; a refusal is a StackError in the API's own words."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def upload(self, path: Path, profile: str, sent: Sent) -> Any:
        """Stream a file in; ``sent`` sees every piece. Answers the registered file and whether it was known."""
        query = {"profile": profile, "name": path.name}
        return self._ask("POST", "/v1/usage/files/content", params=query, content=_pieces(path, sent))

    def report(self, file_id: str) -> Any:
        """All that is known of a file."""
        return self._ask("GET", f"/v1/usage/files/{file_id}/report")

    def get(self, path: str, **query: str | int) -> Any:
        """What a route answers."""
        return self._ask("GET", path, params=query)

    def read(self, path: str) -> bytes:
        """A document, as it is."""
        return self._call("GET", path).content

    def post(self, path: str, body: Any, once: str = "") -> Any:
        """Tell a route something; with ``once`` the same call again counts once."""
        return self._ask("POST", path, json=body, headers={"Idempotency-Key": once} if once else {})

    def send(self, route: str, path: Path, sent: Sent = lambda _: None) -> Any:
        """Stream a file to a route under its name; what the route answers."""
        return self._ask("POST", route, params={"name": path.name}, content=_pieces(path, sent))

    def fetch(self, path: str) -> tuple[str, bytes]:
        """A file and the name it has."""
        answer = self._call("GET", path)
        return answer.headers.get("Content-Disposition", "").partition('filename="')[2].rstrip('"'), answer.content

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        return self._call(method, path, **request).json()

    def _call(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **request)
        except httpx.TransportError as error:
            where, why = self._client.base_url, type(error).__name__
            raise NothingAnswers(f"Nothing answers at {where} ({why}): is `evenflow up` running?") from None
        if answer.status_code >= 500:
            raise NothingAnswers(_refusal(answer))
        if answer.status_code >= 400:
            raise StackError(_refusal(answer))
        return answer


@contextmanager
def open_door(address: Address) -> Iterator[UsageDoor]:
    """A door for the length of a command."""
    headers = {"X-API-Key": address.key}
    with httpx.Client(base_url=address.api, headers=headers, timeout=PATIENCE, trust_env=False) as client:
        yield UsageDoor(client)


def _pieces(path: Path, sent: Sent) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(CHUNK_BYTES):
            yield piece
            sent(piece)


def _refusal(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['detail']} {problem['remedy']}".strip()
    except (ValueError, KeyError, TypeError):
        return f"The API answered {answer.status_code}: {answer.text[:200]}"
