"""What a command would do, shown before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.account_desk import AccountDesk
from api.console.pages import local_time
from api.schemas.actions import BarIn, ChangeCycleDayIn, UnbarIn
from api.schemas.restrictions import PreviewBarIn, PreviewUnbarIn
from billing.services.service_restrictions import Change, Meaning


@dataclass(frozen=True)
class Preview:
    """A sentence and a table; nothing of it is stored."""

    said: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


async def cycle_day(desk: AccountDesk, said: ChangeCycleDayIn) -> Preview:
    """The next cycles under the new day."""
    change = await desk.container.invoicing.preview_cycle_day(desk.account_id, said.cycle_day, said.bridge)
    zone = (await desk.container.accounts.get(desk.account_id)).zone
    bridge = f"The days from {change.bridge_opens_on} to {change.bridge_closes_on} lie between"
    charged = f", of which {change.charged_days} of {change.month_days} are charged" if change.charged_days else ""
    rows = [
        (
            str(plan.cycle_number),
            local_time(plan.opens_at, zone),
            local_time(plan.closes_at, zone),
            str(plan.cycle_day),
            str(plan.invoice_date),
            str(plan.debit_on),
        )
        for plan in await desk.container.invoicing.preview_plans(desk.account_id, change)
    ]
    return Preview(f"{bridge}{charged}.", ("Cycle", "Opens", "Closes", "Day", "Bill of", "Due"), rows)


async def bar(desk: AccountDesk, said: BarIn) -> Preview:
    """What the network would be told of each line."""
    return await _restrictions(desk, PreviewBarIn.model_validate(_fields(said)).as_change())


async def unbar(desk: AccountDesk, said: UnbarIn) -> Preview:
    """What other causes would still hold."""
    return await _restrictions(desk, PreviewUnbarIn.model_validate(_fields(said)).as_change())


def _fields(said: BarIn | UnbarIn) -> dict[str, object]:
    return said.model_dump(exclude={"reason"}, exclude_unset=True)


async def _restrictions(desk: AccountDesk, change: Change) -> Preview:
    await desk.refuse_unknown_service(change.service_id)
    found = await desk.container.restrictions.preview(desk.account_id, change)
    rows = [
        (one.identifier, _said(one.now), _said(one.then), "is told" if one.changes else "knows it already")
        for one in found
    ]
    return Preview("What holds each line now, and what would hold it.", ("Line", "Now", "Then", "The network"), rows)


def _said(meaning: Meaning) -> str:
    held = (f"{part} {state}" for part, state in meaning.restrictions.items() if state != "allowed")
    return ", ".join(held).replace("_", " ") or "nothing is held"
