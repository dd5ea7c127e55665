"""The server's protocol, with one way more: a usual record is taken where its request is parsed.

A request of the framework is a task, a scope and a conversation of messages, which costs as much as storing a record.
What comes to ``POST /v1/usage/events`` as it usually does (a known key, a small body of JSON) waits for its group and
is answered by its commit, without any of them. Every other request, and every record that cannot even be read, is the
application's, which takes records in the same groups and words every refusal. So without this protocol
(``uvicorn --http`` names it) everything works the same, only slower.
"""

from __future__ import annotations

import logging
from typing import Any, cast

import msgspec
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.errors import problem_of
from api.headers import SECURITY_HEADERS
from api.usage_doors.call import JSON
from api.usage_doors.keys import KeyMemory
from api.usage_doors.records import ROLE, result_out
from billing.services.usage import UsageService
from billing.services.usage_batch import Entry
from billing.services.usage_intake import RecordResult
from billing.services.usage_lines import entry_of

SHORT_CUT = "usage_short_cut"
"""The name of the ``ShortCut`` in the state that the application's lifespan gives the server."""
_PATH, _POST = b"/v1/usage/events", b"POST"
_JSON, _STAYS = JSON.encode(), b"keep-alive"
_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in SECURITY_HEADERS.items()).encode()
_ACCEPTED_HEAD = STATUS_LINE[202] + b"content-type: application/json\r\n" + _HEADERS
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NO_RECORD = Entry(None)
_logger = logging.getLogger(__name__)


class ShortCut:
    """What the protocol needs of the application: who may send, and who takes records."""

    def __init__(self, usage: UsageService, keys: KeyMemory) -> None:
        self.usage = usage
        self._keys = keys

    def takes(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers is a usual one."""
        said = dict(headers)
        length = said.get(b"content-length", b"")
        return (
            length.isdigit()
            and int(length) <= HIGH_WATER_LIMIT
            and said.get(b"content-type", b"").partition(b";")[0].strip().lower() == _JSON
            and said.get(b"connection", _STAYS).lower() == _STAYS
            and b"expect" not in said
            and b"transfer-encoding" not in said
            and self._keys.remembers(said.get(b"x-api-key", b"").decode("latin-1"), ROLE)
        )


class UsageProtocol(HttpToolsProtocol):
    """uvicorn's own protocol for everything but usual records."""

    def on_headers_complete(self) -> None:
        """Another request on this connection waits, as it does for the application."""
        short_cut = self.app_state.get(SHORT_CUT)
        is_free = self.cycle is None or self.cycle.response_complete
        if (
            self.url == _PATH
            and short_cut is not None
            and is_free
            and not self.config.access_log
            and self.limit_concurrency is None
            and self.parser.get_method() == _POST
            and self.parser.get_http_version() == "1.1"
            and short_cut.takes(self.headers)
        ):
            self.cycle = cast(RequestResponseCycle, _Record(self, short_cut))
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is here: it joins the others that wait."""
        cycle: Any = self.cycle
        if type(cycle) is not _Record or cycle.is_read:
            super().on_message_complete()
        elif not cycle.read():
            self.cycle = cast(RequestResponseCycle, None)
            super().on_headers_complete()
            super().on_body(bytes(cycle.body))
            super().on_message_complete()


class _Event:
    """The protocol sets it where a task would wait."""

    def set(self) -> None:
        """Nobody waits."""


class _Record:
    """One record on its way, in the place of the server's request: it has what the server looks at there."""

    __slots__ = (
        "_protocol",
        "_short_cut",
        "body",
        "disconnected",
        "is_read",
        "item",
        "keep_alive",
        "response_complete",
    )
    message_event = _Event()

    def __init__(self, protocol: UsageProtocol, short_cut: ShortCut) -> None:
        self._protocol = protocol
        self._short_cut = short_cut
        self.body = bytearray()
        self.is_read = False
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False
        self.item = _NO_RECORD

    def read(self) -> bool:
        """Let the record wait for its group; False, and nothing done, for what is no JSON object."""
        try:
            event = _decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        if type(event) is not dict:
            return False
        self.is_read, self.item = True, entry_of(event)
        try:
            self._short_cut.usage.put_one(self)
        except Exception as error:
            self.fail(error)
        return True

    def answer(self, answer: RecordResult) -> None:
        """It is committed."""
        body = _encode(result_out(answer, 0))
        self._write(_ACCEPTED_HEAD, body)

    def fail(self, error: Exception) -> None:
        """Nothing of it was stored; a fault is written to the server's log too."""
        problem = problem_of(error)
        if problem.status == 500:
            _logger.error("a record could not be taken", exc_info=error)
        response = problem.response()
        own = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers if header[0] != b"content-length")
        self._write(STATUS_LINE[response.status_code] + own, bytes(response.body))

    def _write(self, head: bytes, body: bytes) -> None:
        self.response_complete = True
        protocol = self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        said = [b"%s: %s\r\n" % header for header in protocol.server_state.default_headers]
        if not self.keep_alive:
            said.append(b"connection: close\r\n")
        protocol.transport.write(b"%s%scontent-length: %d\r\n\r\n%s" % (head, b"".join(said), len(body), body))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()
