"""VAT of what is given up: taken back by the country's rule, owed again when money comes in after all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from billing.domain.ledger import LedgerAccount, payment_received
from billing.messages.arrangements import RestoreDebt, WriteOffDebt
from billing.persistence.invariant_queries import VAT_OF_BAD_DEBTS_TOO_HIGH
from billing.persistence.invariants import broken_rules
from billing.services.bad_debt_vat import BadDebtVat
from billing.services.write_offs import recover_written_off, restore_debt, write_off_debt
from tests.builders_invoicing import Office, an_office

WHO = ("sanne", "moved away")


async def an_office_by(database_url: str, rule: str) -> AsyncIterator[Office]:
    relief = {"rule": rule} if rule else {}
    async with an_office(database_url, bad_debt_relief=relief) as built:
        yield built
        assert await broken_rules(built.engine) == []


@pytest.fixture
async def belgian(database_url: str) -> AsyncIterator[Office]:
    async for office in an_office_by(database_url, "be"):
        yield office


@pytest.fixture
async def dutch(database_url: str) -> AsyncIterator[Office]:
    async for office in an_office_by(database_url, "nl"):
        yield office


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[Office]:
    async for office in an_office_by(database_url, ""):
        yield office


async def a_debt(office: Office) -> tuple[str, str]:
    """An invoice of 20.00 net and 4.20 VAT; account and invoice."""
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    return account.account_id, issued.invoice_id


async def give_up(office: Office, account_id: str, invoice_id: str) -> None:
    async with office.work() as work:
        account = await work.accounts.lock(account_id)
        await write_off_debt(work, account, WriteOffDebt("off-1", *WHO, (invoice_id,)), office.clock.at)
        await work.commit()


async def money_comes(office: Office, account_id: str, invoice_id: str, minor: int) -> None:
    async with office.work() as work:
        await work.accounts.lock(account_id)
        await recover_written_off(work, account_id, {invoice_id: minor}, minor, f"pi_{minor}", office.clock.at)
        paid = payment_received(account_id, "stripe", f"pi_{minor}", office.clock.at, minor, "EUR", {invoice_id: minor})
        await work.ledger.post(paid)
        await work.commit()


async def balances(office: Office, account_id: str) -> tuple[int, int]:
    """VAT owed to the state (negative) and the loss."""
    async with office.work() as work:
        postings = [each for one in await work.ledger.entries(account_id) for each in one.postings]
    vat, loss = (
        sum(one.amount_minor for one in postings if one.ledger_account is account)
        for account in (LedgerAccount.VAT, LedgerAccount.WRITE_OFF)
    )
    return vat, loss


async def test_without_a_rule_the_loss_is_gross(plain: Office) -> None:
    account_id, invoice_id = await a_debt(plain)
    await give_up(plain, account_id, invoice_id)
    assert await BadDebtVat(plain.work, plain.clock).look_after() == 0
    assert await balances(plain, account_id) == (-420, 2420)


async def test_what_is_given_up_is_a_net_loss_and_its_vat_is_taken_back(belgian: Office) -> None:
    account_id, invoice_id = await a_debt(belgian)
    await give_up(belgian, account_id, invoice_id)
    assert await balances(belgian, account_id) == (0, 2000)
    async with belgian.work() as work:
        (entry,) = [one for one in await work.timeline.of(account_id) if one.kind == "vat_of_bad_debt"]
    assert "4.20 EUR taken back" in entry.summary
    assert "article 77" in entry.reason["source"]


async def test_money_that_comes_after_all_owes_its_vat_again_to_the_cent(belgian: Office) -> None:
    account_id, invoice_id = await a_debt(belgian)
    await give_up(belgian, account_id, invoice_id)
    for number, (minor, left) in enumerate([(1000, (-174, 1174)), (1001, (-347, 346)), (419, (-420, 0))]):
        await money_comes(belgian, account_id, invoice_id, minor)
        assert await balances(belgian, account_id) == left, number


async def test_a_restored_debt_owes_its_vat_again(belgian: Office) -> None:
    account_id, invoice_id = await a_debt(belgian)
    await give_up(belgian, account_id, invoice_id)
    async with belgian.work() as work:
        account = await work.accounts.lock(account_id)
        await restore_debt(work, account, RestoreDebt("back-1", *WHO, "off-1"), belgian.clock.at)
        await work.commit()
    assert await balances(belgian, account_id) == (-420, 0)


async def test_a_claim_that_is_too_young_waits_and_upkeep_takes_its_vat_back_once(dutch: Office) -> None:
    account_id, invoice_id = await a_debt(dutch)
    await give_up(dutch, account_id, invoice_id)
    assert await balances(dutch, account_id) == (-420, 2420)
    upkeep = BadDebtVat(dutch.work, dutch.clock)
    assert await upkeep.look_after() == 0
    dutch.clock.at += timedelta(days=400)
    assert [await upkeep.look_after(), await upkeep.look_after()] == [1, 0]
    assert await BadDebtVat(dutch.work, dutch.clock).look_after() == 0
    assert await balances(dutch, account_id) == (0, 2000)


async def test_vat_taken_back_for_money_that_came_is_found(belgian: Office) -> None:
    account_id, invoice_id = await a_debt(belgian)
    await give_up(belgian, account_id, invoice_id)
    async with belgian.engine.connect() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(
            text("DELETE FROM ledger_postings WHERE ledger_account = 'receivable' AND amount_minor < 0")
        )
        rows = (await connection.execute(text(VAT_OF_BAD_DEBTS_TOO_HIGH))).all()
        await connection.rollback()
    assert ["420 VAT is taken back, and 0" in row.what for row in rows] == [True]
