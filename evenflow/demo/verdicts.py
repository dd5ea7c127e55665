"""What each story has to show, and whether it was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from evenflow.demo.facts import Facts
from evenflow.demo.roster import Customer
from evenflow.demo.stories import Story

Seen = Callable[[Facts], bool]


class Outcome(StrEnum):
    """How a story stands."""

    AS_EXPECTED = "as expected"
    UNFINISHED = "unfinished"
    WRONG = "not as expected"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that must be seen, in words; with ``never`` it must not."""

    words: str
    seen: Seen
    never: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A customer's story: which steps were seen, which are missing, which should not have happened."""

    customer: Customer
    outcome: Outcome
    seen: tuple[str, ...]
    missing: tuple[str, ...]
    wrong: tuple[str, ...]


def judge(customer: Customer, facts: Facts, today: date) -> Verdict:
    """Compare a story with what happened. Steps may be missing until its last day has passed."""
    steps = STEPS[customer.story]
    seen = tuple(step.words for step in steps if not step.never and step.seen(facts))
    missing = tuple(step.words for step in steps if not step.never and not step.seen(facts))
    wrong = tuple(step.words for step in steps if step.never and step.seen(facts))
    is_over = today > _begins(customer, facts) + timedelta(days=customer.setting.days)
    return Verdict(customer, _outcome(missing, wrong, is_over=is_over), seen, missing, wrong)


def _begins(customer: Customer, facts: Facts) -> date:
    """The close of the first cycle; on a slow machine bills come later, and everything after them too."""
    if facts.first is None:
        return customer.first_close
    billed: date = facts.first.issued_at.date()
    return max(customer.first_close, billed - timedelta(days=1))


def _outcome(missing: tuple[str, ...], wrong: tuple[str, ...], *, is_over: bool) -> Outcome:
    if wrong or (missing and is_over):
        return Outcome.WRONG
    return Outcome.UNFINISHED if missing else Outcome.AS_EXPECTED


def _sent(kind: str, words: str) -> Step:
    return Step(words, lambda facts: bool(facts.sent(kind)))


def _never_sent(kind: str, words: str) -> Step:
    return Step(words, lambda facts: bool(facts.sent(kind)), never=True)


def _paid(facts: Facts) -> bool:
    return facts.first is not None and bool(facts.first.total_minor > 0 and facts.first.open_minor == 0)


def _debit(status: str, category: str = "") -> Seen:
    return lambda facts: any(category in ("", one.category) for one in facts.tries("debit", status))


def _failed_once(facts: Facts) -> bool:
    return any(one.status in ("failed", "action_required") for one in facts.tries("debit"))


def _paid_on_page(facts: Facts) -> bool:
    return any(one.received_minor > 0 for one in facts.tries("pay_session"))


def _collected_too_much(facts: Facts) -> bool:
    """More came in than all bills together ask for; one payment may pay several of them."""
    received = sum(int(one.received_minor) for one in facts.attempts if one.status == "succeeded")
    return received > sum(max(0, int(bill.total_minor)) for bill in facts.invoices)


def _case(outcome: str) -> Seen:
    return lambda facts: any(one.outcome == outcome for one in facts.cases)


def _barred_now(facts: Facts) -> bool:
    return any(level != "none" for level in facts.levels)


READY = _sent("ready", "ready notice")
REMINDER = _sent("reminder", "reminder")
THANKS = _sent("thank_you", "thank-you")
FAILED = _sent("failed", "failed notice with paylink")
PAID = Step("bill paid", _paid)
DECLINED = Step("debit declined", _failed_once)
ON_PAGE = Step("paid on the pay page", _paid_on_page)
SETTLED = Step("dunning case settled", _case("settled"))
WARNED = _sent("barring_warning", "barring warning")
SOFT = Step("outgoing barred, confirmed by the network", lambda facts: facts.reached("outgoing"))
FULL = Step("barred fully, confirmed by the network", lambda facts: facts.reached("full"))
NOT_TWICE = Step("more collected than billed", _collected_too_much, never=True)
NO_BAR = Step("barred", lambda facts: bool(facts.orders), never=True)
NO_FAILURE = _never_sent("failed", "a failed notice")
BY_DEBIT = Step("debit succeeded", _debit("succeeded"))

_PAYS = (READY, REMINDER, BY_DEBIT, PAID, THANKS, NOT_TWICE, NO_FAILURE, NO_BAR)
_BY_PAYLINK = (READY, DECLINED, FAILED, ON_PAGE, PAID, THANKS, SETTLED, NOT_TWICE, NO_BAR)

STEPS: dict[Story, tuple[Step, ...]] = {
    Story.QUIET: _PAYS,
    Story.CARD: _PAYS,
    Story.DEBIT: _PAYS,
    # Days of seconds may pass a bank's cut-off by, and then a person decides: nobody is asked twice in any case.
    Story.BANK_FILE: (
        READY,
        Step("debit handed in", lambda facts: bool(facts.tries("debit"))),
        NOT_TWICE,
        NO_FAILURE,
        NO_BAR,
    ),
    Story.BUSINESS: (
        *_PAYS,
        Step("no VAT: reverse charge", lambda facts: facts.first is not None and facts.first.vat_minor == 0),
    ),
    Story.EARLY: (READY, ON_PAGE, PAID, THANKS, NOT_TWICE, NO_FAILURE, NO_BAR),
    Story.DECLINED_PAYLINK: _BY_PAYLINK,
    Story.AUTHENTICATION: _BY_PAYLINK,
    Story.DECLINED_RETRY: (
        READY,
        DECLINED,
        FAILED,
        _sent("retry", "new date announced"),
        BY_DEBIT,
        PAID,
        THANKS,
        SETTLED,
        NOT_TWICE,
        NO_BAR,
    ),
    Story.DEBIT_FAILS_LATER: _BY_PAYLINK,
    Story.SOFT_BAR: (
        READY,
        DECLINED,
        FAILED,
        WARNED,
        SOFT,
        _sent("barred", "barred notice"),
        ON_PAGE,
        Step("unbarred, confirmed by the network", lambda facts: facts.reached("none")),
        _sent("restored", "restored notice"),
        PAID,
        Step("barred fully", lambda facts: facts.reached("full"), never=True),
        NOT_TWICE,
    ),
    Story.FULL_BAR: (READY, DECLINED, FAILED, WARNED, SOFT, FULL),
    Story.DISPUTE: (
        READY,
        DECLINED,
        FAILED,
        Step("dispute opened", lambda facts: bool(facts.disputes)),
        Step("dispute accepted", lambda facts: any(one.status == "accepted" for one in facts.disputes)),
        Step("credit note", lambda facts: any(one.kind == "credit_note" for one in facts.documents)),
        Step("nothing open on the bill", lambda facts: facts.first is not None and facts.first.open_minor == 0),
        NO_BAR,
    ),
    Story.CHARGEBACK: (
        READY,
        REMINDER,
        THANKS,
        Step("money taken back", lambda facts: bool(facts.tries("debit", "disputed"))),
        _sent("payment_reversed", "neutral notice"),
        Step("bill open again", lambda facts: facts.first is not None and facts.first.open_minor > 0),
    ),
    Story.MANDATE_REVOKED: (
        READY,
        Step("mandate inactive", lambda facts: any(one.mandate_status == "inactive" for one in facts.methods)),
        _sent("mandate_needed", "new method asked for"),
        ON_PAGE,
        PAID,
        THANKS,
        NOT_TWICE,
        NO_BAR,
    ),
    Story.ZERO_INVOICE: (
        Step("bill of zero", lambda facts: facts.first is not None and facts.first.total_minor == 0),
        _sent("nothing_to_pay", "notice: nothing to pay"),
        Step("a try to collect", lambda facts: bool(facts.attempts), never=True),
    ),
    Story.CREDIT_INVOICE: (
        Step("bill below zero", lambda facts: facts.first is not None and facts.first.total_minor < 0),
        _sent("nothing_to_pay", "notice: nothing to pay"),
        Step("a try to collect", lambda facts: bool(facts.attempts), never=True),
    ),
}
