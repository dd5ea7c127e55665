"""Upkeep: what a round looks for, and how it mends it. Every repair may be repeated at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from billing.domain import staff_cases as kinds
from billing.domain.errors import NotFound, Refusal
from billing.messages.account import DunningLost, PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.upkeep import UpkeepReport
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.messenger import VendorBusy, VendorRefusesUs
from billing.ports.payment_provider import MerchantFault, ProviderAway, ProviderBusy, ProviderFault
from billing.ports.process import Process
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.accounts import AccountService
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.reconcile import Reconciler, Watched

_log = logging.getLogger(__name__)

SENT_AGAIN = "usage that was sent again"

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
class Looked:
    """What became of the cases for people in a part of a round."""

    opened: int = 0
    closed: int = 0
    alerts: int = 0


class PeopleDesk(Protocol):
    """Cases for people and alerts about them."""

    async def look(self) -> Looked:
        """Hold everything that can be seen in the database and at the process server against the cases."""
        ...

    async def hold(self, said: Mapping[str, Sequence[Cause]]) -> Looked:
        """Hold what a round found against the cases of these kinds."""
        ...

    async def tell(self) -> int:
        """Alert staff; how many alerts were taken."""
        ...


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
    mend_orders: Callable[[], Awaitable[int]] = nothing_to_mend
    compare_days: Callable[[], Awaitable[int]] = nothing_to_mend
    recheck_differences: Callable[[], Awaitable[int]] = nothing_to_mend
    people: PeopleDesk | None = None
    tell_of_methods: Callable[[], Awaitable[int]] = nothing_to_mend
    end_promises: Callable[[], Awaitable[int]] = nothing_to_mend
    look_after_bulk_actions: Callable[[], Awaitable[int]] = nothing_to_mend
    confirm_promises: Callable[[], Awaitable[int]] = nothing_to_mend
    look_after_vat: Callable[[], Awaitable[int]] = nothing_to_mend
    end_old_mandates: Callable[[], Awaitable[int]] = nothing_to_mend
    forget_old_tries: Callable[[], Awaitable[int]] = nothing_to_mend
    make_refunds: Callable[[], Awaitable[int]] = nothing_to_mend


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
        outcomes: PaymentOutcomes,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._accounts = accounts
        self._live = live
        self._repairs = repairs
        self._outcomes = outcomes

    async def mend(self) -> UpkeepReport:
        """One round. All repairs are tried beside each other, so that one that fails, or hangs, starves no other.

        What failed is in the report, in words, and is tried again in the next round.
        """
        tried, repairs = Round(), self._repairs
        rounds = {
            "workflows_started": tried.attempt("missing workflows", partial(self._start_missing_workflows, tried)),
            "cases_found": tried.attempt("lost dunning cases", self._find_lost_cases),
            "messages_delivered": self._listen(tried),
            "attempts_settled": tried.attempt("attempts without outcome", self._ask_for_outcomes),
            "thresholds_sent": tried.attempt("usage thresholds", repairs.send_thresholds),
            "events_reguided": tried.attempt("waiting usage", repairs.reguide_usage),
            "notices_sent": tried.attempt("waiting notices", repairs.send_waiting_notices),
            "methods_told": tried.attempt("notices about payment methods", repairs.tell_of_methods),
            "payments_compared": self._compare(tried),
            "usage_days_dropped": tried.attempt("old usage", repairs.forget_old_usage),
            "sessions_reported": tried.attempt("open usage sessions", repairs.report_open_sessions),
            "usage_moved": tried.attempt("usage of numbers that moved", repairs.follow_numbers),
            "usage_resent": tried.attempt(SENT_AGAIN, repairs.take_back_resent),
            "promises_confirmed": tried.attempt("confirmations of promises", repairs.confirm_promises),
            "promises_ended": tried.attempt("promises that are over", repairs.end_promises),
            "vat_settled": tried.attempt("VAT of bad debts", repairs.look_after_vat),
            "mandates_ended": tried.attempt("mandates not used for long", repairs.end_old_mandates),
            "refunds_made": tried.attempt("refunds not made yet", repairs.make_refunds),
            "tries_forgotten": tried.attempt("old tries of cards", repairs.forget_old_tries),
            "plans_correcting": tried.attempt("corrections of prices", repairs.correct_plans),
            "bulk_actions_started": tried.attempt("bulk actions", repairs.look_after_bulk_actions),
            "bank_files_delivered": tried.attempt("files to the bank", repairs.look_after_bank_files),
            "bank_payments_carried_out": tried.attempt("what the bank told", repairs.look_after_bank_statements),
            "imports_started": tried.attempt("usage files", repairs.look_after_files),
            "orders_mended": tried.attempt("orders without a workflow", repairs.mend_orders),
            "days_compared": tried.attempt("daily totals", repairs.compare_days),
            "differences_settled": tried.attempt("settled differences", repairs.recheck_differences),
        }
        done, swept = await asyncio.gather(asyncio.gather(*rounds.values()), self._look_for_people(tried))
        held = await self._tell_of_this_round(tried)
        return UpkeepReport(
            **dict(zip(rounds, done, strict=True)),
            failures=tuple(sorted(tried.failures)),
            alarms=tuple(tried.alarms),
            cases_opened=swept.opened + held.opened,
            cases_closed=swept.closed + held.closed,
            alerts_sent=swept.alerts,
        )

    async def _look_for_people(self, tried: Round) -> Looked:
        """What needs a person, found beside the repairs; then staff are told of what is new."""
        people = self._repairs.people
        if people is None:
            return Looked()
        found = Looked()

        async def sweep() -> int:
            nonlocal found
            found = await people.look()
            return found.opened

        await tried.attempt("cases for people", sweep)
        alerts = await tried.attempt("alerts to staff", people.tell)
        return replace(found, alerts=alerts)

    async def _tell_of_this_round(self, tried: Round) -> Looked:
        """What failed in this round, and whom it concerns, is held against the cases too."""
        people = self._repairs.people
        if people is None:
            return Looked()
        held: list[Looked] = []

        async def hold() -> int:
            held.append(await people.hold(tried.said_by_kind()))
            return 0

        await tried.attempt("cases of this round", hold)
        return held[0] if held else Looked()

    async def _listen(self, tried: Round) -> int:
        """Events that no webhook brought first, so that they are passed on in the same round."""
        reconciler = self._repairs.reconciler
        heard = await tried.attempt("missed events", reconciler.hear) if reconciler else 0
        return heard + await tried.attempt("waiting webhooks", self._repairs.deliver_webhooks)

    async def _compare(self, tried: Round) -> int:
        reconciler = self._repairs.reconciler
        return await tried.attempt("payments and books", reconciler.compare) if reconciler else 0

    async def _start_missing_workflows(self, tried: Round) -> int:
        """An account that cannot be started keeps no other one waiting."""
        missing = await self._live.accounts_without_workflow()
        failures: list[Exception] = []
        causes: list[Cause] = []
        for account in missing:
            try:
                await self._accounts.ensure_workflow(account)
            except Exception as error:
                failures.append(error)
                causes.append(_not_started(account, error))
        tried.found[kinds.WORKFLOW_MISSING] = causes
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
        """Have the provider asked about attempts past their date, by the account's process where it has one."""
        now = self._clock.now()
        async with self._make_work() as work:
            attempts = await work.payments.attempts_to_ask(now)
            owners = {one.account_id: await work.accounts.get(one.account_id) for one in attempts}
        told = 0
        for attempt in attempts:
            owner = owners[attempt.account_id]
            # The hour makes a further round ask again, and a repeat within it count once.
            message = PaymentOutcomeReceived(f"upkeep-{attempt.attempt_id}-{now:%Y%m%d%H}", attempt.attempt_id)
            try:
                told += await self._outcomes.tell(owner, message)
            except ProviderFault:
                _log.warning("%s of a closed account waits for the next round", attempt.attempt_id, exc_info=True)
        return told


class Round:
    """The tries of one round: what failed, in words, and what a person should look at."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.alarms: list[str] = []
        self.found: dict[str, list[Cause]] = {}
        self._alarms_of: dict[str, tuple[str, ...]] = {}

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
            self._alarms_of[what] = done.alarms
            return done.count
        return done

    def said_by_kind(self) -> dict[str, list[Cause]]:
        """What this round knows all of, as causes by kind of case."""
        failing = [
            Cause(kinds.REPAIR_FAILING, sentence.partition(":")[0], sentence) for sentence in sorted(self.failures)
        ]
        said = {kinds.REPAIR_FAILING: failing, **self.found}
        if again := self._alarms_of.get(SENT_AGAIN, ()):
            said[kinds.USAGE_SENT_AGAIN] = [
                Cause(kinds.USAGE_SENT_AGAIN, sentence[:200], sentence) for sentence in again
            ]
        return said


def in_words(error: BaseException) -> str:
    """Why a repair failed. What a vendor or the database wrote stays out: it may hold a customer's data, or a key."""
    if isinstance(error, PartlyDone) and error.__cause__ is not None:
        return f"{error}, the first: {in_words(error.__cause__)}"
    if isinstance(error, Refusal):
        return error.message
    known = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "")
    return known or f"{type(error).__name__}; the worker's log has the details"


def _not_started(account: Account, error: Exception) -> Cause:
    return Cause(
        kinds.WORKFLOW_MISSING,
        account_workflow_id(account.brand, account.number),
        f"The workflow of {account.account_id} does not run and cannot be started: {in_words(error).rstrip('.')}.",
        account.account_id,
    )
