"""Orders on a real Temporal server: who is freed passes every pile, hours are waited for, and the time is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.barring import BarringActivities
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.messages.account import OrderWithdrawn
from billing.messages.dunning import BarringResult, BarringState
from billing.messages.identities import BILLING_QUEUE, MESSAGES_QUEUE, barring_workflow_id
from billing.messages.notices import NoticeRequest, NoticeResult
from billing.ports.barring import Confirmation
from billing.services.barring import BarringService
from billing.services.barring_confirmations import ConfirmationDesk
from billing.services.stuck_orders import StuckOrders
from evenflow.stack.ports import free_port
from evenflow.temporal import TemporalProcess, connect, plugin
from evenflow.workers import network_workers
from tests.builders import a_service
from tests.builders_dunning import DebtWorld, ScriptedNetwork, a_debt_world
from workflows.barring import BarringWorkflow

BARS, FREED = 60, 4
Order = WorkflowHandle[BarringWorkflow, BarringResult]


@dataclass
class SlowNetwork(ScriptedNetwork):
    """Takes its time over each order, then confirms it as the real one does; bars wait while they are held up."""

    seconds: float = 0.0
    bars_waiting: int = 0
    bars_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    desk: ConfirmationDesk | None = None
    calls: set[asyncio.Task[object]] = field(default_factory=set)

    async def apply(self, identifier: str, level: str, reason: str, correlation_id: str) -> None:
        if level == "full" and self.seconds:
            self.bars_waiting += 1
            await self.bars_go_on.wait()
        await asyncio.sleep(self.seconds)
        await super().apply(identifier, level, reason, correlation_id)
        if self.desk is not None:
            self.calls.add(asyncio.create_task(self.desk.take(f"{correlation_id} {level}".encode(), "")))


class PlainWords:
    """Confirmations of a test: the correlation id and the level."""

    def read(self, body: bytes, signature: str) -> Confirmation:
        correlation_id, level = body.decode().split(" ")
        account_id, order_id, service_id = correlation_id.split("/")[:3]
        return Confirmation(account_id, order_id, service_id, level)


@dataclass
class Notices:
    """Counts what customers are told."""

    kinds: list[str]

    @activity.defn(name="send_notice")
    async def send_notice(self, request: NoticeRequest) -> NoticeResult:
        self.kinds.append(request.kind)
        return NoticeResult("sent")


@dataclass
class Running:
    """A debt's world with workers on a real server."""

    world: DebtWorld
    client: Client
    network: SlowNetwork
    told: list[str]

    async def start(self, order_id: str, level: str, clock: ClockSegment = NORMAL_TIME, **changes: object) -> Order:
        account = self.world.account
        state = BarringState(
            account.account_id, account.brand, account.number, order_id, level, "because", clock=clock, **changes
        )
        return await self.client.start_workflow(
            BarringWorkflow.run,
            state,
            id=barring_workflow_id(account.brand, account.number, order_id),
            task_queue=BILLING_QUEUE,
        )


@asynccontextmanager
async def working(client: Client, world: DebtWorld, network: SlowNetwork) -> AsyncIterator[Running]:
    async def connected() -> Client:
        return client

    barring, notices = BarringActivities(world.barring), Notices([])
    network.desk = ConfirmationDesk(world.work, PlainWords(), world.barring, TemporalProcess(connected))
    own = {"task_queue": BILLING_QUEUE, "workflows": [BarringWorkflow], "activities": [barring.record_order]}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Worker(client, **own))
        await stack.enter_async_context(Worker(client, task_queue=MESSAGES_QUEUE, activities=[notices.send_notice]))
        for worker in network_workers(client, barring):
            await stack.enter_async_context(worker)
        yield Running(world, client, network, notices.kinds)
        await asyncio.gather(*network.calls)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        made.network = SlowNetwork()
        made.barring = BarringService(made.work, made.clock, made.network)
        yield made


@pytest.fixture
async def running(world: DebtWorld, temporal_address: str) -> AsyncIterator[Running]:
    assert isinstance(world.network, SlowNetwork)
    client = await Client.connect(temporal_address, plugins=[plugin()])
    async with working(client, world, world.network) as made:
        yield made


async def lines(world: DebtWorld, count: int) -> list[str]:
    """Further lines of the account."""
    async with world.work() as work:
        added = [
            await work.accounts.add_service(a_service(world.account_id, identifier=f"+3168{place:07d}"))
            for place in range(count)
        ]
        await work.commit()
    return [one.service_id for one in added]


async def eventually(what: Callable[[], bool], seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.02)):
        if what():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_who_is_freed_passes_a_pile_of_bars_and_so_does_usage_that_costs(running: Running) -> None:
    """Every place of the restricting worker is taken, and many more bars wait, when four customers have paid."""
    added = await lines(running.world, FREED + BARS)
    freed, piled = added[:FREED], added[FREED:]
    for place, line in enumerate(freed):
        await running.world.bar(f"case_{place}-1", "full", service_ids=(line,))
    running.network.orders.clear()
    running.network.seconds = 0.5
    bars = [
        await running.start(f"hand-{place}", "full", author="Robin", service_ids=(line,))
        for place, line in enumerate(piled)
    ]
    await eventually(lambda: running.network.bars_waiting >= 5)
    running.world.clock.pass_days(1)
    orders = [await running.start(f"case_{place}-2", "none", service_ids=(line,)) for place, line in enumerate(freed)]
    stop = await running.start("limit-1", "stop:data", author="limits", service_ids=(piled[-1],))
    for handle in orders:
        assert (await asyncio.wait_for(handle.result(), 60)).outcome == "confirmed"
    assert {level for _, level, _ in running.network.orders} <= {"none", "stop:data"}, "no bar is through yet"
    running.network.bars_go_on.set()
    for handle in [stop, *bars]:
        assert (await asyncio.wait_for(handle.result(), 60)).outcome == "confirmed"
    levels = [level for _, level, _ in running.network.orders]
    assert levels[levels.index("stop:data") + 1 :].count("full") > 5


async def test_a_bar_for_a_debt_waits_for_the_brands_hours_and_is_told_then(running: Running) -> None:
    friday_evening = datetime(2027, 6, 11, 18, 0, tzinfo=UTC)
    segment = ClockSegment(datetime.now(UTC), friday_evening, 86_400 / 1.5)  # Monday comes after four seconds
    running.world.clock.hurried = segment
    await running.world.set_barring_policy({"restricting_hours": {}})
    order = await running.start("case_1-1", "outgoing", segment)
    assert (await asyncio.wait_for(order.result(), 30)).outcome == "confirmed"
    (placed,) = await running.world.barring.orders(running.world.account_id)
    assert placed.order.placed_at >= datetime(2027, 6, 14, 7, 0, tzinfo=UTC)
    assert running.told == ["barred"]


async def test_a_bar_that_waits_for_hours_is_withdrawn_when_the_money_comes(running: Running) -> None:
    running.world.clock.at = datetime(2027, 6, 12, 9, 0, tzinfo=UTC)
    await running.world.set_barring_policy({"restricting_hours": {}})
    order = await running.start("case_1-1", "outgoing", ClockSegment(datetime.now(UTC), running.world.clock.at, 1.0))
    await asyncio.sleep(1)
    await order.signal(BarringWorkflow.order_withdrawn, OrderWithdrawn(why="paid"))
    assert (await asyncio.wait_for(order.result(), 20)).outcome == "withdrawn"
    assert (running.network.orders, running.told) == ([], [])


async def test_the_customer_is_told_by_the_cause_and_of_the_end_only_when_nothing_is_left(running: Running) -> None:
    async def done(order_id: str, level: str, **changes: object) -> None:
        running.world.clock.at += timedelta(minutes=1)
        await asyncio.wait_for((await running.start(order_id, level, **changes)).result(), 30)

    await done("case_1-1", "bars:premium")
    await done("hand-1", "full", author="Robin", cause="lost_or_stolen")
    await done("hand-2", "bars:roaming", author="Robin", cause="court")
    await done("case_1-2", "none")
    await done("hand-3", "none", author="Robin", lift_causes=("lost_or_stolen",))
    await done("hand-4", "none", author="Robin", lift_causes=("court",))
    assert running.told == ["barred", "restricted", "restored"]


@pytest.mark.parametrize(
    ("author", "cause", "told"),
    [
        ("dunning", "", ["barred"]),
        ("Robin", "operator", ["barred"]),
        ("Robin", "customer", ["restricted"]),
        ("Robin", "lost_or_stolen", ["restricted"]),
        ("Robin", "fraud", []),
        ("Robin", "court", []),
    ],
)
async def test_an_order_that_begins_again_is_told_by_its_cause(
    running: Running, author: str, cause: str, told: list[str]
) -> None:
    world, confirming = running.world, running.network.desk
    began, running.network.desk = datetime.now(UTC), None
    world.clock.hurried = ClockSegment(began, world.clock.at, 1.0)
    await world.barring.place_order(world.order("full", "lost-1", author=author, cause=cause))
    running.network.desk = confirming
    world.clock.hurried = ClockSegment(began - timedelta(minutes=10), world.clock.at, 1.0)

    class Processes:
        async def running_orders(self) -> set[str]:
            return set()

        async def start_barring(self, state: BarringState) -> None:
            account = world.account
            workflow_id = barring_workflow_id(account.brand, account.number, state.order_id)
            order = await running.client.start_workflow(
                BarringWorkflow.run, state, id=workflow_id, task_queue=BILLING_QUEUE
            )
            assert (await asyncio.wait_for(order.result(), 30)).outcome == "confirmed"

    assert await StuckOrders(world.work, world.clock, world.barring, Processes()).mend() == 1
    assert running.told == told


async def test_how_soon_a_payment_restored_services_is_a_metric_and_on_the_order(
    world: DebtWorld, temporal_address: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    client = await connect(temporal_address, "default", metrics_address=address)
    assert isinstance(world.network, SlowNetwork)
    invoice = await world.an_invoice()
    await world.bar("case_1-1", "outgoing")
    world.clock.pass_days(1, hour=8)
    await world.pay(invoice)
    world.clock.at += timedelta(seconds=7)
    async with working(client, world, world.network) as running:
        order = await running.start("case_1-2", "none")
        assert (await asyncio.wait_for(order.result(), 30)).outcome == "confirmed"
        async with httpx.AsyncClient(trust_env=False) as browser:
            metrics = (await browser.get(f"http://{address}/metrics")).text
    (view, _) = await world.barring.orders(world.account_id)
    assert view.order.restored_real_seconds == 7.0
    shown = [
        line for line in metrics.splitlines() if line.startswith("evenflow_services_restored_after_payment_seconds")
    ]
    assert [line.rpartition(" ")[2] for line in shown if "_count" in line or "_sum" in line] in (["7", "1"], ["1", "7"])
    assert any('le="10"' in line and line.endswith(" 1") for line in shown)
