"""The whole circle with the simulated bank: a debit is filed, the bank's own files come back, and the books follow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from benchmarks.faults.money import Auditor
from billing.domain.ledger import EntryKind
from billing.ports.suspense import SuspenseFilter
from evenflow.demo.doors import Door
from tests.builders_bank_circle import Circle, a_circle
from tests.builders_bank_files import CREDITOR_IBAN, an_iban
from tests.builders_bank_till import MAKE_AT
from tests.contracts.simulator_process import KEY, Listener

pytest_plugins = ["tests.contracts.simulator_fixtures"]
DEBIT_EVENING = datetime(2027, 3, 22, 20, tzinfo=UTC)


@pytest.fixture
async def circle(database_url: str, tmp_path: Path, listener: Listener) -> AsyncIterator[Circle]:
    async with a_circle(database_url, tmp_path, listener) as found:
        yield found


async def at_the_bank(circle: Circle, code: str) -> str:
    """A debit that the bank has taken, of the account with this behaviour; its attempt."""
    await circle.bank.store(iban=an_iban(code))
    pending = await circle.bank.collect()
    circle.until(MAKE_AT)
    assert (await circle.bank.round.look_after()).count == 1
    return str(pending.attempt_id)


async def test_a_debit_is_accepted_credited_stated_and_booked_once(circle: Circle) -> None:
    attempt_id = await at_the_bank(circle, "99")
    assert await circle.hear("pain002") == []
    assert (await circle.bank.debit(attempt_id)).status == "accepted"
    circle.until(DEBIT_EVENING)
    (paid,) = await circle.hear("camt054")
    assert (paid.status, paid.received_minor, paid.open_minor) == ("succeeded", 4210, 0)
    assert await circle.hear("camt053") == []
    assert await circle.ledger(EntryKind.PAYMENT_RECEIVED) == [4210]
    assert await circle.suspense.items(SuspenseFilter()) == []
    reports = sorted(path.name for path in (circle.bank.root / "taken-in").glob("*.report.txt"))
    assert len(reports) == 3
    assert list((circle.bank.root / "incoming").iterdir()) == []


async def test_a_refused_debit_fails_before_any_money_moved(circle: Circle) -> None:
    attempt_id = await at_the_bank(circle, "11")
    (failed,) = await circle.hear("pain002")
    assert (failed.attempt_id, failed.status, failed.category, failed.code) == (
        attempt_id,
        "failed",
        "method_dead",
        "AC04",
    )
    assert await circle.ledger(EntryKind.PAYMENT_RECEIVED) == []


@pytest.mark.parametrize(
    ("code", "days", "status", "category", "method"),
    [
        ("28", 2, "failed", "funds", "usable"),
        ("30", 20, "disputed", "customer_refused", "usable"),
        ("24", 2, "failed", "mandate_dead", "blocked"),
    ],
)
async def test_scenarios_17_and_18_a_late_return_is_a_failure_and_a_refund_is_a_dispute(
    circle: Circle, code: str, days: int, status: str, category: str, method: str
) -> None:
    await at_the_bank(circle, code)
    assert await circle.hear("pain002") == []  # before its time passes, the bank has taken the file
    circle.until(DEBIT_EVENING)
    await circle.hear("camt054")
    circle.until(DEBIT_EVENING + timedelta(days=days))
    (back,) = await circle.hear("camt054", 2)
    assert (back.status, back.category, len(back.reopened_invoice_ids), back.open_minor) == (status, category, 1, 4210)
    await circle.hear("camt053", 2)
    assert await circle.ledger(EntryKind.PAYMENT_REVERSED) == [-4210]
    async with circle.bank.till.work() as work:
        entries = await work.ledger.entries(await work.suspense.house_account("vonk"))
        (stored,) = await work.payments.methods(circle.bank.till.account_id)
    assert stored.status == method
    assert [str(one.kind) for one in entries] == (["bank_fee"] if code == "28" else [])


async def test_a_stranger_s_transfer_waits_and_one_that_names_its_invoice_pays_it(circle: Circle) -> None:
    invoice_id = await circle.bank.till.an_invoice(1999)
    async with circle.bank.till.work() as work:
        number = (await work.invoices.get(circle.bank.till.account_id, invoice_id)).number
    for amount, text in ((1999, f"payment of {number}"), (777, "who knows")):
        body = {"account": CREDITOR_IBAN, "amount_minor": amount, "text": text}
        circle.simulator.control("POST", "/bank/transfers", body)
    (paid,) = await circle.hear("camt054", 2)
    assert (paid.status, paid.received_minor, paid.settled_invoice_ids) == ("succeeded", 1999, (invoice_id,))
    assert [one.amount_minor for one in await circle.suspense.items(SuspenseFilter())] == [777]


async def test_the_auditor_of_faults_finds_the_bank_s_money_in_the_books_and_a_cent_that_is_not(circle: Circle) -> None:
    attempt_id = await at_the_bank(circle, "28")
    await circle.hear("pain002")
    circle.until(DEBIT_EVENING)
    await circle.hear("camt054")
    circle.simulator.control(
        "POST", "/bank/transfers", {"account": CREDITOR_IBAN, "amount_minor": 777, "text": "who knows"}
    )
    await circle.hear("camt054", 2)
    async with httpx.AsyncClient(base_url=circle.simulator.url) as client:
        auditor = Auditor(circle.bank.till.engine, Door(client), KEY)
        paid = await auditor.money()
        assert (paid.accounts, paid.at_the_bank, paid.troubles) == (0, 2, [])
        circle.until(DEBIT_EVENING + timedelta(days=2))
        await circle.hear("camt054", 3)  # it came back, with a fee
        assert (await auditor.money()).troubles == []
        end_to_end_id = (await circle.bank.debit(attempt_id)).end_to_end_id
        lost = {"account": CREDITOR_IBAN, "amount_minor": 1, "text": "", "end_to_end_id": end_to_end_id}
        circle.simulator.control("POST", "/bank/transfers", lost)
        assert (await auditor.money()).troubles == [
            f"bank account {CREDITOR_IBAN}: the bank has 428 EUR, the books have 427",
            f"payment {end_to_end_id}: the bank has -349 EUR, the books have -350",
        ]
