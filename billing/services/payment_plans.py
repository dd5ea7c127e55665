"""Payment plans: previewed, agreed, changed and cancelled. A case looks after the running one (``dunning_plans``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.domain.cycle_calendar import local_date
from billing.domain.cycle_plan import MethodKind, plan_retry
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.money import Money
from billing.domain.payment_plan import DEBIT, INTERVALS, PAYLINK, Instalment, refuse_unusable, spread_evenly
from billing.messages.arrangements import AgreePaymentPlan, Arranged, CancelPaymentPlan
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import Account, Brand, TimelineEntry
from billing.ports.arrangements import StoredPlan
from billing.ports.clock import BusinessClock
from billing.ports.ledger import OpenInvoice
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_assignments import policy_of
from billing.services.dunning_plans import CANCELLED, REPLACED, RUNNING, end_plan, instalments_of, owed_minor

_IN_FLIGHT = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)


class UnableToAgreePlan(UnableTo):
    """There is nothing to pay in instalments, or something stands in the way of a plan."""


class UnableToCancelPlan(UnableTo):
    """The plan does not run any more."""


@dataclass(frozen=True)
class ProposedPlan:
    """A plan as it would be agreed: its invoices, amounts and dates, how it is paid, and the first possible date."""

    invoice_ids: tuple[str, ...]
    total_minor: int
    currency: str
    paid_by: str
    instalments: tuple[Instalment, ...]
    earliest_on: date
    explanation: str


@dataclass(frozen=True)
class _Ground:
    """What a plan is agreed on."""

    brand: Brand
    policy: DunningPolicy
    owed: Sequence[OpenInvoice]
    paid_by: str
    earliest_on: date

    @property
    def total(self) -> Money:
        return Money(owed_minor(self.owed), self.brand.currency)


class PaymentPlans:
    """Shows and previews plans; commands come through the account's process, the one collector."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def all(self, account_id: str) -> Sequence[StoredPlan]:
        """An account's plans, oldest first. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.arrangements.plans(account_id)

    async def preview(self, account_id: str, asked: AgreePaymentPlan) -> ProposedPlan:
        """Check a plan with its own instalments; nothing is stored. Raises as agreeing does."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            ground = await _ground(work, account, asked, self._clock.now())
        instalments = _instalments(asked)
        _refuse_unusable(ground, instalments)
        return _proposed(ground, instalments)

    async def propose(
        self, account_id: str, asked: AgreePaymentPlan, count: int, first_on: date | None, every: str
    ) -> ProposedPlan:
        """A plan of even instalments, from ``first_on`` (None: the first possible date) on; nothing is stored."""
        if every not in INTERVALS:
            remedy = f"Use one of: {', '.join(INTERVALS)}."
            raise InvalidValue("This interval is not known.", field="every", value=every, remedy=remedy)
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            ground = await _ground(work, account, asked, self._clock.now())
        instalments = spread_evenly(ground.total, count, first_on or ground.earliest_on, every)
        _refuse_unusable(ground, instalments)
        return _proposed(ground, instalments)


async def agree_plan(work: UnitOfWork, account: Account, command: AgreePaymentPlan, now: datetime) -> Arranged:
    """Store a plan, in the place of ``replaces`` where that is named. The account is locked.

    Raises InvalidValue naming an instalment's field, UnableToAgreePlan.
    """
    known = await work.arrangements.plan_of_command(account.account_id, command.command_id)
    if known is not None:
        return _arranged(known)
    ground = await _ground(work, account, command, now)
    instalments = _instalments(command)
    _refuse_unusable(ground, instalments)
    await _replace(work, account, command, now)
    case = await work.dunning.open_case(account.account_id)
    invoice_ids = [one.invoice_id for one in ground.owed]
    plan = await work.arrangements.add_plan(
        {
            "account_id": account.account_id,
            "command_id": command.command_id,
            "invoice_ids": invoice_ids,
            "total_minor": ground.total.amount_minor,
            "currency": ground.brand.currency,
            "paid_by": ground.paid_by,
            "instalments": [one.to_dict() for one in instalments],
            "status": RUNNING,
            "rests_case": case is None or await _covers_all(work, account, case.invoice_ids, invoice_ids),
            "made_at": now,
            "author": command.author,
            "reason": command.reason,
        }
    )
    await work.timeline.add(_told(plan, instalments, command, now))
    return _arranged(plan)


async def _covers_all(work: UnitOfWork, account: Account, of_case: Sequence[str], of_plan: Sequence[str]) -> bool:
    opened = await work.ledger.open_invoices(account.account_id)
    pursued = [one.invoice_id for one in opened if one.invoice_id in of_case and one.open_minor > one.disputed_minor]
    return set(pursued) <= set(of_plan)


async def _ground(work: UnitOfWork, account: Account, asked: AgreePaymentPlan, now: datetime) -> _Ground:
    owed = await _owed(work, account, asked)
    await _refuse_other_plan(work, account, asked)
    await _refuse_money_under_way(work, account, owed)
    brand = await work.accounts.brand(account.brand)
    case = await work.dunning.open_case(account.account_id)
    pinned = (
        await work.dunning.policy(case.policy_code, case.policy_version) if case else await policy_of(work, account)
    )
    policy = DunningPolicy.from_dict({**pinned.definition, "version": pinned.policy_version})
    if asked.paid_by not in (DEBIT, PAYLINK):
        remedy = f"Use {DEBIT} or {PAYLINK}."
        raise InvalidValue("Instalments are paid so or so.", field="paid_by", value=asked.paid_by, remedy=remedy)
    earliest_on = await _earliest_on(work, account, brand, asked.paid_by, now)
    return _Ground(brand, policy, owed, asked.paid_by, earliest_on)


async def _owed(work: UnitOfWork, account: Account, asked: AgreePaymentPlan) -> list[OpenInvoice]:
    """The chosen invoices with what is open and undisputed of them; those of the case when none is chosen."""
    case = await work.dunning.open_case(account.account_id)
    wanted = list(asked.invoice_ids) or (list(case.invoice_ids) if case else [])
    opened = {one.invoice_id: one for one in await work.ledger.open_invoices(account.account_id)}
    owed = [one for one in opened.values() if one.invoice_id in wanted and one.open_minor > one.disputed_minor]
    idle = [name for name in asked.invoice_ids if name not in {one.invoice_id for one in owed}]
    if idle or not owed:
        raise UnableToAgreePlan(
            f"Nothing undisputed is open on {', '.join(idle) or 'the account'}.",
            field="invoice_ids",
            value=", ".join(idle),
            remedy=f"GET /v1/accounts/{account.account_id}/invoices shows what is open.",
        )
    return owed


async def _refuse_other_plan(work: UnitOfWork, account: Account, asked: AgreePaymentPlan) -> None:
    running = await work.arrangements.running_plan(account.account_id)
    running_id = running.plan_id if running else ""
    if running_id == asked.replaces:
        return
    raise UnableToAgreePlan(
        f"The payment plan {running_id} runs." if running_id else f"The payment plan {asked.replaces} does not run.",
        field="replaces",
        value=asked.replaces,
        remedy=f"Name {running_id} to take its place, or cancel it." if running_id else "Leave replaces out.",
    )


async def _refuse_money_under_way(work: UnitOfWork, account: Account, owed: Sequence[OpenInvoice]) -> None:
    chosen = {one.invoice_id for one in owed}
    for attempt in await work.payments.live_attempts(account.account_id):
        held = await work.payments.allocations(account.account_id, attempt.attempt_id)
        if attempt.status in _IN_FLIGHT and any(one.invoice_id in chosen for one in held):
            raise UnableToAgreePlan(
                f"The outcome of payment {attempt.attempt_id} of these invoices is not known yet.",
                field="invoice_ids",
                value=", ".join(sorted(chosen)),
                remedy="Agree on the plan when the outcome is there.",
            )


async def _earliest_on(work: UnitOfWork, account: Account, brand: Brand, paid_by: str, now: datetime) -> date:
    """The first date of an instalment: a debit has to be announced in time, a paylink has to be read."""
    if paid_by == PAYLINK:
        return local_date(now, account.zone) + timedelta(days=1)
    method = await work.payments.usable_method(account.account_id, now)
    if method is None:
        raise UnableToAgreePlan(
            "There is no payment method that may be debited.",
            field="paid_by",
            value=paid_by,
            remedy=f"Use {PAYLINK}, or let the customer add a method first.",
        )
    policy = CyclePolicy.from_dict(dict(brand.cycle_policy))
    return plan_retry(now, policy, account.zone, MethodKind(method.kind)).debit_on


def _instalments(asked: AgreePaymentPlan) -> tuple[Instalment, ...]:
    return tuple(
        [Instalment(place, one.due_on, one.amount_minor) for place, one in enumerate(asked.instalments, start=1)]
    )


def _refuse_unusable(ground: _Ground, instalments: Sequence[Instalment]) -> None:
    terms = ground.policy.arrangements
    refuse_unusable(
        instalments,
        ground.total,
        ground.earliest_on,
        ground.brand.minimum_charge_minor,
        terms.most_instalments,
        terms.longest_plan_days,
    )


async def _replace(work: UnitOfWork, account: Account, command: AgreePaymentPlan, now: datetime) -> None:
    running = await work.arrangements.running_plan(account.account_id)
    if running is not None:
        why = f"a new plan takes its place: {command.reason}"
        await end_plan(work, account, running, REPLACED, why, command.author, now)


async def cancel_plan(work: UnitOfWork, account: Account, command: CancelPaymentPlan, now: datetime) -> Arranged:
    """End a running plan; the ladder goes on. Raises NotFound, UnableToCancelPlan."""
    plan = await work.arrangements.plan(account.account_id, command.plan_id)
    if plan.status != RUNNING:
        raise UnableToCancelPlan(
            f"The payment plan {plan.plan_id} is {plan.status}.",
            field="plan_id",
            value=plan.plan_id,
            remedy="Nothing is to be cancelled.",
        )
    await end_plan(work, account, plan, CANCELLED, command.reason, command.author, now)
    return Arranged(f"Payment plan {plan.plan_id} is cancelled.", plan.plan_id, tuple(plan.invoice_ids))


def _proposed(ground: _Ground, instalments: tuple[Instalment, ...]) -> ProposedPlan:
    how = "debited on their dates, each announced before" if ground.paid_by == DEBIT else "paid by paylink"
    policy = f"policy {ground.policy.code} version {ground.policy.version}"
    return ProposedPlan(
        tuple([one.invoice_id for one in ground.owed]),
        ground.total.amount_minor,
        ground.brand.currency,
        ground.paid_by,
        instalments,
        ground.earliest_on,
        f"{ground.total} in {len(instalments)} instalments, {how}; one that is not paid within"
        f" {ground.policy.arrangements.grace_days} days ends the plan ({policy}).",
    )


def _told(
    plan: StoredPlan, instalments: Sequence[Instalment], command: AgreePaymentPlan, now: datetime
) -> TimelineEntry:
    total = Money(plan.total_minor, plan.currency)
    summary = f"Payment plan {plan.plan_id}: {total} in {len(instalments)} instalments, by {plan.paid_by}"
    reason = {
        "rule": "what a payment plan covers is not pressed for",
        "reason": command.reason,
        "command_id": command.command_id,
        "invoices": list(plan.invoice_ids),
        "instalments": [{"due_on": one.due_on.isoformat(), "amount_minor": one.amount_minor} for one in instalments],
        "replaces": command.replaces,
    }
    return TimelineEntry(plan.account_id, now, "payment_plan_agreed", summary, reason, command.author)


def _arranged(plan: StoredPlan) -> Arranged:
    first = instalments_of(plan)[0]
    total = Money(plan.total_minor, plan.currency)
    return Arranged(
        f"Payment plan {plan.plan_id}: {total} in {len(plan.instalments)} instalments, the first on {first.due_on}.",
        plan.plan_id,
        tuple(plan.invoice_ids),
        plan.total_minor,
        plan.currency,
        first.due_on,
        first.amount_minor,
    )
