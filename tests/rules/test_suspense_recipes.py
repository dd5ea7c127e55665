"""The ledger's recipes for money of nobody and for the bank's fees; invoice numbers that a payer may have meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.ledger import (
    Entry,
    EntryKind,
    LedgerAccount,
    bank_fee,
    money_unassigned,
    payment_received,
    suspense_cleared,
)
from billing.domain.remittance import MOST_PARTS, MOST_WORDS, numbers_in, words_in

AT = datetime(2027, 2, 1, 12, tzinfo=UTC)
KINDS = st.sampled_from([EntryKind.MONEY_ASSIGNED, EntryKind.MONEY_SENT_BACK])


def amounts(entry: Entry) -> dict[LedgerAccount, int]:
    return {posting.ledger_account: posting.amount_minor for posting in entry.postings}


def test_money_that_came_and_belongs_to_nobody_is_owed_to_nobody_in_particular() -> None:
    entry = money_unassigned("acc_1", "bank_transfer", "sus_1001", AT, 1999, "EUR", "names nobody")
    assert amounts(entry) == {LedgerAccount.CASH: 1999, LedgerAccount.SUSPENSE: -1999}
    assert (entry.account_id, entry.kind, entry.reason) == ("acc_1", EntryKind.MONEY_UNASSIGNED, "names nobody")


def test_money_that_left_stands_the_other_way() -> None:
    entry = money_unassigned("acc_1", "bank_transfer", "sus_1001", AT, -4210, "EUR", "an unknown return")
    assert amounts(entry) == {LedgerAccount.CASH: -4210, LedgerAccount.SUSPENSE: 4210}


@given(st.integers(-(10**12), 10**12).filter(bool), KINDS)
def test_what_is_cleared_leaves_nothing_in_suspense_nor_in_the_houses_cash(amount: int, kind: EntryKind) -> None:
    taken = money_unassigned("acc_1", "bank_transfer", "sus_1", AT, amount, "EUR", "")
    cleared = suspense_cleared("acc_1", kind, "bank_transfer", "sus_1", AT, amount, "EUR", "")
    assert {account: value + amounts(cleared)[account] for account, value in amounts(taken).items()} == {
        LedgerAccount.CASH: 0,
        LedgerAccount.SUSPENSE: 0,
    }


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_an_assigned_amount_is_the_same_cash_on_another_account(amount: int, share: int) -> None:
    shares = {"inv_1": min(share, amount)}
    received = payment_received("acc_1001", "bank_transfer", "sus_1", AT, amount, "EUR", shares)
    cleared = suspense_cleared(
        "acc_1", EntryKind.MONEY_ASSIGNED, "bank_transfer", "sus_1", AT, amount, "EUR", "receipt"
    )
    assert amounts(received)[LedgerAccount.CASH] == -amounts(cleared)[LedgerAccount.CASH] == amount


def test_the_banks_fee_is_its_own_matter() -> None:
    entry = bank_fee("acc_1", "bank_transfer", "bke_1-1", AT, 350, "EUR", "for a return")
    assert amounts(entry) == {LedgerAccount.BANK_FEES: 350, LedgerAccount.CASH: -350}
    assert entry.kind == EntryKind.BANK_FEE


# Invoice numbers -----------------------------------------------------------------------------------------------

NUMBER = "VONK-20270131-0007"


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        NUMBER.lower(),
        "Rekening VONK 20270131 0007",
        "inv.nr:VONK.20270131/0007!",
        "VONK202701310007",
        "RF18VONK202701310007",
        f"{NUMBER} and more",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert NUMBER in numbers_in("", text)


@pytest.mark.parametrize("text", ["VONK-20270131-00071", "VONK-20270131", "0007", "XVONK-20270131-0007", "rent"])
def test_a_number_that_is_only_like_it_is_another(text: str) -> None:
    assert NUMBER not in numbers_in(text)


def test_numbers_come_in_the_order_of_reading_each_once() -> None:
    found = numbers_in("B-20270101-0001 A-20270101-0002", "A-20270101-0002")
    named = [one for one in found if one in ("A-20270101-0002", "B-20270101-0001")]
    assert named == ["B-20270101-0001", "A-20270101-0002"]
    assert words_in("customer v-1001") == ["CUSTOMER", "V", "1001"]


@given(st.text(max_size=3000))
def test_any_text_gives_a_bounded_number_of_candidates(text: str) -> None:
    found = numbers_in(text)
    assert len(found) <= MOST_WORDS * (MOST_PARTS + 3)
    assert len(found) == len(set(found))
