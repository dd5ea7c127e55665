"""A whole Evenflow in one test process: database, Temporal, simulator, API and workers, on a fast business clock."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import uvicorn
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from temporalio.client import Client

from api.app import create_app
from billing.messages.upkeep import UpkeepState
from billing.persistence.clock_segments import SegmentClock, begin_segment
from evenflow.container import container_of
from evenflow.parts import Parts, build_parts
from evenflow.settings import Settings, settings_from
from evenflow.workers import make_workers

_CASH = "SELECT sum(amount_minor) FROM ledger_postings WHERE ledger_account = 'cash'"
ADMIN_KEY = "evk_tests"
BEGINS = datetime(2027, 1, 1, tzinfo=UTC)
PARTNER_PROFILE = "partner-voice"
PROFILES = f"""
profiles:
  - name: {PARTNER_PROFILE}
    format: csv
    source: partner
    zone: Europe/Amsterdam
    country: NL
    delimiter: ";"
    columns: [type, ref, caller, called, began, seconds]
    key: [ref]
    fields: {{identifier: caller, destination: called, started_at: began}}
    constants: {{meter: voice_seconds}}
    time: {{form: epoch}}
    quantity: {{columns: [seconds]}}
    control: {{marker: TRL, records: 2}}
"""
Found = TypeVar("Found")


@dataclass
class World:
    """One running system. Requests go through its real doors; ``simulator`` is the outside world's control."""

    settings: Settings
    parts: Parts
    temporal: Client
    api: httpx.AsyncClient
    simulator: httpx.AsyncClient
    day_seconds: float
    workers: list[Any] = field(default_factory=list)

    def now(self) -> datetime:
        """Business time."""
        return self.parts.clock.now()

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """POST as administrator; the answer's JSON. Fails the test on a refusal."""
        if body is not None:
            more["json"] = body
        answer = await self.api.post(path, **more)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def get(self, path: str, **more: Any) -> Any:
        """GET as administrator; the answer's JSON."""
        answer = await self.api.get(path, **more)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def until(
        self,
        what: Callable[[], Awaitable[Found | None]],
        days: float = 40,
        why: str = "it did not happen",
        story: Callable[[], Awaitable[str]] | None = None,
    ) -> Found:
        """Look again and again until ``what`` answers something, for at most so many business days."""
        last = self.now() + timedelta(days=days)
        while True:
            found = await what()
            if found:
                return found
            if self.now() >= last:
                raise AssertionError(f"{why} within {days} business days\n{await story() if story else ''}")
            await asyncio.sleep(0.1)

    async def cash_minor(self) -> int:
        """Money at the provider, by our books, over all accounts."""
        async with self.parts.engine.connect() as connection:
            total = await connection.execute(text(_CASH))
            return int(total.scalar_one() or 0)

    async def money_at_the_provider(self) -> int:
        """What the simulator charged, less what it gave back, for the accounts of this world."""
        async with self.parts.engine.connect() as connection:
            numbers = (await connection.execute(text("SELECT account_id FROM accounts"))).scalars()
            ours = {f"acc_{number}" for number in numbers}
        answer = await self.simulator.get("/_control/totals", params={"by": "account_id"})
        answer.raise_for_status()
        groups = answer.json()["groups"]
        return sum(one["net"] for account in ours for one in groups.get(account, {}).values())


@asynccontextmanager
async def a_world(
    database_url: str,
    temporal_address: str,
    vendors: dict[str, str],
    tmp_path: Any,
    day_seconds: float = 1.0,
    *,
    begins: datetime = BEGINS,
    has_upkeep: bool = True,
) -> AsyncIterator[World]:
    """Build, run and stop a world; one business day takes ``day_seconds``, the first is that of ``begins``."""
    door = _listening()
    port = door.getsockname()[1]
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "partners.yaml").write_text(PROFILES)
    settings = settings_from(
        {
            **vendors,
            "EVENFLOW_USAGE_PROFILES": str(profiles),
            "EVENFLOW_DATA_DIR": str(tmp_path),
            "EVENFLOW_DATABASE_URL": database_url,
            "EVENFLOW_TEMPORAL_ADDRESS": temporal_address,
            "EVENFLOW_PUBLIC_API_BASE": f"http://127.0.0.1:{port}",
            "EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY": "paylinks-of-a-test",
            "EVENFLOW_SECRETS_SESSION_KEY": "sessions-of-a-test",
            "EVENFLOW_SECRETS_ADMIN_API_KEY": ADMIN_KEY,
            "EVENFLOW_SECRETS_IBAN_KEYS": f"first:{'k' * 43}",
            "EVENFLOW_CLOCK_RATE": str(86400 / day_seconds),
        }
    )
    engine = create_engine(database_url, poolclass=NullPool)
    segment = await asyncio.to_thread(begin_segment, engine, settings.clock.rate, begins, datetime.now(UTC))
    parts = build_parts(settings, SegmentClock(segment))
    simulator_url = settings.stripe.api_base.removesuffix("/stripe")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.close)
        client = await parts.process.client()
        await stack.enter_async_context(_serving(create_app(container_of(parts, settings)), door))
        simulator = await stack.enter_async_context(httpx.AsyncClient(base_url=simulator_url, trust_env=False))
        await _point_the_simulator(simulator, f"http://127.0.0.1:{port}", segment)
        api = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": ADMIN_KEY}, trust_env=False, timeout=30
        )
        await stack.enter_async_context(api)
        async with parts.make_work() as work:
            from billing.domain.dunning_policy import STANDARD
            from billing.ports.dunning import PolicyVersion

            await work.dunning.add_policy(
                PolicyVersion("default", 1, {**STANDARD.to_dict(), "code": "default"}, BEGINS)
            )
            await work.commit()
        stack.push_async_callback(_end_all_workflows, client)
        if has_upkeep:
            await parts.process.start_upkeep(UpkeepState(clock=segment))
        world = World(settings, parts, client, api, simulator, day_seconds)
        for worker in make_workers(client, parts, settings.temporal):
            world.workers.append(await stack.enter_async_context(worker))
        yield world


async def _point_the_simulator(simulator: httpx.AsyncClient, base: str, segment: Any) -> None:
    """A new world's invoices have the numbers of the last one's: what the simulator knows of those must go."""
    (await simulator.post("/_control/reset")).raise_for_status()
    clock = {
        "real_start": segment.real_start.isoformat(),
        "business_start": segment.business_start.isoformat(),
        "rate": segment.rate,
    }
    (await simulator.post("/_control/clock", json=clock)).raise_for_status()
    hooks = {
        "stripe": f"{base}/webhooks/stripe",
        "sendgrid": f"{base}/webhooks/sendgrid",
        "network": f"{base}/webhooks/network",
    }
    (await simulator.put("/_control/webhooks", json=hooks)).raise_for_status()


@asynccontextmanager
async def _serving(app: Any, door: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_keep_alive=600))
    task = asyncio.create_task(server.serve(sockets=[door]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _end_all_workflows(client: Client) -> None:
    """Leave the shared server empty, so that the next world is alone."""
    async for execution in client.list_workflows('ExecutionStatus = "Running"'):
        try:
            await client.get_workflow_handle(execution.id).terminate("the test is over")
        except Exception:
            continue


def _listening() -> socket.socket:
    """A free port that accepts from now on: whoever calls before the server runs waits."""
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    door.listen()
    return door
