"""The live balance of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Response

from api.balance_document import balance_document
from api.dependencies import ContainerDep, Viewer
from api.event_stream import COMMENT, EventStream, event
from api.parameters import AccountId
from api.schemas.balances import AccountBalanceOut
from api.schemas.problems import problems
from billing.services.balance_watch import Reader

AN_EVENT = 'id: 5f1c2a5e1d0b4f0e\nevent: balance\ndata: {"account_id": "acc_1001", "cycle_number": 3}\n\n'
router = APIRouter(prefix="/v1/accounts", tags=["usage"])


@router.get(
    "/{account_id}/balance",
    summary="What is used, left and charged so far",
    responses=problems(404),
    response_model=AccountBalanceOut,
)
async def get_balance(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> Response:
    """Computed from the counters by the code that makes the invoice, so this is what will be billed."""
    # Nearly always ``api.usage_doors.balance`` answers, before the framework looks for this route.
    # Written at once: the framework would check our own answer again, which takes as long as reading it did.
    return Response(balance_document(await container.usage.balance(account_id)), media_type="application/json")


@router.get(
    "/{account_id}/balance/stream",
    summary="The balance as it changes",
    responses=problems(404, 503) | {200: {"content": {"text/event-stream": {"example": AN_EVENT}}}},
    response_class=EventStream,
)
async def stream_balance(
    account_id: AccountId,
    container: ContainerDep,
    _caller: Viewer,
    seen: Annotated[
        str,
        Header(
            alias="Last-Event-ID",
            max_length=100,
            pattern=r"^[\x21-\x7e]*$",
            description="The id of the last event that was read: that balance is not sent again.",
            examples=[""],
        ),
    ] = "",
) -> EventStream:
    """Server-sent events: the balance now, then a new one whenever usage is counted, or a limit or the cycle changes.

    Each event is the whole balance, so an event that was missed is not missing. A comment is sent every 15 seconds;
    after 15 minutes the stream ends and the reader connects again, as browsers do by themselves.
    """
    reader = await container.balance_watch.follow(account_id, seen)
    return EventStream(_events(reader), lambda: container.balance_watch.leave(reader))


async def _events(reader: Reader) -> AsyncIterator[bytes]:
    async for change in reader.changes():
        if change is None:
            yield COMMENT
        else:
            yield event("balance", balance_document(change.balance), change.mark)
