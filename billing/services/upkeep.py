"""Upkeep: what a round looks for, and how it mends it. Every repair may be repeated at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.domain.errors import NotFound, Refusal
from billing.messages.account import DunningLost, PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.upkeep import UpkeepReport
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.messenger import VendorBusy, VendorRefusesUs
from billing.ports.payment_provider import MerchantFault, ProviderAway, ProviderBusy
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.accounts import AccountService
from billing.services.reconcile import Reconciler, Watched

_log = logging.getLogger(__name__)

_WORDS: dict[type[Exception], str] = {
    MerchantFault: "the payment provider refuses our key, account or request",
    ProviderAway: "the payment provider gives no answer",
    ProviderBusy: "the payment provider asks us to slow down",
    VendorRefusesUs: "the message vendor refuses our key or sender",
    VendorBusy: "the message vendor asks us to slow down",
}


class PartlyDone(Exception):
    """Some of a repair's items failed, the first of them by the ``__cause__``; ``done`` of them did not."""

    def __init__(self, done: int, failed: int) -> None:
        super().__init__(f"{failed} of {done + failed} failed")
        self.done = done


class LiveProcesses(Protocol):
    """Which accounts and cases have an open workflow, and which should have one."""

    async def accounts_without_workflow(self) -> Sequence[Account]: ...
    async def cases_without_workflow(self) -> Sequence[tuple[Account, str]]: ...


async def nothing_to_mend() -> int:
    """A repair that is not wanted here."""
    return 0


@dataclass(frozen=True)
class Repairs:
    """Repairs of other areas, each answering how much it mended; ``reconciler`` looks at the payment providers."""

    deliver_webhooks: Callable[[], Awaitable[int]]
    send_thresholds: Callable[[], Awaitable[int]]
    reguide_usage: Callable[[], Awaitable[int]]
    send_waiting_notices: Callable[[], Awaitable[int]]
    forget_old_usage: Callable[[], Awaitable[int]] = nothing_to_mend
    reconciler: Reconciler | None = None
    look_after_files: Callable[[], Awaitable[int | Watched]] = nothing_to_mend
    report_open_sessions: Callable[[], Awaitable[int]] = nothing_to_mend
    follow_numbers: Callable[[], Awaitable[int]] = nothing_to_mend
    correct_plans: Callable[[], Awaitable[int]] = nothing_to_mend
    look_after_bank_files: Callable[[], Awaitable[int | Watched]] = nothing_to_mend
    look_after_bank_statements: Callable[[], Awaitable[int | Watched]] = nothing_to_mend
    take_back_resent: Callable[[], Awaitable[int | Watched]] = nothing_to_mend


class UpkeepService:
    """Finds accounts without workflow, attempts without outcome, and messages not delivered."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        accounts: AccountService,
        live: LiveProcesses,
        repairs: Repairs,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._accounts = accounts
        self._live = live
        self._repairs = repairs

    async def mend(self) -> UpkeepReport:
        """One round. All repairs are tried beside each other, so that one that fails, or hangs, starves no other.

        What failed is in the report, in words, and is tried again in the next round.
        """
        tried, repairs = Round(), self._repairs
        rounds = {
            "workflows_started": tried.attempt("missing workflows", self._start_missing_workflows),
            "cases_found": tried.attempt("lost dunning cases", self._find_lost_cases),
            "messages_delivered": self._listen(tried),
            "attempts_settled": tried.attempt("attempts without outcome", self._ask_for_outcomes),
            "thresholds_sent": tried.attempt("usage thresholds", repairs.send_thresholds),
            "events_reguided": tried.attempt("waiting usage", repairs.reguide_usage),
            "notices_sent": tried.attempt("waiting notices", repairs.send_waiting_notices),
            "payments_compared": self._compare(tried),
            "usage_days_dropped": tried.attempt("old usage", repairs.forget_old_usage),
            "sessions_reported": tried.attempt("open usage sessions", repairs.report_open_sessions),
            "usage_moved": tried.attempt("usage of numbers that moved", repairs.follow_numbers),
            "usage_resent": tried.attempt("usage that was sent again", repairs.take_back_resent),
            "plans_correcting": tried.attempt("corrections of prices", repairs.correct_plans),
            "bank_files_delivered": tried.attempt("files to the bank", repairs.look_after_bank_files),
            "bank_payments_carried_out": tried.attempt("what the bank told", repairs.look_after_bank_statements),
            "imports_started": tried.attempt("usage files", repairs.look_after_files),
        }
        found = dict(zip(rounds, await asyncio.gather(*rounds.values()), strict=True))
        return UpkeepReport(**found, failures=tuple(sorted(tried.failures)), alarms=tuple(tried.alarms))

    async def _listen(self, tried: Round) -> int:
        """Events that no webhook brought first, so that they are passed on in the same round."""
        reconciler = self._repairs.reconciler
        heard = await tried.attempt("missed events", reconciler.hear) if reconciler else 0
        return heard + await tried.attempt("waiting webhooks", self._repairs.deliver_webhooks)

    async def _compare(self, tried: Round) -> int:
        reconciler = self._repairs.reconciler
        return await tried.attempt("payments and books", reconciler.compare) if reconciler else 0

    async def _start_missing_workflows(self) -> int:
        """An account that cannot be started keeps no other one waiting."""
        missing = await self._live.accounts_without_workflow()
        failures: list[Exception] = []
        for account in missing:
            try:
                await self._accounts.ensure_workflow(account)
            except Exception as error:
                failures.append(error)
        if failures:
            raise PartlyDone(len(missing) - len(failures), len(failures)) from failures[0]
        return len(missing)

    async def _find_lost_cases(self) -> int:
        """Tell the account's process, which starts the workflow of its case where it is not there."""
        hour = f"{self._clock.now():%Y%m%d%H}"
        told = 0
        for account, case_id in await self._live.cases_without_workflow():
            fact = DunningLost(f"lost-{case_id}-{hour}", case_id)
            told += await self._tell(account, "dunning_lost", fact)
        return told

    async def _tell(self, account: Account, signal: str, fact: object) -> bool:
        """False when the account has no process at the moment; the next round finds that out as well."""
        try:
            await self._process.signal(account_workflow_id(account.brand, account.number), signal, fact)
        except NotFound:
            return False
        return True

    async def _ask_for_outcomes(self) -> int:
        """Tell the account's process, the only collector, to ask the provider about attempts past their date."""
        now = self._clock.now()
        async with self._make_work() as work:
            attempts = await work.payments.attempts_to_ask(now)
            owners = {one.account_id: await work.accounts.get(one.account_id) for one in attempts}
        told = 0
        for attempt in attempts:
            owner = owners[attempt.account_id]
            # The hour makes a further round ask again, and a repeat within it count once.
            message = PaymentOutcomeReceived(f"upkeep-{attempt.attempt_id}-{now:%Y%m%d%H}", attempt.attempt_id)
            told += await self._tell(owner, "payment_outcome_received", message)
        return told


class Round:
    """The tries of one round: what failed, in words, and what a person should look at."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.alarms: list[str] = []

    async def attempt(self, what: str, repair: Callable[[], Awaitable[int | Watched]]) -> int:
        """How much a repair mended. One that fails is logged and noted, and everything else goes on."""
        try:
            done = await repair()
        except Exception as error:
            _log.warning("upkeep could not mend %s; the next round tries again", what, exc_info=True)
            self.failures.append(f"{what}: {in_words(error)}")
            return error.done if isinstance(error, PartlyDone) else 0
        if isinstance(done, Watched):
            self.alarms += done.alarms
            return done.count
        return done


def in_words(error: BaseException) -> str:
    """Why a repair failed. What a vendor or the database wrote stays out: it may hold a customer's data, or a key."""
    if isinstance(error, PartlyDone) and error.__cause__ is not None:
        return f"{error}, the first: {in_words(error.__cause__)}"
    if isinstance(error, Refusal):
        return error.message
    known = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "")
    return known or f"{type(error).__name__}; the worker's log has the details"
