"""kill -9 of database, Temporal server and worker in the middle of a month: it goes on, and the books balance."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from billing.messages.payments import PaymentStatus
from billing.persistence.invariants import broken_rules
from evenflow.stack.assembly import WORKER_PROGRAM
from evenflow.stack.child import Child, ChildSpec
from evenflow.stack.migrate import PROJECT, upgrade
from evenflow.stack.ports import free_port
from evenflow.stack.postgres import prepare_postgres
from evenflow.stack.temporal_server import TemporalServer
from tests.process import world as process_world
from tests.process.people import FEE_MINOR, Customer, a_customer, prepare_catalogue
from tests.process.world import ADMIN_KEY, World, a_world
from tests.stack_fixtures import reachable_directory, running

SEPA = "pm_sepaDebit_success_de"
ROUNDS = 3


@dataclass
class MortalWorld:
    """A world whose servers and worker are processes of their own, to be killed by name."""

    world: World
    children: Mapping[str, Child]

    async def kill(self, name: str) -> None:
        """kill -9, and a new start."""
        child = self.children[name]
        os.kill(child.process_id, signal.SIGKILL)
        await asyncio.to_thread(child.stop)
        await self.revive()
        await asyncio.to_thread(child.wait_until_ready)

    async def revive(self) -> None:
        """Start what is dead, as the supervisor does: a worker cannot begin while the database is away."""
        for child in self.children.values():
            if not child.is_alive():
                await asyncio.to_thread(child.start)


def _worker(world: World, vendors: Mapping[str, str], directory: Path) -> ChildSpec:
    settings = world.settings
    environment = {
        **vendors,
        "EVENFLOW_DATA_DIR": str(directory),
        "EVENFLOW_DATABASE_URL": settings.database.url.get_secret_value(),
        "EVENFLOW_TEMPORAL_ADDRESS": settings.temporal.address,
        "EVENFLOW_PUBLIC_API_BASE": settings.public.api_base,
        "EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY": settings.secrets.paylink_signing_key.get_secret_value(),
        "EVENFLOW_SECRETS_SESSION_KEY": settings.secrets.session_key.get_secret_value(),
        "EVENFLOW_SECRETS_ADMIN_API_KEY": ADMIN_KEY,
        "EVENFLOW_CLOCK_RATE": str(settings.clock.rate),
    }
    return ChildSpec("worker", (sys.executable, str(WORKER_PROGRAM)), environment, directory=PROJECT)


@pytest.fixture
async def mortal(simulator_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MortalWorld]:
    monkeypatch.setattr(process_world, "make_workers", lambda *_: [])
    with reachable_directory() as directory, ExitStack() as stack:
        postgres = prepare_postgres(directory, free_port(), durable=False)
        database = stack.enter_context(running(postgres.child(), directory / "postgres.log"))
        postgres.create_database("evenflow")
        url = postgres.url("evenflow")
        await asyncio.to_thread(upgrade, url)
        temporal = TemporalServer(free_port(), None, directory / "temporal.db")
        server = stack.enter_context(running(temporal.child(), directory / "temporal.log"))
        await temporal.adjust()
        async with a_world(url, temporal.address, simulator_environment, directory, day_seconds=2.0) as world:
            await prepare_catalogue(world)
            worker_spec = _worker(world, simulator_environment, directory)
            with running(worker_spec, directory / "worker.log") as worker:
                yield MortalWorld(world, {"database": database, "temporal": server, "worker": worker})


async def _is_paid_and_thanked_once(customer: Customer) -> bool:
    """True when the first bill is paid; fails where one was paid or thanked for twice."""
    thanks = (await customer.notices()).count("thank_you")
    paid = [one.attempt_id for one in await customer.attempts() if one.status == PaymentStatus.SUCCEEDED]
    invoices = {attempt_id.rpartition("-")[0] for attempt_id in paid}
    assert thanks <= len(paid) == len(invoices), await customer.story()
    return len(paid) == thanks > 0 and await customer.cash_minor() == FEE_MINOR * len(paid)


async def test_scenario_43_whatever_is_killed_everybody_pays_once_and_the_books_balance(mortal: MortalWorld) -> None:
    world = mortal.world
    customers = [await a_customer(world, method) for method in ("pm_card_visa", "pm_card_mastercard", SEPA)]
    customers.append(await a_customer(world, "pm_card_visa", ["insufficient_funds", "succeed"]))
    for victim in ("worker", "database", "temporal") * ROUNDS:
        await asyncio.sleep(world.day_seconds * 2)
        await mortal.kill(victim)
    for customer in customers:

        async def through(one: Customer = customer) -> bool:
            await mortal.revive()
            return await _is_paid_and_thanked_once(one)

        await world.until(through, 60, "did not pay, or was not thanked", customer.story)

    async def the_money_agrees() -> bool:
        return await world.cash_minor() == await world.money_at_the_provider()

    await world.until(the_money_agrees, 20, "the provider has another amount than the books")
    assert await broken_rules(world.parts.engine) == []
