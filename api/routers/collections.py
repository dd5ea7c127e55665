"""The collections work list: who owes, what was tried, what comes next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ConfigDict

from api.account_desk import AgentDesk
from api.console.exports import csv_answer
from api.container import Container
from api.dependencies import ContainerDep, Viewer
from api.schemas.actions import ActionIn, ActionOut
from api.schemas.problems import problems
from api.schemas.work_list import (
    DayNumbersOut,
    DueTodayOut,
    WorkFilterIn,
    WorkItemOut,
    WorkListOut,
    WorkListQuery,
    WorkTotalOut,
)
from billing.domain.work_list import WorkFilter
from billing.services.paylink_sending import PaylinkRequest

router = APIRouter(prefix="/v1", tags=["collections"])
COLUMNS = tuple(WorkItemOut.model_fields)
CSV_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "Every chosen account, one a row."}
}


@router.get("/collections/work-list", summary="Accounts with overdue money")
async def work_list(asked: Annotated[WorkListQuery, Query()], container: ContainerDep, _: Viewer) -> WorkListOut:
    """Page by page, with the totals of everything that the filter chooses. Filters narrow together."""
    wanted, now = asked.as_filter(), container.clock.now()
    page = await container.work_list.page(wanted, now, asked.sort, asked.after, asked.limit)
    totals = await container.work_list.totals(wanted, now)
    return WorkListOut(
        accounts=[WorkItemOut.of(item) for item in page.items],
        totals=[WorkTotalOut.model_validate(one) for one in totals],
        next_after=page.next_after,
    )


class _FilterQuery(WorkFilterIn):
    """The filter alone, as query parameters."""

    model_config = ConfigDict(strict=False)


@router.get("/collections/work-list.csv", summary="The work list as CSV", response_class=Response, responses=CSV_FILE)
async def work_list_csv(asked: Annotated[_FilterQuery, Query()], container: ContainerDep, _: Viewer) -> Response:
    """Everything that the filter chooses, by account number."""
    return work_list_file(container, asked.as_filter())


def work_list_file(container: Container, wanted: WorkFilter) -> Response:
    """The same columns as the list's own."""
    return csv_answer("work-list", COLUMNS, _rows(container, wanted))


async def _rows(container: Container, wanted: WorkFilter) -> AsyncIterator[Sequence[object]]:
    async for item in container.work_list.everything(wanted, container.clock.now()):
        shown = WorkItemOut.of(item)
        yield [getattr(shown, name) for name in COLUMNS]


@router.get("/collections/today", summary="What today brings")
async def today(container: ContainerDep, _: Viewer) -> DayNumbersOut:
    """Promises to be kept, instalments due, holds that end: by the accounts' own dates."""
    numbers = await container.work_list.day_numbers(container.clock.now())
    promises, instalments, holds = [
        [DueTodayOut.model_validate(one) for one in kind]
        for kind in (numbers.promises, numbers.instalments, numbers.holds)
    ]
    return DayNumbersOut(promises=promises, instalments=instalments, holds=holds)


@router.post(
    "/accounts/{account_id}/actions/send-paylink",
    summary="Send the paylink",
    tags=["operator actions"],
    responses=problems(404, 409),
)
async def send_paylink(desk: AgentDesk, said: ActionIn) -> ActionOut:
    """A message with what is open and where to pay it; it leaves once, and at once: the customer waits for it."""
    asked = PaylinkRequest(desk.account_id, desk.command_id, desk.caller.name, said.reason)
    summary = await desk.container.paylink_sender.send(asked)
    return ActionOut(command_id=desk.command_id, summary=summary)
