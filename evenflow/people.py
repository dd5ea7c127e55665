"""What finds work for people in one process: looks, alerts and checks of the books, put together from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from billing.adapters.staff_alerts import MailboxAlerts, WebhookAlerts
from billing.domain import staff_cases as kinds
from billing.messages.dunning import BarringState
from billing.persistence.book_checks import SqlBookChecks
from billing.persistence.invariants import Invariant
from billing.persistence.troubles import SqlTroubles
from billing.ports.alerts import AlertChannel
from billing.ports.clock import BusinessClock
from billing.ports.messenger import EMAIL, Messenger
from billing.ports.payment_provider import MovementSource
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.barring import BarringService
from billing.services.case_sweep import CaseSweep, looks_of
from billing.services.daily_look import DailyLook
from billing.services.daily_totals import DailyTotals
from billing.services.invariant_checks import InvariantChecks
from billing.services.people_desk import UpkeepDesk
from billing.services.reconcile import Reconciler
from billing.services.staff_alerts import AlertRules, StaffAlerts
from billing.services.staff_cases import StaffCases
from billing.services.stuck_orders import StuckOrders
from billing.services.upkeep import Repairs
from evenflow.intake import UsageSources
from evenflow.live_accounts import CONNECT_SECONDS, accounts_live
from evenflow.settings import Settings
from evenflow.temporal import TemporalProcess
from evenflow.workflow_troubles import WorkflowTroubles


@dataclass(frozen=True)
class People:
    """The parts; ``orders`` knows which orders' workflows run, and starts those that are gone."""

    make_work: UnitOfWorkFactory
    clock: BusinessClock
    desk: UpkeepDesk
    cases: StaffCases
    invariants: InvariantChecks
    totals: DailyTotals
    orders: OrderProcesses

    def joining(self, repairs: Repairs, barring: BarringService, reconciler: Reconciler) -> Repairs:
        """The repairs of a round with those of this module."""
        return replace(
            repairs,
            mend_orders=StuckOrders(self.make_work, self.clock, barring, self.orders).mend,
            compare_days=DailyLook(self.make_work, self.totals).look_after,
            recheck_differences=reconciler.recheck,
            people=self.desk,
        )


@dataclass(frozen=True)
class OrderProcesses:
    """The workflows of orders at the process server."""

    troubles: WorkflowTroubles
    process: TemporalProcess

    async def running_orders(self) -> set[str]:
        return await self.troubles.running_orders()

    async def start_barring(self, state: BarringState) -> None:
        await self.process.start_barring(state)


def build_people(
    settings: Settings,
    engine: AsyncEngine,
    make_work: UnitOfWorkFactory,
    clock: BusinessClock,
    process: TemporalProcess,
    messengers: Mapping[str, Messenger],
    sources: UsageSources,
    *providers: MovementSource,
) -> People:
    """Looks at the database, the process server and the watched folder; alerts where an address is set."""
    workflows = WorkflowTroubles(engine, process)

    async def in_folder() -> Sequence[Cause]:
        waiting = await sources.waiting_in_folder()
        return [Cause(kinds.USAGE_IN_FOLDER, sentence[:200], sentence) for sentence in waiting]

    looks = looks_of(SqlTroubles(engine), clock) | {
        kinds.WORKFLOW_FAILED: workflows.ended_badly,
        kinds.WORKFLOW_WITHOUT_ACCOUNT: workflows.without_account,
        kinds.USAGE_IN_FOLDER: in_folder,
    }
    alerts = StaffAlerts(make_work, clock, channels_of(settings, messengers), rules_of(settings))
    books = SqlBookChecks(engine, lambda: _rules_of_the_process(process))
    return People(
        make_work,
        clock,
        UpkeepDesk(CaseSweep(make_work, clock, looks), alerts),
        StaffCases(make_work, clock),
        InvariantChecks(make_work, clock, books),
        DailyTotals(make_work, clock, {each.name: each for each in providers}),
        OrderProcesses(workflows, process),
    )


def channels_of(settings: Settings, messengers: Mapping[str, Messenger]) -> Sequence[AlertChannel]:
    """Where staff are told: each mailbox, and the web address."""
    wanted, sender = settings.alerts, settings.sendgrid
    channels: list[AlertChannel] = [
        MailboxAlerts(messengers[EMAIL], to, sender.from_address, sender.from_name) for to in wanted.mailboxes
    ]
    if wanted.webhook:
        channels.append(WebhookAlerts(wanted.webhook, wanted.webhook_secret.get_secret_value()))
    return channels


def rules_of(settings: Settings) -> AlertRules:
    """What is told, and when."""
    base = settings.public.api_base.rstrip("/")
    return AlertRules(settings.alerts.least_severity, settings.alerts.digest_hour, f"{base}/console" if base else "")


async def _rules_of_the_process(process: TemporalProcess) -> Sequence[Invariant]:
    """None while the process server is away: that is not the books' fault."""
    try:
        return (accounts_live(await asyncio.wait_for(process.client(), CONNECT_SECONDS)),)
    except (RPCError, RuntimeError, TimeoutError):
        return ()
