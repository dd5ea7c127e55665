"""The state of an account's process, read from the books: where a process begins that must not forget anything.

A new account has nothing open and begins with its first cycle. One whose workflow was terminated, or lost with its
server, begins again here: every amount still to be collected is taken up where the books say that it stands, and each
step is safe to repeat, so that no customer is told, debited or barred twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.barring import stopped_parts
from billing.domain.clock import ClockSegment
from billing.domain.cycle_plan import CyclePlan
from billing.messages.account import AccountState, CollectionStage, InboxItem, OpenCollection
from billing.ports.accounts import Account
from billing.ports.dunning import Case, Promise
from billing.ports.invoicing import Invoice
from billing.ports.payments import Attempt, AttemptPurpose
from billing.ports.unit_of_work import UnitOfWork

HANDED_OVER = "handed_over"
OWN_ORDERS = ("hand-", "limit-")  # placed by the account itself; dunning counts its own


@dataclass(frozen=True)
class _Books:
    """What is read once per account: open amounts by invoice, tries, what is in flight, the case that matters.

    ``announced`` are the invoices with a debit of their own; less than ``least_minor`` goes with the next one.
    """

    open_minor: dict[str, int]
    attempts: tuple[Attempt, ...]
    in_flight: dict[str, Attempt]
    case: Case | None
    has_method: bool
    announced: frozenset[str]
    least_minor: int
    promise: Promise | None


async def state_from_books(
    work: UnitOfWork, account: Account, clock: ClockSegment, spread_seconds: int, now: datetime
) -> AccountState | None:
    """The input of the account's first run, or of its first after a loss. None when nothing is left to do for it."""
    plan, last_bill_is_out = await _plan(work, account)
    if plan is None:
        return None
    documents = await work.invoices.of_account(account.account_id)
    books = await _read(work, account, documents, now)
    collections = [one for doc in documents if (one := _open(doc, books, now))]
    dated = tuple([await _with_dates(work, one, account.account_id) for one in collections])
    overdue = any(one.stage is CollectionStage.OVERDUE for one in dated)
    case_id = books.case.case_id if books.case else ""
    handed_over = case_id if books.case and books.case.outcome == HANDED_OVER and overdue else ""
    runs = books.case is not None and books.case.closed_at is None
    lost = (InboxItem("dunning_lost", f"restored-{now:%Y%m%d%H%M%S}", case_id if runs else ""),)
    return AccountState(
        account_id=account.account_id,
        brand=account.brand,
        number=account.number,
        plan=plan,
        clock=clock,
        collections=dated,
        inbox=lost if runs or (overdue and not handed_over) else (),
        attempts_made=_highest(one.attempt_id for one in books.attempts),
        paused=account.paused,
        hold_until=account.hold_until,
        dunning_running=runs,
        orders_placed=_highest(
            one.order_id for one in await work.barring.orders(account.account_id) if one.order_id.startswith(OWN_ORDERS)
        ),
        closing=account.status == "closing",
        spread_seconds=spread_seconds,
        last_bill_is_out=last_bill_is_out,
        handed_over_case=handed_over,
        stops_review_at=now if await _is_stopped(work, account.account_id) else None,
    )


async def _is_stopped(work: UnitOfWork, account_id: str) -> bool:
    """Whether a cap stopped something, as the network was last told."""
    return any(stopped_parts(level) for level in (await work.barring.ordered_stops(account_id)).values())


async def _plan(work: UnitOfWork, account: Account) -> tuple[CyclePlan | None, bool]:
    """The open cycle's plan; of a closing account without one the last cycle's, whose bill is out."""
    if account.status == "closed":
        return None, False
    cycle = await work.accounts.open_cycle(account.account_id)
    if cycle is not None:
        return CyclePlan.from_dict(dict(cycle.plan)), False
    issued = [one for one in await work.accounts.cycles(account.account_id) if one.invoice_id is not None]
    if not issued:
        return None, False
    return CyclePlan.from_dict(dict(max(issued, key=lambda one: one.cycle_number).plan)), True


async def _read(work: UnitOfWork, account: Account, documents: Sequence[Invoice], now: datetime) -> _Books:
    account_id = account.account_id
    in_flight = {}
    for attempt in await work.payments.live_attempts(account_id):
        for share in await work.payments.allocations(account_id, attempt.attempt_id):
            in_flight[share.invoice_id] = attempt
    cases = sorted(await work.dunning.cases(account_id), key=lambda one: one.opened_at)
    promises = await work.dunning.promises(account_id)
    return _Books(
        open_minor={one.invoice_id: one.open_minor for one in await work.ledger.open_invoices(account_id)},
        attempts=tuple(await work.payments.attempts(account_id)),
        in_flight=in_flight,
        case=cases[-1] if cases else None,
        has_method=await work.payments.usable_method(account_id, now) is not None,
        announced=frozenset(one.invoice_id for one in documents if one.to_collect_minor > 0),
        least_minor=(await work.accounts.brand(account.brand)).minimum_charge_minor,
        promise=promises[-1] if promises and promises[-1].until > now and not promises[-1].outcome else None,
    )


def _open(invoice: Invoice, books: _Books, now: datetime) -> OpenCollection | None:
    """What is still to be collected of an announced invoice; None when that is nothing."""
    left = tuple(one for one in invoice.collect_invoice_ids if books.open_minor.get(one, 0) > 0)
    if invoice.to_collect_minor <= 0 or not left:
        return None
    stage, attempt_id = _stage(invoice.invoice_id, left, books)
    amount_minor = sum(books.open_minor[one] for one in left)
    if amount_minor < books.least_minor and stage is not CollectionStage.SUBMITTED:
        return None
    return OpenCollection(
        invoice_id=invoice.invoice_id,
        invoice_ids=left,
        amount_minor=amount_minor,
        currency=invoice.currency,
        stage=stage,
        debits=books.has_method,
        cycle_number=invoice.cycle_number or 0,
        wake_at=None if stage is CollectionStage.OVERDUE else _from(stage, left, books, now),
        attempt_id=attempt_id,
    )


def _from(stage: CollectionStage, left: tuple[str, ...], books: _Books, now: datetime) -> datetime:
    """When to go on: at once, but for what was promised, which waits until the promise is over."""
    promise = books.promise
    if promise is None or stage is CollectionStage.SUBMITTED or not set(left) & set(promise.invoice_ids):
        return now
    return promise.until


def _stage(invoice_id: str, left: tuple[str, ...], books: _Books) -> tuple[CollectionStage, str]:
    """With the provider, with dunning, or to be announced, which finds what was announced and goes on from there.

    What became of an earlier debit, of which a small rest was carried over, says nothing about this one.
    """
    flying = [books.in_flight[one] for one in left if one in books.in_flight]
    debit = next((one for one in flying if one.purpose == AttemptPurpose.DEBIT), None)
    if debit is not None:
        return CollectionStage.SUBMITTED, debit.attempt_id
    own = {one for one in left if one == invoice_id or one not in books.announced}
    tried = any(one.attempt_id.rpartition("-")[0] in own and one.settled_at is not None for one in _debits(books))
    with_dunning = books.case is not None and bool(own & set(books.case.invoice_ids))
    return (CollectionStage.OVERDUE if tried or with_dunning else CollectionStage.ISSUED), ""


def _debits(books: _Books) -> list[Attempt]:
    return [one for one in books.attempts if one.purpose == AttemptPurpose.DEBIT]


async def _with_dates(work: UnitOfWork, collection: OpenCollection, account_id: str) -> OpenCollection:
    """The dates of its stored plan, which also holds those that moved."""
    if not collection.cycle_number:
        return collection
    cycle = await work.accounts.cycle(account_id, collection.cycle_number)
    plan = CyclePlan.from_dict(dict(cycle.plan))
    return replace(
        collection,
        debit_on=plan.debit_on,
        reminder_at=plan.reminder_at,
        submit_at=plan.submit_at,
        debit_at=plan.debit_at,
    )


def _highest(names: Iterable[str]) -> int:
    """The highest number at the end of names like ``inv_1001-3``; 0 when there are none."""
    ends = (name.rpartition("-")[2] for name in names)
    return max((int(end) for end in ends if end.isdigit()), default=0)
