"""The doors of collections over accounts that owe: the real list and actions, and a process that remembers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from billing.messages.account import AccountState
from billing.messages.bulk_actions import BulkBatch, BulkBatchRequest
from billing.messages.identities import account_workflow_id
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.work_list import SqlWorkList
from billing.services.bulk_actions import BulkActions
from billing.services.bulk_commands import BulkCommands
from billing.services.bulk_previews import BulkLimits
from billing.services.bulk_running import BulkRunning
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_fees import FeeService
from tests.builders_work_list import Debtor, write_debtors, write_policies
from tests.doors.console_data import A_CYCLE_PLAN
from tests.doors.doors_world import DoorsWorld, StandingClock, a_doors_world


@dataclass
class CollectionsWorld:
    """The doors, and the steps of an action as its process would call them."""

    doors: DoorsWorld
    running: BulkRunning
    debtors: list[Debtor]

    async def carry_out(self, bulk_id: str) -> None:
        """All of an action at once, as its workflow does it."""
        batch = await self.running.next_batch(BulkBatchRequest(bulk_id, 1000))
        await self.running.carry_out(BulkBatch(bulk_id, batch.account_ids))
        await self.running.finish(bulk_id)


@asynccontextmanager
async def a_collections_world(database_url: str, debtors: list[Debtor]) -> AsyncIterator[CollectionsWorld]:
    """The doors with these accounts; agents may change two at once, finance four."""
    engine, clock = make_engine(database_url), StandingClock()

    def make_work() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    nothing: Any = None
    work_list = SqlWorkList(engine)
    async with a_doors_world(database_url, work_list=work_list) as doors:
        commands = BulkCommands(
            doors.process, PolicyAssignments(make_work, clock), FeeService(make_work, clock), nothing
        )
        running = BulkRunning(make_work, clock, work_list, commands)
        actions = BulkActions(make_work, clock, doors.process, work_list, running, BulkLimits(2, 4))
        object.__setattr__(doors.container, "bulk_actions", actions)
        async with make_work() as work:
            await write_policies(work)
            known = await write_debtors(work, debtors)
            await work.commit()
        for one in known:
            state = AccountState(one.account_id, one.brand, one.number, A_CYCLE_PLAN)
            doors.process.started[account_workflow_id(one.brand, one.number)] = state
        yield CollectionsWorld(doors, running, known)
    await engine.dispose()


def token_of(page: httpx.Response) -> str:
    """The proof that a page's form is ours."""
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]
