"""One running system with a month on file for all browser tests: database, process, simulator, doors, in a thread.

Business time stands near the instant that the month was written for, so pages show the same every time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI
from sqlalchemy import update

from api.app import create_app
from billing.domain import staff_cases as kinds
from billing.domain.bulk_actions import BulkKind, BulkOrder
from billing.domain.work_list import WorkFilter
from billing.persistence.tables import accounts
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.ports.staff_cases import CaseFilter, Cause
from billing.ports.usage import IssueFilter
from billing.services.dunning_policies import ensure_default
from evenflow.container import container_of
from tests.builders_documents import LETTERHEAD
from tests.builders_mails import A_LOGO
from tests.doors.console_data import FULL_ACCOUNT, RUNNING, fill
from tests.doors.doors_world import NOW
from tests.process.world import ADMIN_KEY, World, a_world

SECONDS_TO_START = 60
# Not 1, so that it is a demo; slow enough that nothing moves while pictures are taken.
DAY_SECONDS = 86_000.0
DAMAGED_FILE = """record_id,identifier,meter,quantity,started_at,destination
r-1,+31612345678,voice,60,2027-01-31T10:00:00Z,+31201234567
r-2,+31612345678,voice,many,2027-01-31T10:00:00Z,+31201234567
r-3,+31600000009,voice,60,2027-01-31T10:00:00Z,+31201234567
"""
Answer = TypeVar("Answer")


@dataclass
class Stack:
    """The system's address, what addresses of its pages are made of, and cookies that let a person in.

    ``values`` are by the name that a route gives to a part of its path.
    """

    base: str
    world: World
    values: dict[str, str]
    customer_cookie: str
    app: FastAPI
    _loop: asyncio.AbstractEventLoop

    def ask(self, question: Coroutine[Any, Any, Answer]) -> Answer:
        """Run something in the system's own loop."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(SECONDS_TO_START)

    @property
    def admin_key(self) -> str:
        return ADMIN_KEY


@contextmanager
def a_stack(database_url: str, temporal_address: str, vendors: dict[str, str], directory: Path) -> Iterator[Stack]:
    """Started and filled, until the block ends."""
    started, over = threading.Event(), threading.Event()
    found: list[Stack | BaseException] = []

    async def live() -> None:
        async with a_world(
            database_url, temporal_address, vendors, directory, DAY_SECONDS, begins=NOW, has_upkeep=False
        ) as world:
            found.append(await _filled(world))
            started.set()
            await asyncio.to_thread(over.wait)

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            found.append(error)
            raise
        finally:
            started.set()

    thread = threading.Thread(target=run, name="stack")
    thread.start()
    try:
        assert started.wait(SECONDS_TO_START), "the stack did not start"
        if isinstance(found[0], BaseException):
            raise found[0]
        yield found[0]
    finally:
        over.set()
        thread.join()


async def _filled(world: World) -> Stack:
    base = world.settings.public.api_base
    async with _work(world) as work:
        await fill(work)
    async with _work(world) as work:
        await work.connection.execute(update(accounts.brands).values(account_url=f"{base}/my"))
        await work.commit()
    await world.parts.letterheads.publish("vonk", LETTERHEAD | {"logo": A_LOGO}, "admin", "The logo")
    await world.parts.process.start_account(replace(RUNNING))
    container = container_of(world.parts, world.settings)
    async with _work(world) as work:
        cause = Cause(kinds.REPORTED_DEATH, FULL_ACCOUNT, "The bank reports MD07", FULL_ACCOUNT)
        await work.staff_cases.see([cause], NOW)
        await work.commit()
    (case,) = await container.staff_cases.find(CaseFilter())
    await ensure_default(world.parts.make_work, world.parts.clock)
    file_id, issue_id = await _a_damaged_file(world)
    bulk = await container.bulk_actions.preview(BulkOrder(BulkKind.PAUSE), WorkFilter(), "admin")
    user, _ = await container.operators.invite("robin@vonk.example", "Robin Bos", "agent", "admin")
    cookie = await container.customer_sessions.begin([FULL_ACCOUNT], "code")
    paylink = await world.parts.paylinks.paylink_for(FULL_ACCOUNT)
    methods = await world.parts.method_links.paylink_for(FULL_ACCOUNT)
    values = {
        "account_id": FULL_ACCOUNT,
        "invoice_id": "inv_1001",
        "brand": "vonk",
        "case_id": case.case_id,
        "user_id": user.user_id,
        "file_id": file_id,
        "issue_id": issue_id,
        "bulk_id": bulk.bulk_id,
        "paylink": paylink.rpartition("/")[2],
        "methods": methods.rpartition("/")[2],
    }
    return Stack(base, world, values, cookie, create_app(container), asyncio.get_running_loop())


async def _a_damaged_file(world: World) -> tuple[str, str]:
    """An imported file with a record that cannot be read: the ids of both."""

    async def content() -> AsyncIterator[bytes]:
        yield DAMAGED_FILE.encode()

    files = world.parts.usage.files
    file, _ = await files.register("day-001.csv", "csv", content())
    await files.import_file(file.file_id)
    kept = await world.parts.usage.issues(IssueFilter(file_id=file.file_id))
    return file.file_id, kept[0].issue_id


@asynccontextmanager
async def _work(world: World) -> AsyncIterator[SqlUnitOfWork]:
    async with world.parts.make_work() as work:
        assert isinstance(work, SqlUnitOfWork)
        yield work
