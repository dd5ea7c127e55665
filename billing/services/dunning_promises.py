"""Promises to pay: made within the policy's limits, and written down as kept or broken when that is certain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.money import Money
from billing.messages.dunning import CaseCommand, CaseCommandResult
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Promise
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_assignments import policy_of
from billing.services.dunning_plans import owed_minor

# A promise is kept when the money is there by the end of its day, and one day for it to arrive.
GRACE_DAYS = 2
KEPT, BROKEN, REPLACED, UNRECORDED = "kept", "broken", "replaced", "unrecorded"


class UnableToPromise(UnableTo):
    """There is nothing to promise, or the case has had as many promises as its policy allows."""


async def promise(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    """Write a promise down. Raises InvalidValue for its date or amount, UnableToPromise beyond the policy's limit."""
    promises = await work.dunning.promises(account.account_id)
    known = next((one for one in promises if one.command_id == command.command_id), None)
    if known is None:
        known = await _store(work, account, command, promises, now)
    brand = await work.accounts.brand(account.brand)
    amount = Money(known.amount_minor, brand.currency) if known.amount_minor else "everything open"
    words = f"Promised to pay {amount} by {known.pay_by}; nothing is pressed for until then."
    return CaseCommandResult(words, known.until, tuple(known.invoice_ids), known.case_id is not None)


async def _store(
    work: UnitOfWork, account: Account, command: CaseCommand, promises: Sequence[Promise], now: datetime
) -> Promise:
    if command.pay_by is None:
        raise InvalidValue("By when?", field="pay_by", value="", remedy="Name the local date the customer promised.")
    case = await work.dunning.open_case(account.account_id)
    opened = await work.ledger.open_invoices(account.account_id)
    owed = [one for one in opened if case is None or one.invoice_id in case.invoice_ids]
    owed = [one for one in owed if one.open_minor > one.disputed_minor]
    pinned = (
        await work.dunning.policy(case.policy_code, case.policy_version) if case else await policy_of(work, account)
    )
    policy = DunningPolicy.from_dict({**pinned.definition, "version": pinned.policy_version})
    case_id = case.case_id if case else None
    _refuse_late(policy, command.pay_by, local_date(now, account.zone))
    _refuse_excess(command.amount_minor, owed_minor(owed))
    _refuse_many(policy, [one for one in promises if one.case_id == case_id and case_id is not None])
    for earlier in promises:
        if not earlier.outcome:
            changes = {"outcome": REPLACED, "ended_at": now}
            await work.dunning.change_promise(account.account_id, earlier.promise_id, changes)
    until = at_local_time(command.pay_by + timedelta(days=GRACE_DAYS), time(0), account.zone)
    await work.dunning.add_promise(
        {
            "account_id": account.account_id,
            "command_id": command.command_id,
            "until": until,
            "amount_minor": command.amount_minor,
            "made_at": now,
            "author": command.author,
            "reason": command.reason,
            "pay_by": command.pay_by,
            "case_id": case_id,
            "invoice_ids": [one.invoice_id for one in owed],
            "open_before_minor": owed_minor(owed),
        }
    )
    return (await work.dunning.promises(account.account_id))[-1]


def _refuse_late(policy: DunningPolicy, pay_by: date, today: date) -> None:
    last = today + timedelta(days=policy.arrangements.longest_promise_days)
    if pay_by > last:
        raise InvalidValue(
            f"A promise lasts at most {policy.arrangements.longest_promise_days} days"
            f" (policy {policy.code} version {policy.version}).",
            field="pay_by",
            value=pay_by,
            remedy=f"Use {last} or earlier, agree on a payment plan, or hold the account.",
        )


def _refuse_excess(amount_minor: int, owed: int) -> None:
    if not owed:
        raise UnableToPromise(
            "Nothing undisputed is open, so there is nothing to promise.",
            field="amount_minor",
            value=amount_minor,
            remedy="Look at the account's open invoices and disputes.",
        )
    if amount_minor > owed:
        raise InvalidValue(
            "More is promised than is open and undisputed.",
            field="amount_minor",
            value=amount_minor,
            remedy=f"Use 1 to {owed} minor units, or 0 for everything.",
        )


def _refuse_many(policy: DunningPolicy, of_case: Sequence[Promise]) -> None:
    most = policy.arrangements.most_promises
    if len(of_case) >= most:
        raise UnableToPromise(
            f"This case has had {len(of_case)} promises; policy {policy.code} version {policy.version} allows {most}.",
            field="promises",
            value=len(of_case),
            remedy="Agree on a payment plan, hold the account with a reason, or move the case to another policy.",
        )


async def settle_promises(work: UnitOfWork, account: Account, now: datetime) -> int:
    """Write down which running promises were kept or broken; how many. The account's row should be locked."""
    ended = 0
    for one in await work.dunning.promises(account.account_id):
        outcome, paid_minor = ("", 0) if one.outcome else await _outcome(work, one, now)
        if outcome:
            changes = {"outcome": outcome, "ended_at": now}
            await work.dunning.change_promise(account.account_id, one.promise_id, changes)
            await work.timeline.add(await _told(work, account, one, outcome, paid_minor, now))
            ended += 1
    return ended


async def _outcome(work: UnitOfWork, one: Promise, now: datetime) -> tuple[str, int]:
    """How a running promise ended, empty while that is not certain, and what of its invoices was paid since."""
    if not one.invoice_ids:  # made before it was written down what was open
        return (UNRECORDED, 0) if one.until <= now else ("", 0)
    opened = await work.ledger.open_invoices(one.account_id)
    left = owed_minor([each for each in opened if each.invoice_id in one.invoice_ids and each.open_minor > 0])
    paid_minor = max(0, one.open_before_minor - left)
    if paid_minor >= (one.amount_minor or one.open_before_minor):
        return KEPT, paid_minor
    return (BROKEN if one.until <= now else ""), paid_minor


async def _told(
    work: UnitOfWork, account: Account, one: Promise, outcome: str, paid_minor: int, now: datetime
) -> TimelineEntry:
    currency = (await work.accounts.brand(account.brand)).currency
    wanted = Money(one.amount_minor or one.open_before_minor, currency)
    summary = f"Promise of {wanted} by {one.pay_by} was {outcome}: {Money(paid_minor, currency)} came"
    reason = {
        "rule": f"what was promised is paid by the end of its day, and {GRACE_DAYS - 1} day more for it to arrive",
        "promise_id": one.promise_id,
        "until": one.until.isoformat(),
        "paid_minor": paid_minor,
    }
    return TimelineEntry(account.account_id, now, f"promise_{outcome}", summary, reason)


class PromiseService:
    """Shows promises, and ends those of accounts that no case looks at."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def all(self, account_id: str) -> Sequence[Promise]:
        """An account's promises, oldest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.dunning.promises(account_id)

    async def end_over(self) -> int:
        """Write down how promises ended whose time is over; how many. For upkeep."""
        now = self._clock.now()
        async with self._make_work() as work:
            owners = {one.account_id for one in await work.dunning.promises_over(now)}
        ended = 0
        for account_id in sorted(owners):
            async with self._make_work() as work:
                account = await work.accounts.lock(account_id)
                ended += await settle_promises(work, account, now)
                await work.commit()
        return ended
