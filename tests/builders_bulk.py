"""A collections desk with real processes: accounts that owe, their workflows, and workers that can be killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from temporalio.client import Client

from api.app import create_app
from billing.domain.work_list import WorkFilter
from billing.messages.bulk_actions import BulkReport
from billing.persistence.clock_segments import SegmentClock, begin_segment
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.services.access import Caller
from billing.services.accounts import NewAccount
from billing.services.subscribing import NewService
from evenflow.container import container_of
from evenflow.parts import Parts, build_parts
from evenflow.settings import settings_from
from evenflow.workers import make_workers
from tests.builders_work_list import NOW, Debtor, write_debts, write_policies
from tests.process.people import PLAN
from tests.style.source_files import ROOT

BOSS = Caller("boss", "admin")
KEY = "evk_bulk"
PATIENCE_SECONDS = 120
RATE = 2.0  # at rate 1 business time is real time
_numbers = itertools.count(700_001)


@dataclass
class BulkDesk:
    """Everything but a worker, which a test starts where it wants one."""

    parts: Parts
    client: Client
    api: httpx.AsyncClient
    environment: Mapping[str, str]
    debtors: list[Debtor] = field(default_factory=list)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def owes(self, number: int, segment: str, **changes: Any) -> list[Debtor]:
        """So many accounts of a segment with an overdue invoice; each has its workflow."""
        made = []
        for place in itertools.islice(_numbers, number):
            service = NewService("mobile", f"+31611{place}", "vonk-basis")
            email = f"c{place}@example.com"
            new = NewAccount(
                "vonk", f"A{place}", f"Customer {place}", email=email, segment=segment, services=(service,)
            )
            account = await self.parts.accounts.open(new, "tests")
            debtor = Debtor(account.number, segment=segment, account_id=account.account_id, has_cycles=True, **changes)
            async with self.parts.make_work() as work:
                assert isinstance(work, SqlUnitOfWork)
                await write_debts(work, debtor)
                await work.commit()
            made.append(debtor)
        self.debtors += made
        return made

    async def begin(self, order: Any, segment: str) -> str:
        """Preview and confirm; the action's id."""
        actions = self.parts.collections.actions
        previewed = await actions.preview(order, WorkFilter(segment=segment), "boss")
        await actions.confirm(previewed.bulk_id, previewed.accounts, "outage", BOSS)
        return previewed.bulk_id

    async def report(self, bulk_id: str) -> BulkReport:
        return await self.parts.collections.actions.report(bulk_id)

    async def until(self, bulk_id: str, holds: Callable[[BulkReport], bool]) -> BulkReport:
        """Look again and again until the report says so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            report = await self.report(bulk_id)
            if holds(report):
                return report
            assert time.monotonic() < deadline, report
            await asyncio.sleep(0.03)

    async def ended(self, bulk_id: str) -> BulkReport:
        return await self.until(bulk_id, lambda report: report.state in ("done", "cancelled") and not report.waiting)

    async def account(self, debtor: Debtor) -> Any:
        return await self.parts.accounts.get(debtor.account_id)

    async def told(self, debtor: Debtor, kind: str) -> int:
        """How often the account's timeline tells of a kind."""
        return sum(one.kind == kind for one in await self.parts.accounts.timeline(debtor.account_id))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workers in this process."""
        async with AsyncExitStack() as stack:
            for worker in make_workers(self.client, self.parts, self.parts.settings.temporal):
                await stack.enter_async_context(worker)
            yield

    @asynccontextmanager
    async def a_worker_process(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """A worker in a process of its own; what it answers kills it at once, without a chance to end anything."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "worker.py"), env={**os.environ, **self.environment}, cwd=ROOT
        )

        async def kill() -> None:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()

        try:
            yield kill
        finally:
            await kill()


@asynccontextmanager
async def a_bulk_desk(
    database_url: str, temporal_address: str, vendors: Mapping[str, str], directory: Path
) -> AsyncIterator[BulkDesk]:
    """The desk at the builders' now."""
    environment = {
        **vendors,
        "EVENFLOW_DATA_DIR": str(directory),
        "EVENFLOW_DATABASE_URL": database_url,
        "EVENFLOW_TEMPORAL_ADDRESS": temporal_address,
        "EVENFLOW_PUBLIC_API_BASE": "http://door.test",
        "EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY": "paylinks-of-a-test",
        "EVENFLOW_SECRETS_SESSION_KEY": "sessions-of-a-test",
        "EVENFLOW_SECRETS_ADMIN_API_KEY": KEY,
        "EVENFLOW_CLOCK_RATE": str(RATE),
    }
    settings = settings_from(environment)
    engine = create_engine(database_url, poolclass=NullPool)
    segment = await asyncio.to_thread(begin_segment, engine, RATE, NOW, datetime.now(UTC))
    parts = build_parts(settings, SegmentClock(segment))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.close)
        client = await parts.process.client()
        stack.push_async_callback(_end_all_workflows, client)
        async with parts.make_work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await write_policies(work)
            await work.commit()
        await parts.catalogue.publish_plan("vonk", PLAN)
        transport = httpx.ASGITransport(create_app(container_of(parts, settings)))
        headers = {"X-API-Key": KEY}
        api = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://door.test", headers=headers)
        )
        yield BulkDesk(parts, client, api, environment)


async def _end_all_workflows(client: Client) -> None:
    async for execution in client.list_workflows('ExecutionStatus = "Running"'):
        try:
            await client.get_workflow_handle(execution.id).terminate("the test is over")
        except Exception:
            continue
