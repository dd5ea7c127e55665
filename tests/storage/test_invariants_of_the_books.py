"""Every book invariant holds after ordinary work, and each finds the damage it is there for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from billing.messages.invoicing import AdjustBalanceRequest, WaiveInvoiceRequest
from billing.persistence.invariants import INVARIANTS, broken_rules, check_books
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


@dataclass(frozen=True)
class Books:
    """An account with one billed cycle, and the numbers of its identities."""

    office: Office
    account: int
    service: int
    invoice: int

    async def damage(self, *statements: str) -> list[str]:
        """Carry out statements past all triggers, then answer the names of the rules found broken."""
        async with self.office.engine.begin() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                filled = statement.format(account=self.account, service=self.service, invoice=self.invoice)
                await connection.execute(text(filled))
        findings = await check_books(self.office.engine)
        return [finding.invariant.name for finding in findings if finding.violations]


@pytest.fixture
async def billed(office: Office) -> Books:
    account, line = await office.open_account()
    issued = await office.issue(account.account_id)
    assert await broken_rules(office.engine) == []
    numbers = [int(each.rpartition("_")[2]) for each in (account.account_id, line, issued.invoice_id)]
    return Books(office, *numbers)


async def test_the_books_are_in_order_after_ordinary_work(office: Office) -> None:
    account, _ = await office.open_account()
    await office.service.adjust_balance(AdjustBalanceRequest(account.account_id, -5000, "Gift", "why", "sanne", "c1"))
    await office.issue(account.account_id)
    second = await office.issue(account.account_id, 2)
    third = await office.issue(account.account_id, 3)
    await office.issue(account.account_id, 4)
    await office.service.write_off(account.account_id, [third.invoice_id, second.invoice_id], "gone", "sanne", "c2")
    fifth = await office.issue(account.account_id, 5)
    await office.service.waive_invoice(WaiveInvoiceRequest(account.account_id, fifth.invoice_id, "why", "sanne", "c3"))
    assert await broken_rules(office.engine) == []


POSTING = "INSERT INTO ledger_postings (account_id, entry_id, position, ledger_account, amount_minor, currency"
ATTEMPT = (
    "INSERT INTO payment_attempts (account_id, attempt_id, purpose, provider, provider_customer, provider_method, "
    "provider_payment, provider_session, session_url, expected_minor, received_minor, currency, status, category, "
    "code, debit_on, created_at, call_number) VALUES ({account}, 'try-1', 'debit', 'stripe', '', '', '', '', '', "
    "2420, 0, 'EUR', 'pending', '', '', '2027-03-02', '2027-03-02', 1)"
)
ALLOCATION = "INSERT INTO payment_allocations VALUES ({account}, 'try-1', {invoice}, 2420, true)"
NOTICE = (
    "INSERT INTO notices (account_id, kind, subject, occasion, channel, status, recipient, locale, amount_minor, "
    "currency, named_on, invoice_ids, hurry, created_at, in_time, accepted_at, delivered_at) VALUES ({{account}}, "
    "'{kind}', '{subject}', '', 'email', 'delivered', 'x', 'nl', 2420, 'EUR', '2027-03-02', '[\"inv_{{invoice}}\"]', "
    "false, '2027-02-16', true, '{at}', '{at}')"
)
READY = NOTICE.format(kind="ready", subject="inv_1", at="2027-02-16")
LATE_READY = NOTICE.format(kind="ready", subject="inv_1", at="2027-03-03")
WARNING = NOTICE.format(kind="barring_warning", subject="case_7", at="2027-03-10")
CASE = (
    "INSERT INTO dunning_cases (account_id, case_id, policy_code, policy_version, opened_at, invoice_ids, steps_done, "
    "failures) OVERRIDING SYSTEM VALUE VALUES ({account}, 7, 'default', 1, '2027-03-03', '[\"inv_{invoice}\"]', "
    "'[]', '[]')"
)
BAR = (
    "INSERT INTO barring_orders (account_id, order_id, level, reason, author, placed_at) "
    "VALUES ({account}, 'order-1', 'outgoing', 'policy', 'dunning', '2027-03-20')"
)
PROMISE = (
    "INSERT INTO promises (account_id, command_id, until, amount_minor, made_at, author) "
    "VALUES ({account}, 'c1', '2027-03-25', 0, '2027-03-15', 'customer')"
)
DISPUTE = (
    "INSERT INTO disputes (account_id, invoice_id, amount_minor, reason, status, opened_at) "
    "VALUES ({account}, {invoice}, 0, 'wrong', 'open', '2027-03-15')"
)
COUNTER = (
    "INSERT INTO usage_counters VALUES ({account}, 2, {service}, 'vonk-basis', 1, 'voice', '', 5, 300, 0, '2027-02-20')"
)


@pytest.mark.parametrize(
    ("rule", "statements"),
    [
        ("ledger balances", [POSTING + ") SELECT account_id, entry_id, 9, 'cash', 1, 'EUR' FROM ledger_entries"]),
        ("invoice adds up", ["UPDATE invoice_lines SET amount_minor = amount_minor + 1"]),
        ("invoice adds up", ["UPDATE invoice_taxes SET vat_minor = vat_minor - 1"]),
        ("open amount is the ledger's", ["DELETE FROM ledger_postings", "DELETE FROM ledger_entries"]),
        ("open amount is the ledger's", ["DELETE FROM open_invoices"]),
        ("open amount is the ledger's", ["UPDATE open_invoices SET open_minor = open_minor + 1"]),
        (
            "open amount is the ledger's",
            [
                POSTING + ", invoice_id) SELECT account_id, entry_id, 8, 'receivable', -2421, 'EUR', {invoice} "
                "FROM ledger_entries",
                POSTING + ") SELECT account_id, entry_id, 9, 'cash', 2421, 'EUR' FROM ledger_entries",
            ],
        ),
        ("cycles join", ["UPDATE cycles SET opens_at = opens_at + interval '1 second' WHERE cycle_number = 2"]),
        ("cycles join", ["UPDATE cycles SET status = 'open', invoice_id = NULL WHERE cycle_number = 1"]),
        ("no debit without its notice", [ATTEMPT, ALLOCATION]),
        ("no debit without its notice", [LATE_READY, ATTEMPT, ALLOCATION]),
        ("no unfair bar", [CASE, BAR]),
        ("no unfair bar", [CASE, WARNING, PROMISE, BAR]),
        ("no unfair bar", [CASE, WARNING, DISPUTE, BAR]),
        ("numbers have no hole", ["UPDATE number_series SET last_number = 2"]),
        ("numbers have no hole", ["DELETE FROM issued_numbers", "UPDATE number_series SET last_number = 0"]),
        (
            "one live attempt",
            [
                "DROP INDEX uq_payment_allocations_live",
                READY,
                ATTEMPT,
                ALLOCATION,
                ALLOCATION.replace("try-1", "try-2"),
            ],
        ),
        ("notices once", ["ALTER TABLE notices DROP CONSTRAINT uq_notices_once", READY, READY]),
        ("counters are the events", [COUNTER]),
    ],
)
async def test_each_rule_finds_the_damage_it_is_there_for(billed: Books, rule: str, statements: list[str]) -> None:
    assert rule in await billed.damage(*statements)


@pytest.mark.parametrize("statements", [[READY, ATTEMPT, ALLOCATION], [CASE, WARNING, BAR]])
async def test_a_debit_with_its_notice_and_a_bar_with_its_warning_are_in_order(
    billed: Books, statements: list[str]
) -> None:
    assert await billed.damage(*statements) == []


def test_every_rule_has_a_name_of_its_own_and_says_what_to_do() -> None:
    assert len({rule.name for rule in INVARIANTS}) == len(INVARIANTS)
    for rule in INVARIANTS:
        assert all(re.fullmatch(r"[A-Z].+\.", said) for said in (rule.holds, rule.means, rule.remedy)), rule.name
