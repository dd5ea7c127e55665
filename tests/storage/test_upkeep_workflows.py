"""Checks of the books as a workflow, orders whose workflow is gone, and who comes first when workers are few."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Replayer, Worker

from activities.invariants import InvariantActivities
from billing.domain.clock import ClockSegment
from billing.domain.staff_cases import INVARIANT_BROKEN, WORKFLOW_FAILED, WORKFLOW_WITHOUT_ACCOUNT
from billing.messages.account import AccountState, ClockChanged
from billing.messages.dunning import BarringState
from billing.messages.identities import BILLING_QUEUE, account_workflow_id, barring_workflow_id
from billing.messages.invariants import InvariantsState
from billing.persistence.book_checks import SqlBookChecks
from billing.persistence.invariants import INVARIANTS
from billing.ports.barring import Order, OrderedService
from billing.services.barring import BarringService
from billing.services.invariant_checks import InvariantChecks
from billing.services.stuck_orders import StuckOrders
from evenflow.stack.ports import free_port
from evenflow.temporal import TemporalProcess, plugin
from evenflow.workflow_troubles import WorkflowTroubles
from tests.builders_invoicing import Office, an_office
from tests.builders_orders import OneOrder
from workflows._options import network_call
from workflows.invariants import InvariantsWorkflow

BARS = 60
HURRIED = ClockSegment(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), rate=1e9)


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address, plugins=[plugin()])


async def test_the_rules_are_checked_by_a_workflow_kept_and_measured(
    office: Office, temporal_address: str, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, _ = await office.open_account()
    await office.issue(account.account_id)
    async with office.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql("UPDATE invoice_lines SET amount_minor = amount_minor + 1")
    metrics = f"127.0.0.1:{free_port()}"
    runtime = Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=metrics)))
    client = await Client.connect(temporal_address, plugins=[plugin()], runtime=runtime)
    checks = InvariantChecks(office.work, office.clock, SqlBookChecks(office.engine))
    activities = InvariantActivities(checks)
    async with Worker(
        client,
        task_queue=BILLING_QUEUE,
        workflows=[InvariantsWorkflow],
        activities=[activities.rules_due, activities.check_rule],
    ):
        handle = await client.start_workflow(
            InvariantsWorkflow.run, InvariantsState(interval_seconds=10**9), id=unique, task_queue=BILLING_QUEUE
        )
        # A hurried clock ends the long pause at once.
        await handle.signal(InvariantsWorkflow.clock_changed, ClockChanged(HURRIED))
        for _ in range(300):
            if {one.rule for one in await checks.runs()} >= {one.name for one in INVARIANTS}:
                break
            await asyncio.sleep(0.1)
        served = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://{metrics}/metrics").read().decode())
        history = await handle.fetch_history()
        await handle.terminate("seen enough")
    measured = [line for line in served.splitlines() if line.startswith("evenflow_invariant_broken{")]
    assert {line.rpartition(" ")[2] for line in measured if 'rule="invoice adds up"' in line} == {"1"}
    assert len(measured) == len(await checks.states())
    assert {one.rule for one in await checks.runs()} >= {"ledger balances", "numbers have no hole"}
    async with office.work() as work:
        (case,) = await work.staff_cases.lasting(INVARIANT_BROKEN)
    assert (case.subject, case.facts["count"]) == ("invoice adds up", 1)
    await Replayer(workflows=[InvariantsWorkflow], plugins=[plugin()]).replay_workflow(history)


@pytest.mark.parametrize("level", ["none", "stop:"])
async def test_scenario_32_giving_a_line_back_comes_before_barring_others(
    client: Client, unique: str, level: str
) -> None:
    handed: list[str] = []
    first_came, go_on = asyncio.Event(), asyncio.Event()

    @activity.defn(name="hand_over")
    async def hand_over(wanted: str) -> None:
        handed.append(wanted)
        first_came.set()
        await go_on.wait()

    async def waits(order: WorkflowHandle[Any, Any]) -> None:
        for _ in range(1200):
            if (await order.describe()).raw_description.pending_activities:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"no order waits in {order.id}")

    async with (
        Worker(client, task_queue=unique, workflows=[OneOrder]),
        Worker(client, task_queue=unique, activities=[hand_over], max_concurrent_activities=1),
    ):
        bars = [
            await client.start_workflow(OneOrder.run, "outgoing", id=f"{unique}-bar-{number}", task_queue=unique)
            for number in range(BARS)
        ]
        await asyncio.wait_for(first_came.wait(), 20)
        await asyncio.gather(*map(waits, bars))
        lift = await client.start_workflow(OneOrder.run, level, id=f"{unique}-lift", task_queue=unique)
        await waits(lift)
        go_on.set()
        await asyncio.gather(lift.result(), *(each.result() for each in bars))
    # A queue has several partitions, asked in turn, and each gives what is most urgent in it. Without its priority the
    # lift, which came last, would be handed over last.
    assert handed.index(level) < BARS // 2
    assert sorted(handed) == sorted(["outgoing"] * BARS + [level])


@pytest.mark.parametrize(
    ("level", "priority"), [("none", 1), ("stop:", 1), ("stop:data", 2), ("outgoing", 5), ("full", 5)]
)
def test_scenario_32_every_order_has_its_place_in_the_queue(level: str, priority: int) -> None:
    assert network_call(level)["priority"].priority_key == priority


class Network:
    """Does what it is told, and confirms nothing by itself."""

    async def apply(self, *_: str) -> None: ...


async def _an_order(office: Office, account_id: str, service_id: str, order_id: str, level: str, ago: int) -> None:
    at = datetime.now(UTC) - timedelta(minutes=ago)
    async with office.work() as work:
        order = Order(account_id, order_id, level, "not paid", "dunning", at)
        await work.barring.add_order(
            order, [OrderedService(account_id, order_id, service_id, "+316", "ordered", 1, at)]
        )
        await work.commit()


async def test_an_order_whose_workflow_is_gone_begins_again_and_an_overtaken_one_ends(
    office: Office, client: Client, unique: str
) -> None:
    account, service_id = await office.open_account(number=unique)
    for order_id, level, ago in (("o-1", "outgoing", 60), ("o-2", "none", 50), ("o-3", "none", 1)):
        await _an_order(office, account.account_id, service_id, order_id, level, ago)

    async def connected() -> Client:
        return client

    process = TemporalProcess(connected, unique)
    started: list[BarringState] = []

    class Processes:
        async def running_orders(self) -> set[str]:
            return await WorkflowTroubles(office.engine, process).running_orders()

        async def start_barring(self, state: BarringState) -> None:
            started.append(state)
            await process.start_barring(state)

    network: Any = Network()
    barring = BarringService(office.work, office.clock, network)
    stuck = StuckOrders(office.work, office.clock, barring, Processes())
    async with office.engine.begin() as connection:  # the newest one has its workflow still
        await connection.exec_driver_sql("DELETE FROM barring_order_services WHERE order_id = 'o-3'")
    assert await stuck.mend() == 2
    assert [(one.order_id, one.level, one.service_ids) for one in started] == [("o-2", "none", (service_id,))]
    async with office.work() as work:
        orders = {one.order_id: one.outcome for one in await work.barring.orders(account.account_id)}
    assert orders == {"o-1": "withdrawn", "o-2": "placed", "o-3": "placed"}
    workflow_id = barring_workflow_id(account.brand, account.number, "o-2")
    assert (await client.get_workflow_handle(workflow_id).describe()).status is not None
    for _ in range(50):  # the list of workflows lags a little
        if await stuck.mend() == 0:
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError("an order whose workflow runs is begun again and again")
    await client.get_workflow_handle(workflow_id).terminate("the test is over")


async def test_workflows_that_ended_badly_or_have_no_account_are_found(
    office: Office, client: Client, unique: str
) -> None:
    account, _ = await office.open_account(number=unique)

    async def connected() -> Client:
        return client

    process = TemporalProcess(connected, unique)
    troubles = WorkflowTroubles(office.engine, process)
    plan = await office.plan_of(account.account_id)
    await process.start_account(AccountState(account.account_id, account.brand, unique, plan))
    await process.start_account(AccountState("acc_1", account.brand, f"{unique}-stranger", plan))
    mine, stranger = (account_workflow_id(account.brand, each) for each in (unique, f"{unique}-stranger"))
    await client.get_workflow_handle(mine).terminate("by mistake")
    found: dict[str, list[str | None]] = {}
    for _ in range(100):
        ended = {one.subject: one for one in await troubles.ended_badly()}
        strange = {one.subject: one for one in await troubles.without_account()}
        if mine in ended and stranger in strange:
            found = {one.kind: [one.account_id] for one in (ended[mine], strange[stranger])}
            break
        await asyncio.sleep(0.1)
    assert found == {WORKFLOW_FAILED: [account.account_id], WORKFLOW_WITHOUT_ACCOUNT: [None]}
    await process.start_account(AccountState(account.account_id, account.brand, unique, plan))
    assert mine not in {one.subject for one in await troubles.ended_badly()}
    for each in (mine, stranger):
        await client.get_workflow_handle(each).terminate("the test is over")
