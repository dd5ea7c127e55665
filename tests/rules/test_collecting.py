"""What becomes of an announced amount: what a debit left open, late news of an old chargeback, a promise before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from billing.messages.account import CollectionStage, InboxItem, OpenCollection
from billing.messages.payments import PaymentResult, PaymentStatus
from tests.rules.test_pursuit import NotedPursuit
from workflows._collecting import Collector
from workflows._desk import Desk
from workflows._inbox import ONLY_OUTCOME, Inbox
from workflows._promised import wait_for_promise

NOW = datetime(2027, 6, 8, 8, tzinfo=UTC)
SUBMIT_AT, DEBIT_AT = NOW + timedelta(days=4), NOW + timedelta(days=5)
COLLECTION = OpenCollection(
    "inv_2",
    ("inv_1", "inv_2"),
    4210,
    "EUR",
    CollectionStage.SUBMITTED,
    debit_on=date(2027, 6, 13),
    submit_at=SUBMIT_AT,
    debit_at=DEBIT_AT,
    wake_at=SUBMIT_AT,
    attempt_id="inv_2-1",
)


class QuietDesk(Desk):
    """A desk outside of a process: its clock stands, and it shows nothing."""

    def __init__(self, *collections: OpenCollection) -> None:
        self.account_id = "acc_1"
        self.collections = list(collections)
        self.inbox = Inbox((), (), ())
        self.succeeded = set()
        self.dunning_running = False
        self.handed_over_case = ""

    def now(self) -> datetime:
        return NOW

    def show(self, *, failure_code: str | None = None) -> None:
        """Nobody looks."""


def a_collector(desk: Desk) -> tuple[Collector, NotedPursuit]:
    collector = Collector(desk)
    pursuit = NotedPursuit(desk)
    collector.pursuit = pursuit
    return collector, pursuit


def a_result(status: PaymentStatus, **values: Any) -> PaymentResult:
    return PaymentResult(**{"attempt_id": "inv_2-1", "status": status, "currency": "EUR"} | values)


@pytest.fixture
def in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporalio.workflow.patched", lambda _: True)


@pytest.mark.parametrize(
    ("status", "settled"),
    [(PaymentStatus.SUCCEEDED, ("inv_2",)), (PaymentStatus.NOTHING_TO_COLLECT, ("inv_2",))],
)
async def test_what_a_debit_left_open_is_handed_to_dunning(status: PaymentStatus, settled: tuple[str, ...]) -> None:
    """It was disputed, say, or the debit brought less: whoever looks for it later finds who presses for it."""
    desk = QuietDesk(COLLECTION)
    collector, pursuit = a_collector(desk)
    await collector.apply(a_result(status, settled_invoice_ids=settled, owed_invoice_ids=("inv_1", "inv_9")))
    (left,) = desk.collections
    assert (left.stage, left.invoice_ids, left.wake_at) == (CollectionStage.OVERDUE, ("inv_1",), None)
    assert pursuit.did[0] == "start"


@pytest.mark.parametrize("status", [PaymentStatus.SUCCEEDED, PaymentStatus.NOTHING_TO_COLLECT])
async def test_what_is_paid_or_too_little_to_be_paid_is_done_with(status: PaymentStatus) -> None:
    desk = QuietDesk(COLLECTION)
    collector, pursuit = a_collector(desk)
    await collector.apply(a_result(status, settled_invoice_ids=("inv_1",), owed_invoice_ids=("inv_9",)))
    assert ([one.stage for one in desk.collections], "start" in pursuit.did) == ([CollectionStage.SETTLED], False)


@pytest.mark.parametrize("stage", [CollectionStage.REMINDED, CollectionStage.SUBMITTED, CollectionStage.RETRY_WANTED])
@pytest.mark.usefixtures("in_a_new_process")
async def test_late_news_of_an_old_chargeback_leaves_a_debit_under_way_alone(stage: CollectionStage) -> None:
    retry = replace(COLLECTION, stage=stage, attempt_id="inv_2-2", is_retry=True)
    desk = QuietDesk(retry)
    collector, pursuit = a_collector(desk)
    await collector.apply(a_result(PaymentStatus.FAILED, reopened_invoice_ids=("inv_2",), amount_minor=4210))
    assert (desk.collections, pursuit.did) == ([retry], [])


@pytest.mark.usefixtures("in_a_new_process")
async def test_a_chargeback_of_what_was_paid_opens_it_again() -> None:
    desk = QuietDesk(replace(COLLECTION, stage=CollectionStage.SETTLED))
    collector, pursuit = a_collector(desk)
    await collector.apply(a_result(PaymentStatus.FAILED, reopened_invoice_ids=("inv_2",), amount_minor=4210))
    assert [(one.stage, one.invoice_ids) for one in desk.collections] == [(CollectionStage.OVERDUE, ("inv_2",))]
    assert pursuit.did == ["start"]


@pytest.mark.usefixtures("in_a_new_process")
def test_news_of_a_refund_or_dispute_outlives_the_answer_to_the_debit() -> None:
    inbox = Inbox((), (), ())
    for number, detail in enumerate((ONLY_OUTCOME, ""), 1):
        inbox.put(InboxItem("payment_outcome_received", f"evt_{number}", "inv_2-1", detail))
    inbox.put(InboxItem("payment_outcome_received", "evt_3", "inv_1-1", ONLY_OUTCOME))
    inbox.drop_outcome_hints("inv_2-1")
    assert [one.message_id for one in inbox.facts] == ["evt_2", "evt_3"]


UNTIL = NOW + timedelta(days=12)


@pytest.mark.parametrize("stage", [CollectionStage.ANNOUNCED, CollectionStage.REMINDED, CollectionStage.RETRY_WANTED])
def test_a_debit_announced_for_before_the_promised_day_waits(stage: CollectionStage) -> None:
    desk = QuietDesk(replace(COLLECTION, stage=stage))
    called_off = wait_for_promise(desk, ("inv_1",), UNTIL)
    (held,) = desk.collections
    assert (held.stage, held.submit_at, held.wake_at) == (CollectionStage.RETRY_WANTED, UNTIL, UNTIL)
    assert called_off is (stage is not CollectionStage.RETRY_WANTED)


def test_a_bill_and_a_due_date_wait_for_a_promise_too() -> None:
    bill = replace(COLLECTION, invoice_id="inv_4", invoice_ids=("inv_4",), stage=CollectionStage.ISSUED)
    due = replace(COLLECTION, stage=CollectionStage.ANNOUNCED, debits=False)
    desk = QuietDesk(bill, due)
    assert not wait_for_promise(desk, ("inv_2", "inv_4"), UNTIL)
    stages = {one.invoice_id: (one.stage, one.wake_at) for one in desk.collections}
    assert stages == {"inv_4": (CollectionStage.ISSUED, UNTIL), "inv_2": (CollectionStage.REMINDED, UNTIL)}


@pytest.mark.parametrize(
    ("changes", "promised", "until"),
    [
        ({"stage": CollectionStage.ANNOUNCED}, ("inv_2",), SUBMIT_AT),  # the promise is over before
        ({"stage": CollectionStage.ANNOUNCED}, ("inv_7",), UNTIL),  # of another invoice
        ({"stage": CollectionStage.SUBMITTED}, ("inv_2",), UNTIL),  # the provider has it already
        ({"stage": CollectionStage.OVERDUE}, ("inv_2",), UNTIL),  # dunning knows of the promise
    ],
)
def test_what_a_promise_does_not_hold(changes: dict[str, Any], promised: tuple[str, ...], until: datetime) -> None:
    collection = replace(COLLECTION, **changes)
    desk = QuietDesk(collection)
    assert not wait_for_promise(cast(Desk, desk), promised, until)
    assert desk.collections == [collection]
