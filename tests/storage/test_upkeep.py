"""A round of upkeep: every repair is tried, whatever becomes of the others, and what failed is said in words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from billing.domain.errors import UnableTo
from billing.messages.account import AccountState, DunningLost
from billing.messages.upkeep import UpkeepReport
from billing.ports.accounts import Account
from billing.ports.messenger import VendorRefusesUs
from billing.ports.payment_provider import MerchantFault, ProviderAway
from billing.services.accounts import AccountService
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.reconcile import Watched
from billing.services.upkeep import Repairs, UpkeepService
from tests.builders_invoicing import Office, an_office

Repair = Callable[[], Awaitable[Any]]
SECRET = "sk_live_never_shown"
ALARM = "stripe took 42.10 EUR as pi_1 of acc_1, booked is None"


def mends(found: Any) -> Repair:
    async def repair() -> Any:
        return found

    return repair


def fails(error: Exception) -> Repair:
    async def repair() -> Any:
        raise error

    return repair


@dataclass
class ScriptedReconciler:
    """Hears and compares as it is told."""

    hear: Repair = field(default_factory=lambda: mends(Watched(10)))
    compare: Repair = field(default_factory=lambda: mends(Watched(5, (ALARM,))))


def repairs(**scripted: Any) -> Repairs:
    """Every repair mends something, but for those that are scripted."""
    reconciler = _as_any(ScriptedReconciler())
    well = Repairs(
        *(mends(1), mends(2), mends(3), mends(4), mends(6), reconciler, mends(7), mends(8)),
        take_back_resent=mends(Watched(9)),
    )
    return replace(well, **scripted)


def _as_any(made: Any) -> Any:
    return made


@dataclass
class StartedProcess:
    """Starts the accounts it is told to, but for those it chokes on."""

    chokes_on: tuple[str, ...] = ()
    started: list[str] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)

    async def signal(self, workflow_id: str, signal: str, fact: DunningLost) -> None:
        self.told.append((workflow_id, signal, fact.case_id))

    async def start_account(self, state: AccountState) -> None:
        if state.number in self.chokes_on:
            raise UnableTo(f"The plan of {state.number} cannot be read.")
        self.started.append(state.number)


@dataclass
class Missing:
    """Accounts and cases without a workflow, or the reason why nobody knows."""

    accounts: Sequence[Account] = ()
    cases: Sequence[tuple[Account, str]] = ()
    failure: Exception | None = None

    async def accounts_without_workflow(self) -> Sequence[Account]:
        if self.failure:
            raise self.failure
        return self.accounts

    async def cases_without_workflow(self) -> Sequence[tuple[Account, str]]:
        if self.failure:
            raise self.failure
        return self.cases


@dataclass
class UpkeepWorld:
    """Upkeep over real books in which no attempt waits."""

    office: Office
    process: StartedProcess = field(default_factory=StartedProcess)
    missing: Missing = field(default_factory=Missing)

    async def round(self, wanted: Repairs) -> UpkeepReport:
        work, clock, told = self.office.work, self.office.clock, _as_any(self.process)
        accounts = AccountService(work, clock, told)
        outcomes = PaymentOutcomes(work, clock, told, _as_any(mends(0)))
        return await UpkeepService(work, clock, told, accounts, self.missing, wanted, outcomes).mend()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[UpkeepWorld]:
    async with an_office(database_url) as office:
        yield UpkeepWorld(office)


WELL = UpkeepReport(
    messages_delivered=11,
    thresholds_sent=2,
    events_reguided=3,
    notices_sent=4,
    payments_compared=5,
    usage_days_dropped=6,
    imports_started=7,
    sessions_reported=8,
    usage_resent=9,
    alarms=(ALARM,),
)
DEAF = _as_any(ScriptedReconciler(hear=fails(MerchantFault(f"Invalid API Key {SECRET}"))))
BLIND = _as_any(ScriptedReconciler(compare=fails(ProviderAway(f"no answer to {SECRET}"))))


async def test_a_round_reports_what_it_mended_and_what_a_person_should_look_at(world: UpkeepWorld) -> None:
    assert await world.round(repairs()) == WELL


@pytest.mark.parametrize(
    ("scripted", "lost", "words"),
    [
        (
            {"reconciler": DEAF},
            {"messages_delivered": 1},
            "missed events: the payment provider refuses our key, account or request",
        ),
        (
            {"reconciler": BLIND},
            {"payments_compared": 0, "alarms": ()},
            "payments and books: the payment provider gives no answer",
        ),
        (
            {"deliver_webhooks": fails(ConnectionError(f"postgresql://evenflow:{SECRET}@books"))},
            {"messages_delivered": 10},
            "waiting webhooks: ConnectionError; the worker's log has the details",
        ),
        (
            {"send_thresholds": fails(UnableTo("No such plan.", field="plan", value=SECRET))},
            {"thresholds_sent": 0},
            "usage thresholds: No such plan.",
        ),
        ({"reguide_usage": fails(KeyError(SECRET))}, {"events_reguided": 0}, "waiting usage: KeyError;"),
        (
            {"send_waiting_notices": fails(VendorRefusesUs("sendgrid", "401", SECRET))},
            {"notices_sent": 0},
            "waiting notices: the message vendor refuses our key or sender",
        ),
        ({"forget_old_usage": fails(TimeoutError())}, {"usage_days_dropped": 0}, "old usage: TimeoutError;"),
        ({"look_after_files": fails(OSError(SECRET))}, {"imports_started": 0}, "usage files: OSError;"),
        (
            {"report_open_sessions": fails(OSError(SECRET))},
            {"sessions_reported": 0},
            "open usage sessions: OSError;",
        ),
        (
            {"take_back_resent": fails(OSError(SECRET))},
            {"usage_resent": 0},
            "usage that was sent again: OSError;",
        ),
    ],
)
async def test_a_repair_that_fails_starves_no_other_and_is_named_without_secrets(
    world: UpkeepWorld,
    caplog: pytest.LogCaptureFixture,
    scripted: dict[str, Any],
    lost: dict[str, Any],
    words: str,
) -> None:
    with caplog.at_level(logging.WARNING, logger="billing.services.upkeep"):
        report = await world.round(repairs(**scripted))
    (failure,) = report.failures
    assert failure.startswith(words)
    assert SECRET not in str(report)
    assert replace(report, failures=()) == replace(WELL, **lost)
    assert len(caplog.records) == 1


async def test_nobody_knowing_which_workflows_run_keeps_nothing_else_from_being_mended(world: UpkeepWorld) -> None:
    world.missing.failure = RuntimeError("no process server")
    report = await world.round(repairs())
    why = "RuntimeError; the worker's log has the details"
    assert report.failures == (f"lost dunning cases: {why}", f"missing workflows: {why}")
    assert replace(report, failures=()) == WELL


async def test_the_account_of_a_lost_case_is_told_to_start_it(world: UpkeepWorld) -> None:
    account, _ = await world.office.open_account()
    world.missing.cases = [(account, "case_7")]
    report = await world.round(repairs())
    assert report.cases_found == 1
    assert world.process.told == [(f"account/vonk/{account.number}", "dunning_lost", "case_7")]


async def test_a_repair_that_hangs_keeps_no_other_one_from_being_tried(world: UpkeepWorld) -> None:
    notices_were_sent = asyncio.Event()

    async def hangs() -> int:
        await notices_were_sent.wait()
        return 1

    async def sends() -> int:
        notices_were_sent.set()
        return 4

    scripted = repairs(deliver_webhooks=hangs, send_waiting_notices=sends)
    assert await asyncio.wait_for(world.round(scripted), 10) == WELL


async def test_an_account_that_cannot_be_started_keeps_no_other_one_waiting(world: UpkeepWorld) -> None:
    opened = [(await world.office.open_account(number=f"A10000{place}"))[0] for place in (1, 2, 3)]
    world.missing.accounts, world.process.chokes_on = opened, ("A100001",)
    report = await world.round(repairs())
    assert (world.process.started, report.workflows_started) == (["A100002", "A100003"], 2)
    assert report.failures == ("missing workflows: 1 of 3 failed, the first: The plan of A100001 cannot be read.",)
