"""The doors with what the pages of usage, catalogue, policies and templates need, and an operator who is signed in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from billing.adapters.pdf import StatementPdf
from billing.adapters.usage_formats import standard_formats
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.ports.documents import DocumentRenderer
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_moves import CaseMoves
from billing.services.dunning_policies import DunningPolicyService, ensure_default
from billing.services.letterheads import Letterheads
from billing.services.notice_editing import NoticeTemplates
from billing.services.retry_policies import RetryPolicyService
from billing.services.usage import UsageService
from tests.builders import a_brand, a_plan
from tests.builders_usage import LINE, PLAN, a_customer
from tests.doors.doors_world import ADMIN_KEY, NOW, DoorsWorld, RecordingProcess, StandingClock, a_doors_world

__all__ = ["ADMIN_KEY", "LINE", "NOW", "PLAN", "StatementPdf", "a_customer", "a_desk", "desk_services", "sign_in"]
TOKEN = re.compile(r'name="form" value="([^"]+)"')


@dataclass
class Desk:
    """A signed-in operator at the console: pages are got, forms are sent with what the page gave."""

    world: DoorsWorld

    @property
    def client(self) -> httpx.AsyncClient:
        return self.world.client

    async def get(self, path: str) -> str:
        """A page that answers."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.text

    async def send(self, page: str, action: str, data: dict[str, Any], **more: Any) -> httpx.Response:
        """A form of a page."""
        found = TOKEN.search((await self.client.get(page)).text)
        assert found is not None, page
        return await self.client.post(action, data={"form": found[1], **data}, **more)

    async def forged(self, action: str, data: dict[str, Any]) -> httpx.Response:
        """A form that no page of ours gave."""
        return await self.client.post(action, data={"form": "made up", **data})


async def sign_in(world: DoorsWorld, key: str = ADMIN_KEY) -> Desk:
    """An operator with this key."""
    world.client.headers.pop("X-API-Key", None)
    world.client.cookies.clear()
    shown = await world.client.get("/console/sign-in")
    found = TOKEN.search(shown.text)
    assert found is not None
    answer = await world.client.post("/console/sign-in", data={"form": found[1], "key": key, "next": "/console"})
    assert answer.status_code == 303, answer.text
    return Desk(world)


@asynccontextmanager
async def desk_services(
    database_url: str, spool: Path, renderer: DocumentRenderer | None = None
) -> AsyncIterator[dict[str, Any]]:
    """The services of these pages over a database."""
    engine = make_engine(database_url)

    def make_work() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    clock, process = StandingClock(), RecordingProcess()
    services: dict[str, Any] = {
        "usage": UsageService(make_work, clock, process, standard_formats(), spool),
        "dunning_policies": DunningPolicyService(make_work, clock),
        "policy_assignments": PolicyAssignments(make_work, clock),
        "case_moves": CaseMoves(make_work, clock, process),
        "retry_policies": RetryPolicyService(make_work, clock),
        "notice_templates": NoticeTemplates(make_work, clock),
    }
    if renderer is not None:
        services["letterheads"] = Letterheads(make_work, clock, renderer)
    try:
        yield services
    finally:
        await engine.dispose()


@asynccontextmanager
async def a_desk(
    database_url: str, spool: Path, renderer: DocumentRenderer | None = None, role: str = "admin"
) -> AsyncIterator[Desk]:
    """The Dutch brand with its plan, one customer and the usual policy; an operator of this role is signed in."""
    async with (
        desk_services(database_url, spool, renderer) as services,
        a_doors_world(database_url, **services) as world,
    ):
        async with world.work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await work.accounts.add_brand(a_brand())
            await work.accounts.add_plan(a_plan(PLAN))
            await a_customer(work)
            await work.commit()
        await ensure_default(world.container.make_work, world.container.clock)
        yield await sign_in(world, ADMIN_KEY if role == "admin" else world.keys[role])
