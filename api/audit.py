"""The audit trail of the doors: every command of the API and the console, and who was refused what.

It is written before the answer goes out. Usage is no command: its doors keep every record themselves. What was only
read leaves a line when it was refused for a missing role; a route that is asked for by GET and does something says so
(``request.state.is_command``).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.container import Container
from billing.ports.audit import NewEvent
from billing.services.access import Caller

WATCHED = ("/v1/", "/console")
READING = ("GET", "HEAD", "OPTIONS")
BODY_KEPT = 64 * 1024
DONE = "done"
_log = structlog.get_logger()


class AuditTrail:
    """Records around the application; what it knows of the caller the dependencies left in the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_watched(scope["path"]):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        record = _Record(scope, receive, send)
        try:
            await self._app(scope, record.receive, record.send)
        except Exception:
            await record.write(HTTPStatus.INTERNAL_SERVER_ERROR)
            raise


class _Record:
    """One request: what was sent, as far as the reason may be in it, and whether it is written down."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body = b""
        self._is_written = False

    async def receive(self) -> Message:
        message = await self._receive()
        if len(self._body) < BODY_KEPT:
            self._body += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self.write(message["status"])
        await self._send(message)

    async def write(self, status: int) -> None:
        """Once, and never in the way of the answer: a trail that cannot be written is an error in the log."""
        if self._is_written or not self._is_worth_it(status):
            return
        self._is_written = True
        container: Container = self._scope["app"].state.container
        if container.audit is None:
            return
        event = self._event(status)
        try:
            await container.audit.add(event)
        except Exception:
            _log.exception("the audit trail could not be written", actor=event.actor, place=event.place, status=status)

    def _is_worth_it(self, status: int) -> bool:
        if "route" not in self._scope:
            return False
        is_command = self._scope["method"] not in READING or bool(self._scope["state"].get("is_command"))
        return is_command or status == HTTPStatus.FORBIDDEN

    def _event(self, status: int) -> NewEvent:
        state: dict[str, Any] = self._scope["state"]
        caller: Caller | None = state.get("caller")
        route = self._scope.get("route")
        client = self._scope.get("client")
        return NewEvent(
            actor=_keepable(caller.name if caller else str(state.get("actor", "")))[:200],
            role=caller.role if caller else "",
            signed_in_by=caller.signed_in_by if caller else "",
            address=client[0] if client else "",
            action=str(getattr(route, "name", "")),
            place=f"{self._scope['method']} {getattr(route, 'path', self._scope['path'])}"[:300],
            subject=_keepable(state.get("subject") or _subject(self._scope))[:200],
            reason=_keepable(self._reason(state))[:500],
            outcome=DONE if status < HTTPStatus.BAD_REQUEST else str(state.get("refusal", "Refused")),
            status=status,
        )

    def _reason(self, state: dict[str, Any]) -> str:
        """As a form said it, or the member ``reason`` of a JSON body."""
        if "reason" in state:
            return str(state["reason"])
        try:
            said = json.loads(self._body) if self._body.startswith(b"{") else {}
        except ValueError:
            return ""
        return str(said.get("reason") or "")


def _is_watched(path: str) -> bool:
    return path.startswith(WATCHED) and not path.endswith("/preview")


def _keepable(text: str) -> str:
    """Without what no column keeps: a refusal must not be missing because of what was sent."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _subject(scope: Scope) -> str:
    """The identities in the address."""
    return " ".join(str(value) for value in scope.get("path_params", {}).values())
