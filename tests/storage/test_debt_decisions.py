"""Write-off, money that comes in after all, hand-over to an agency with the case's file, and taking back."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

import pytest

from billing.domain.errors import InvalidValue, NotFound
from billing.domain.ledger import LedgerAccount, still_written_off
from billing.messages.arrangements import HandOverCase, RestoreDebt, TakeBackCase, WriteOffDebt
from billing.messages.dunning import CloseCaseRequest, NextAction
from billing.messages.payments import PaymentStatus
from billing.persistence.invariants import broken_rules
from billing.ports.payment_provider import ProviderPayment, Succeeded
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.services.hand_overs import UnableToHandOver, UnableToTakeBack
from billing.services.payment_booking import book
from billing.services.write_offs import UnableToRestoreDebt, UnableToWriteOffDebt, write_off_small_rest
from tests.builders_arrangements import WHO, Arrangements, an_arranged_debt


@pytest.fixture
async def debt(database_url: str) -> AsyncIterator[Arrangements]:
    async with an_arranged_debt(database_url) as made:
        yield made


async def open_minor(debt: Arrangements, invoice: str) -> int:
    async with debt.world.work() as work:
        return await work.ledger.open_of(debt.account_id, invoice)


async def sum_of(debt: Arrangements, account: LedgerAccount) -> int:
    async with debt.world.work() as work:
        entries = await work.ledger.entries(debt.account_id)
    return sum(one.amount_minor for entry in entries for one in entry.postings if one.ledger_account is account)


async def a_pay_page(debt: Arrangements, invoice: str, minor: int) -> Attempt:
    """A page that is open: money may still come for it."""
    attempt = Attempt(
        account_id=debt.account_id,
        attempt_id=f"{invoice}-9",
        purpose=AttemptPurpose.PAY_SESSION,
        provider="stripe",
        expected_minor=minor,
        currency="EUR",
        status=PaymentStatus.PENDING,
        created_at=debt.world.clock.at,
    )
    async with debt.world.work() as work:
        await work.payments.add_attempt(attempt, [Allocation(debt.account_id, attempt.attempt_id, invoice, minor)])
        await work.commit()
    return attempt


async def money_comes(debt: Arrangements, attempt: Attempt, minor: int) -> None:
    payment = ProviderPayment(Succeeded(minor, "EUR"), "pi_9")
    async with debt.world.work() as work:
        await book(work, attempt, payment, debt.world.clock.at, 5)
        await work.commit()


# Write-off ----------------------------------------------------------------------------------------------------------


async def test_a_write_off_gives_up_what_is_open_and_closes_the_case(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    for _ in range(2):
        done = await debt.decide(WriteOffDebt("off-1", *WHO, (invoice,)))
    assert (done.amount_minor, done.invoice_ids) == (4210, (invoice,))
    assert await open_minor(debt, invoice) == 0
    assert await sum_of(debt, LedgerAccount.WRITE_OFF) == 4210
    assert (await debt.world.decide(case)).action is NextAction.CLOSE
    (entry,) = await debt.world.timeline("write_off")
    assert (entry.actor, entry.reason["reason"]) == WHO


async def test_without_invoices_the_newest_case_is_written_off_and_nothing_twice(debt: Arrangements) -> None:
    _, invoice = await debt.a_case()
    assert (await debt.decide(WriteOffDebt("off-1", *WHO))).invoice_ids == (invoice,)
    with pytest.raises(UnableToWriteOffDebt):
        await debt.decide(WriteOffDebt("off-2", *WHO))
    with pytest.raises(NotFound):
        await debt.decide(WriteOffDebt("off-3", *WHO, ("inv_999999",)))
    with pytest.raises(InvalidValue) as silent:
        await debt.decide(WriteOffDebt("off-4", "Robin", " ", (invoice,)))
    assert silent.value.field == "reason"


@pytest.mark.parametrize(("came_minor", "left_minor", "credit_minor"), [(4210, 0, 0), (1000, 3210, 0), (5000, 0, 790)])
async def test_money_that_comes_after_all_reverses_as_much_of_the_write_off(
    debt: Arrangements, came_minor: int, left_minor: int, credit_minor: int
) -> None:
    _, invoice = await debt.a_case()
    page = await a_pay_page(debt, invoice, 4210)
    await debt.decide(WriteOffDebt("off-1", *WHO, (invoice,)))
    await money_comes(debt, page, came_minor)
    assert await open_minor(debt, invoice) == 0
    assert await sum_of(debt, LedgerAccount.WRITE_OFF) == left_minor
    assert await sum_of(debt, LedgerAccount.CUSTOMER_CREDIT) == -credit_minor
    (off,) = await debt.service.write_offs(debt.account_id)
    assert (off.amount_minor, off.left_minor) == (4210, left_minor)
    assert len(await debt.world.timeline("write_off_reversed")) == 1


async def test_a_write_off_that_is_taken_back_is_owed_again_once(debt: Arrangements) -> None:
    _, invoice = await debt.a_case()
    await debt.decide(WriteOffDebt("off-1", *WHO, (invoice,)))
    restored = await debt.decide(RestoreDebt("back-1", *WHO, "off-1"))
    assert (restored.invoice_ids, restored.amount_minor) == ((invoice,), 4210)
    assert await open_minor(debt, invoice) == 4210
    async with debt.world.work() as work:
        assert still_written_off(await work.ledger.entries(debt.account_id)) == {}
    with pytest.raises(UnableToRestoreDebt):
        await debt.decide(RestoreDebt("back-2", *WHO, "off-1"))
    with pytest.raises(NotFound) as unknown:
        await debt.decide(RestoreDebt("back-3", *WHO, "off-9"))
    assert unknown.value.field == "write_off_id"


# Hand-over ----------------------------------------------------------------------------------------------------------


async def test_a_case_that_is_handed_over_ends_and_may_be_taken_back(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    given = await debt.decide(HandOverCase("give-1", *WHO, case.case_id, "Incasso Noord"))
    assert (given.amount_minor, given.invoice_ids) == (4210, (invoice,))
    assert (await debt.world.decide(case)).action is NextAction.HAND_OVER
    await debt.world.service.close_case(CloseCaseRequest(debt.account_id, case.case_id, "handed_over"))
    with pytest.raises(UnableToHandOver) as twice:
        await debt.decide(HandOverCase("give-2", *WHO, case.case_id, "Another"))
    assert "Incasso Noord" in twice.value.message
    taken = await debt.decide(TakeBackCase("take-1", *WHO, case.case_id))
    assert taken.invoice_ids == (invoice,)
    (stored,) = await debt.hand_overs.all(debt.account_id)
    assert (stored.taken_back_by, stored.take_back_reason) == WHO
    kinds = [kind for kind in ("case_handed_over", "case_taken_back") if await debt.world.timeline(kind)]
    assert kinds == ["case_handed_over", "case_taken_back"]


async def test_only_what_is_open_is_handed_over_and_only_what_was_is_taken_back(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    with pytest.raises(UnableToTakeBack):
        await debt.decide(TakeBackCase("take-1", *WHO, case.case_id))
    with pytest.raises(InvalidValue) as nobody:
        await debt.decide(HandOverCase("give-1", *WHO, case.case_id, " "))
    assert nobody.value.field == "agency"
    await debt.world.pay(invoice)
    with pytest.raises(UnableToHandOver):
        await debt.decide(HandOverCase("give-2", *WHO, case.case_id, "Incasso Noord"))


async def test_the_file_of_a_case_holds_amounts_documents_and_proof(debt: Arrangements) -> None:
    case, invoice = await debt.a_case()
    await debt.world.pay(invoice, 210)
    await debt.world.disputes.open(debt.account_id, invoice, 1000, "calls I did not make", "Robin")
    await debt.promise(5, 500)
    for days in (3, 7):
        debt.world.clock.pass_days(days)
        await debt.world.carry_out_all(case)
    found = await debt.hand_overs.export(debt.account_id, case.case_id)
    assert (found.open_minor, found.disputed_minor, found.currency) == (4000, 1000, "EUR")
    assert found.debtor["customer_name"] == "Sanne de Vries"
    (document,) = found.invoices
    assert (document["total_minor"], document["paid_minor"]) == (4210, 210)
    assert document["document"] == f"/v1/accounts/{debt.account_id}/invoices/{invoice}/pdf"
    (warning,) = [one for one in found.notices if one["kind"] == "barring_warning"]
    assert (warning["recipient"], warning["status"]) == ("sanne@example.com", "delivered")
    assert {one["kind"] for one in found.agreements} == {"promise", "dispute"}
    assert {"case_opened", "dunning_step", "dispute_opened"} <= {one["kind"] for one in found.story}
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert [one["record"] for one in rows if one["record"] != "notice"] == [
        "debtor",
        "invoice",
        "agreement",
        "agreement",
    ]
    assert next(one for one in rows if one["record"] == "invoice")["open_minor"] == "4000"


async def test_no_cell_of_the_file_is_taken_for_a_formula(debt: Arrangements) -> None:
    case, _ = await debt.a_case()
    async with debt.world.work() as work:
        await work.accounts.change(debt.account_id, {"customer_name": "=cmd()"})
        await work.commit()
    rows = list(csv.DictReader(io.StringIO((await debt.hand_overs.export(debt.account_id, case.case_id)).as_csv())))
    assert rows[0]["description"] == "'=cmd()"


async def test_the_books_balance_after_all_of_it(debt: Arrangements) -> None:
    _, invoice = await debt.a_case()
    page = await a_pay_page(debt, invoice, 4210)
    await debt.decide(WriteOffDebt("off-1", *WHO, (invoice,)))
    await debt.decide(RestoreDebt("back-1", *WHO, "off-1"))
    await money_comes(debt, page, 4210)
    broken = [one for one in await broken_rules(debt.world.engine) if not one.startswith("invoice adds up")]
    assert broken == []


async def test_what_nobody_could_pay_is_given_up_when_the_account_ends(debt: Arrangements) -> None:
    _, invoice = await debt.a_case()
    for paid, left in ((4160, 50), (30, 0)):
        await debt.world.pay(invoice, paid)
        for _ in range(2):
            async with debt.world.work() as work:
                account = await work.accounts.lock(debt.account_id)
                await write_off_small_rest(work, account, debt.world.clock.at)
                await work.commit()
        assert await open_minor(debt, invoice) == left
    assert await sum_of(debt, LedgerAccount.WRITE_OFF) == 20
    assert len(await debt.world.timeline("write_off")) == 1
