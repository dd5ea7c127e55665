"""The collections desk of one process: the work list, and bulk actions with what carries them out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.work_list import SqlWorkList
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bulk_actions import BulkActions
from billing.services.bulk_commands import BulkCommands
from billing.services.bulk_previews import BulkLimits
from billing.services.bulk_running import BulkRunning
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_fees import FeeService
from billing.services.notices import NoticeService
from billing.services.paylink_sending import PaylinkSender
from evenflow.settings import Settings


@dataclass(frozen=True)
class CollectionsDesk:
    """``running`` is called by the process, the others by the doors."""

    work_list: SqlWorkList
    running: BulkRunning
    actions: BulkActions


def collections_desk(
    settings: Settings,
    engine: AsyncEngine,
    make_work: UnitOfWorkFactory,
    clock: BusinessClock,
    process: Process,
    notices: NoticeService,
) -> CollectionsDesk:
    """Put together from the settings."""
    work_list, paylinks = SqlWorkList(engine), PaylinkSender(make_work, clock, notices)
    assignments, fees = PolicyAssignments(make_work, clock), FeeService(make_work, clock)
    running = BulkRunning(make_work, clock, work_list, BulkCommands(process, assignments, fees, paylinks))
    limits = BulkLimits(settings.collections.agent_accounts, settings.collections.finance_accounts)
    actions = BulkActions(make_work, clock, process, work_list, running, limits)
    return CollectionsDesk(work_list, running, actions)
