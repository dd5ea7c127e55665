"""One account lived through by the pure domain: a customer, a bank, an operator and time, in any order.

The machine keeps a count of its own of everything, by the plainest arithmetic there is, and holds the domain's recipes,
dates and decisions against it after every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from billing.domain import cycle_calendar, cycle_plan, dunning_policy, ledger, retry
from billing.domain.barring import BarringLevel
from billing.domain.cycle_calendar import Cycle, CycleDay, local_date
from billing.domain.cycle_dates import CyclePlan, MethodKind
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.dunning_case import Bar, CaseFacts, Close, Decision, Retry, Wait, Warn
from billing.domain.dunning_ladder import STANDARD
from billing.domain.ledger import Entry, LedgerAccount
from billing.domain.retry import FailureCategory, Scheme

ZONE, EUR, ACCOUNT = "Europe/Amsterdam", "EUR", "acc_1"
POLICY = CyclePolicy(country="NL")
# No ladder takes more steps than it has; each may be preceded by a wait.
MOST_STEPS = 3 * len(STANDARD.steps)
amounts = st.integers(min_value=1, max_value=20_000)
starts = st.integers(0, 4 * 365 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
categories = st.sampled_from(list(FailureCategory))


@dataclass
class Case:
    """What a dunning case remembers."""

    opened_at: datetime
    steps_done: tuple[str, ...] = ()
    warned_at: datetime | None = None
    delivered_at: datetime | None = None
    bounced: bool = False
    level: BarringLevel = BarringLevel.NONE
    barred_at: datetime | None = None


class CollectionMachine(RuleBasedStateMachine):
    """The account: its cycle, its ledger, what its bank said, and its case."""

    @initialize(day=st.integers(1, 31), start=starts, kind=st.sampled_from(list(MethodKind)))
    def open_the_account(self, day: int, start: datetime, kind: MethodKind) -> None:
        self.now = start
        self.kind = kind
        self.cycle: Cycle = cycle_calendar.cycle_at(CycleDay(day), ZONE, self.now)
        self.plan: CyclePlan | None = None
        self.entries: list[Entry] = []
        self.total: dict[str, int] = {}
        self.paid_in = self.given_back = self.taken_back = 0
        self.receipts: list[Entry] = []
        self.reversed: dict[str, Entry] = {}
        self.failed: tuple[FailureCategory, str] | None = None
        self.tries: list[datetime] = []
        self.case: Case | None = None
        self.disputed = 0
        self.promise_until: datetime | None = None
        self.hold_until: datetime | None = None
        self.paused = False

    # What the books say, by adding postings up --------------------------------------------------------------

    def sum_of(self, account: LedgerAccount, invoice_id: str | None = None) -> int:
        return sum(
            one.amount_minor
            for entry in self.entries
            for one in entry.postings
            if one.ledger_account is account and invoice_id in (None, one.invoice_id)
        )

    def open_of(self, invoice_id: str) -> int:
        return self.sum_of(LedgerAccount.RECEIVABLE, invoice_id)

    @property
    def open_parts(self) -> list[tuple[str, int]]:
        return [(one, self.open_of(one)) for one in self.total]

    @property
    def owed(self) -> int:
        return sum(amount for _, amount in self.open_parts)

    @property
    def credit(self) -> int:
        return -self.sum_of(LedgerAccount.CUSTOMER_CREDIT)

    def name(self, what: str) -> str:
        return f"{what}_{len(self.entries)}"

    # Time ---------------------------------------------------------------------------------------------------

    @rule(hours=st.integers(1, 24 * 12))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(net=st.integers(-3000, 15_000), vat_percent=st.sampled_from([0, 9, 21]))
    def the_cycle_closes_and_is_billed(self, net: int, vat_percent: int) -> None:
        """An invoice with its dates; credit held for the customer is used on it, a negative one becomes credit."""
        plan = cycle_plan.plan_cycle(self.cycle, POLICY, ZONE, self.kind)
        assert plan.opens_at < plan.closes_at < plan.issue_at <= plan.ready_notice_at < plan.reminder_at
        assert plan.reminder_at < plan.debit_at < plan.next_closes_at
        assert plan.debit_on >= POLICY.earliest_debit(local_date(plan.ready_notice_at, ZONE), self.kind)
        assert plan.debit_on.weekday() < 5
        following = cycle_calendar.next_cycle(self.cycle, ZONE)
        assert (following.opens_at, following.number) == (self.cycle.closes_at, self.cycle.number + 1)
        assert plan.next_closes_at == following.closes_at
        self.now, self.plan, self.cycle = max(self.now, plan.issue_at), plan, following
        invoice_id, vat = self.name("inv"), net * vat_percent // 100
        self.total[invoice_id] = net + vat
        self.entries.append(ledger.invoice_issued(ACCOUNT, invoice_id, self.now, net, vat, EUR))
        moved = min(self.credit, net + vat) if net + vat > 0 else net + vat
        if moved > 0 or net + vat < 0:
            self.entries.append(ledger.credit_moved(ACCOUNT, self.name("credit"), self.now, moved, EUR, invoice_id))

    @precondition(lambda self: self.plan is not None)
    @rule(late_hours=st.integers(0, 24 * 20))
    def a_notice_that_leaves_late_moves_its_debit(self, late_hours: int) -> None:
        assert self.plan is not None
        sent_at = self.plan.ready_notice_at + timedelta(hours=late_hours)
        moved = cycle_plan.replan_debit(self.plan, sent_at, POLICY)
        assert moved.debit_on >= POLICY.earliest_debit(local_date(sent_at, ZONE), self.kind)
        assert moved.debit_on >= self.plan.debit_on
        assert (moved.closes_at, moved.next_closes_at) == (self.plan.closes_at, self.plan.next_closes_at)

    # The bank -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.owed > 0)
    @rule(surplus=st.integers(0, 500))
    def a_debit_succeeds(self, surplus: int) -> None:
        self._receive(self.owed + surplus)

    @precondition(lambda self: self.owed > 0)
    @rule(amount=amounts)
    def the_customer_pays_by_link(self, amount: int) -> None:
        """Any amount: a part, all, or more."""
        self._receive(amount)

    def _receive(self, amount: int) -> None:
        shares = ledger.spread(amount, self.open_parts)
        assert sum(shares.values()) == min(amount, self.owed)
        entry = ledger.payment_received(ACCOUNT, "stripe", self.name("pi"), self.now, amount, EUR, shares)
        self.entries.append(entry)
        self.receipts.append(entry)
        self.paid_in += amount

    @precondition(lambda self: self.owed > 0)
    @rule(category=categories, code=st.sampled_from(["", "AM04", "MS03", "MD01", "51", "04"]))
    def a_debit_fails(self, category: FailureCategory, code: str) -> None:
        self.failed = (category, code)
        self.tries.append(self.now)
        if self.case is None:
            self.case = Case(self.now)

    @precondition(lambda self: any(one.reference not in self.reversed for one in self.receipts))
    @rule(data=st.data())
    def the_bank_takes_a_payment_back(self, data: st.DataObject) -> None:
        receipt = data.draw(st.sampled_from([one for one in self.receipts if one.reference not in self.reversed]))
        kind = ledger.EntryKind.PAYMENT_REVERSED
        back = ledger.reversed_entry(receipt, kind, self.name("du"), self.now, "fraudulent")
        self.entries.append(back)
        self.reversed[receipt.reference] = back
        self.taken_back += receipt.postings[0].amount_minor

    @precondition(lambda self: bool(self.reversed))
    @rule(data=st.data())
    def a_dispute_is_won(self, data: st.DataObject) -> None:
        """Its money pays what is still open of what it reopened; the rest of it is the customer's credit."""
        reference = data.draw(st.sampled_from(sorted(self.reversed)))
        back = self.reversed.pop(reference)
        returned, owed, credit = -back.postings[0].amount_minor, self.owed, self.credit
        reopened = ledger.reopened_by(back)
        opened = {name: self.open_of(name) for name in reopened}
        self.entries.append(ledger.money_returned(back, self.name("won"), self.now, opened, "won"))
        still_owed = sum(min(minor, opened[name]) for name, minor in reopened.items())
        assert (self.owed, self.credit) == (owed - still_owed, credit + returned - still_owed)
        self.taken_back -= returned

    @precondition(lambda self: self.credit > 0)
    @rule(data=st.data())
    def credit_is_paid_out(self, data: st.DataObject) -> None:
        amount = data.draw(st.integers(1, self.credit))
        self.entries.append(ledger.refund_paid(ACCOUNT, "stripe", self.name("re"), self.now, amount, EUR, "asked for"))
        self.given_back += amount

    # The operator -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.owed > 0)
    @rule(data=st.data())
    def an_invoice_is_credited(self, data: st.DataObject) -> None:
        invoice_id, is_open = data.draw(st.sampled_from([one for one in self.open_parts if one[1] > 0]))
        net = data.draw(st.integers(1, is_open))
        note = ledger.credit_note_issued(ACCOUNT, self.name("cn"), invoice_id, self.now, net, 0, EUR, "kindness")
        self.entries.append(note)

    @precondition(lambda self: self.owed > 0)
    @rule()
    def what_is_open_is_written_off(self) -> None:
        shares = {name: amount for name, amount in self.open_parts if amount > 0}
        self.entries.append(ledger.written_off(ACCOUNT, self.name("wo"), self.now, shares, EUR, "hopeless"))

    @rule(paused=st.booleans())
    def collection_is_paused_or_resumed(self, paused: bool) -> None:
        self.paused = paused

    @rule(days=st.integers(0, 10))
    def an_exemption_is_given(self, days: int) -> None:
        self.hold_until = self.now + timedelta(days=days) if days else None

    @rule(days=st.integers(0, 14))
    def the_customer_promises(self, days: int) -> None:
        self.promise_until = self.now + timedelta(days=days) if days else None

    @rule(part=st.integers(0, 20_000))
    def a_part_is_disputed(self, part: int) -> None:
        self.disputed = part

    # Dunning ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.case is not None and self.case.warned_at is not None)
    @rule(arrives=st.booleans())
    def the_warning_arrives_or_bounces(self, arrives: bool) -> None:
        assert self.case is not None
        if self.case.delivered_at is None:
            self.case.delivered_at = self.now if arrives else None
            self.case.bounced = not arrives

    @precondition(lambda self: self.case is not None)
    @rule()
    def dunning_does_what_is_due(self) -> None:
        for _ in range(MOST_STEPS):
            decision = dunning_policy.decide(STANDARD, self.facts(), self.now)
            if not self._carried_out(decision):
                return
        raise AssertionError(f"dunning does not come to rest: {self.case}")

    @precondition(lambda self: self.case is not None and self.owed > 0)
    @rule(weeks=st.integers(1, 6), hours=st.integers(3, 40))
    def nobody_does_anything_for_weeks(self, weeks: int, hours: int) -> None:
        """The ladder is walked as it is for most who do not pay: every message arrives, nothing is agreed on."""
        self.paused, self.hold_until, self.promise_until, self.disputed = False, None, None, 0
        ends_at = self.now + timedelta(weeks=weeks)
        while self.case is not None and self.now < ends_at:
            self.dunning_does_what_is_due()
            if self.case is not None and self.case.warned_at is not None and self.case.delivered_at is None:
                self.case.delivered_at = self.now
            self.now += timedelta(hours=hours)

    def facts(self) -> CaseFacts:
        assert self.case is not None
        category, code = self.failed or (None, "")
        return CaseFacts(
            opened_at=self.case.opened_at,
            currency=EUR,
            open_amount_minor=self.owed,
            disputed_amount_minor=self.disputed,
            zone=ZONE,
            country="NL",
            steps_done=self.case.steps_done,
            last_failure_category=category,
            last_failure_code=code,
            scheme=Scheme.SEPA if self.kind is MethodKind.SEPA_DEBIT else Scheme.VISA,
            attempt_times=tuple(self.tries),
            warned_at=self.case.warned_at,
            warning_delivered_at=self.case.delivered_at,
            warning_failed=self.case.bounced,
            promise_until=self.promise_until,
            hold_until=self.hold_until,
            paused=self.paused,
            barring_level=self.case.level,
            barred_at=self.case.barred_at,
        )

    def _carried_out(self, decision: Decision) -> bool:
        """Do it; False when the case rests."""
        assert self.case is not None
        case = self.case
        assert decision.reason
        if isinstance(decision, Close):
            assert self.owed <= 0
            self.case = None
            return False
        assert self.owed > 0
        if isinstance(decision, Wait):
            assert decision.until is None or decision.until > self.now
            return False
        assert not self.paused
        assert self.hold_until is None or self.hold_until <= self.now
        assert decision.step not in case.steps_done
        if isinstance(decision, Bar):
            self._bar(case, decision)
        if isinstance(decision, Warn):
            case.warned_at, case.delivered_at, case.bounced = self.now, None, False
            assert decision.bar_on - self.today >= timedelta(days=STANDARD.minimum_days_after_warning)
        if isinstance(decision, Retry):
            self._try_again()
        case.steps_done += (decision.step,) if decision.step else ()
        return True

    @property
    def today(self) -> object:
        return local_date(self.now, ZONE)

    def _bar(self, case: Case, decision: Bar) -> None:
        local = self.now.astimezone(ZoneInfo(ZONE))
        pursued = self.owed - self.disputed if not self._is_promised else 0
        assert case.delivered_at is not None
        assert local.date() - local_date(case.delivered_at, ZONE) >= timedelta(STANDARD.minimum_days_after_warning)
        assert pursued >= STANDARD.bar_threshold_minor
        assert local.weekday() < 5
        assert 9 <= local.hour < 17
        assert decision.level.rank > case.level.rank
        if case.barred_at is not None:
            since = local.date() - local_date(case.barred_at, ZONE)
            assert since >= timedelta(days=STANDARD.minimum_days_between_bars)
        case.level, case.barred_at = decision.level, self.now

    @property
    def _is_promised(self) -> bool:
        return self.promise_until is not None and self.now < self.promise_until

    def _try_again(self) -> None:
        category, code = self.failed or (None, "")
        assert category in (FailureCategory.FUNDS, FailureCategory.TECHNICAL)
        assert code not in ("MD01",) or self.kind is not MethodKind.SEPA_DEBIT
        assert len([one for one in self.tries if one > self.now - timedelta(days=30)]) < 20 or (
            self.kind is MethodKind.SEPA_DEBIT
        )
        self.tries.append(self.now)

    # What always holds --------------------------------------------------------------------------------------

    @invariant()
    def every_entry_and_all_of_them_sum_to_zero(self) -> None:
        for entry in getattr(self, "entries", []):
            assert sum(one.amount_minor for one in entry.postings) == 0

    @invariant()
    def nothing_is_open_beyond_its_total_or_below_zero(self) -> None:
        for invoice_id, total in getattr(self, "total", {}).items():
            assert 0 <= self.open_of(invoice_id) <= max(total, 0), invoice_id

    @invariant()
    def cash_is_what_came_less_what_went(self) -> None:
        if getattr(self, "entries", None):
            cash = self.paid_in - self.given_back - self.taken_back
            assert self.sum_of(LedgerAccount.CASH) == cash

    @invariant()
    def what_was_billed_is_open_paid_credited_or_given_up(self) -> None:
        if getattr(self, "entries", None):
            billed = -self.sum_of(LedgerAccount.REVENUE) - self.sum_of(LedgerAccount.VAT)
            given_up = self.sum_of(LedgerAccount.WRITE_OFF)
            assert billed == self.owed + self.sum_of(LedgerAccount.CASH) - self.credit + given_up

    @invariant()
    def a_verdict_about_a_retry_keeps_to_the_schemes_budgets(self) -> None:
        if getattr(self, "tries", None) and self.failed is not None:
            verdict = retry.may_retry(self.failed[0], Scheme.VISA, self.tries, self.now, self.failed[1])
            recent = [one for one in self.tries if one > self.now - timedelta(days=30)]
            assert not (verdict.allowed and len(recent) >= 20)
            assert verdict.not_before is None or verdict.not_before > self.now
