"""What is taken before the framework, and what all of it has in common: the key, and errors that are problems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.container import Container
from api.errors import problem_of
from api.usage_doors.balance import BalanceDoor, asked_account
from api.usage_doors.call import Call, CallerGone
from api.usage_doors.cloud_events import CloudEventDoor
from api.usage_doors.keys import KeyMemory
from api.usage_doors.protocol import SHORT_CUT, ShortCut
from api.usage_doors.records import ROLE, RecordDoors
from api.usage_doors.stream import StreamDoor

PREFIX = "/v1/usage/"
VIEWER = "viewer"
Taking = Callable[[Call], Awaitable[None]]


class UsageDoors:
    """The doors by path. ``answers`` says whether a request is theirs: a POST with an agent's key brings usage, a GET
    with a viewer's asks for a balance.
    """

    def __init__(self, container: Container) -> None:
        records = RecordDoors(container.usage)
        self._keys = KeyMemory(container.access)
        self._balance = BalanceDoor(container.usage)
        self.short_cut = ShortCut(container.usage, self._keys)
        self._doors: Mapping[str, Taking] = {
            f"{PREFIX}events": records.take_one,
            f"{PREFIX}events/batch": records.take_batch,
            f"{PREFIX}stream": StreamDoor(container.usage).take_stream,
            f"{PREFIX}cloudevents": CloudEventDoor(records, container.cloud_event_types).take,
        }

    def answers(self, scope: Scope) -> bool:
        """Whether the request is for one of these doors; every other is the framework's."""
        if scope["type"] != "http":
            return False
        return (scope["path"] in self._doors) if scope["method"] == "POST" else bool(asked_account(scope))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, send)
        try:
            await self._answer(call, scope)
        except CallerGone:
            return
        except Exception as error:
            problem = problem_of(error)
            if not call.has_begun:
                await problem.response()(scope, receive, send)
            if problem.status == 500:
                raise  # the server writes it to its log

    async def _answer(self, call: Call, scope: Scope) -> None:
        key, account_id = call.header(b"x-api-key"), asked_account(scope)
        await self._keys.admit(key, VIEWER if account_id else ROLE)
        await (self._balance.tell(call, account_id) if account_id else self._doors[scope["path"]](call))


class Through(Response):
    """What a route of the framework answers: it lets the doors do it."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._doors = doors_of(request.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._doors(scope, receive, send)


def doors_of(app: Starlette) -> UsageDoors:
    """The doors of an application over its container, made at the first request."""
    found: UsageDoors | None = getattr(app.state, "usage_doors", None)
    if found is None:
        found = app.state.usage_doors = UsageDoors(app.state.container)
    return found


def server_state(app: Starlette) -> dict[str, ShortCut]:
    """What a lifespan gives the server, so that ``protocol.UsageProtocol`` can take records."""
    return {SHORT_CUT: doors_of(app).short_cut}
