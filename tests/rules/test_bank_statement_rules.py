"""Whether a statement may be believed, and which entries of a file are known already."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.adapters.bank_statements import read_bank_file
from billing.domain.bank_entry_pairing import EntryKey, key_of, pair
from billing.domain.bank_statement import DeclaredTotals, Statement, StatementEntry
from billing.domain.bank_statement_checks import (
    Doubt,
    DoubtKind,
    StatementPlace,
    doubts_about,
    doubts_about_order,
)
from billing.domain.retry import NEVER_AGAIN_CODES, FailureCategory, Scheme
from billing.domain.sepa_reasons import RETURN_REASONS, TakenBackBy, reason_of
from tests.builders_bank_statements import (
    OUR_IBAN,
    Account,
    Booking,
    Pay,
    camt053,
    camt054,
    incoming,
    returned,
    settlement,
)

TWO = (incoming(1000, "VONK-1"), Booking(minor=-250, code="PMNT/MDOP/FEES"))
LAST = StatementPlace(6, 1, True, 0, 5000)


def statement_of(account: Account) -> Statement:
    return read_bank_file(BytesIO(camt053(account))).statements[0]


def doubts(account: Account) -> list[Doubt]:
    return list(doubts_about(statement_of(account), {OUR_IBAN}))


def test_a_statement_that_adds_up_is_believed() -> None:
    assert doubts(Account(TWO, opening=5000)) == []
    assert doubts(Account((returned(4210, "inv_1-1", "AM04", fee=300), Booking((Pay(5),), status="PDNG")))) == []


def test_a_statement_that_does_not_add_up_shows_by_how_much() -> None:
    doubt = doubts(Account(TWO, opening=5000, closing=5751))[0]
    assert (doubt.kind, doubt.expected_minor, doubt.found_minor) == (DoubtKind.BALANCES, 5750, 5751)
    assert doubt.difference_minor == 1
    assert "0.01 EUR too much" in doubt.message


def test_a_statement_of_another_account_is_doubted_and_named_by_its_last_digits_only() -> None:
    doubt = doubts(Account(TWO, iban="NL91ABNA0417164300"))[0]
    assert (doubt.kind, "4300" in doubt.message, "NL91" in doubt.message) == (DoubtKind.FOREIGN_ACCOUNT, True, False)


@pytest.mark.parametrize(
    ("totals", "what"),
    [
        (DeclaredTotals(count=3), "3 entries, but holds 2"),
        (DeclaredTotals(credit_count=2), "2 credits"),
        (DeclaredTotals(credit_minor=1001), "1001 minor units of credits"),
        (DeclaredTotals(debit_minor=0), "0 minor units of debits"),
    ],
)
def test_a_summary_that_names_other_entries_is_doubted(totals: DeclaredTotals, what: str) -> None:
    statement = replace(statement_of(Account(TWO)), totals=totals)
    found = list(doubts_about(statement, {OUR_IBAN}))
    assert [one.kind for one in found] == [DoubtKind.TOTALS]
    assert what in found[0].message


def test_a_summary_that_agrees_is_read_from_the_file() -> None:
    summary = (
        "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries><TtlCdtNtries><NbOfNtries>1</NbOfNtries>"
        "<Sum>10.00</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>2.50</Sum></TtlDbtNtries></TxsSummry>"
    )
    statement = statement_of(Account(TWO, summary=summary))
    assert statement.totals == DeclaredTotals(2, 1, 1000, 1, 250)
    assert list(doubts_about(statement, {OUR_IBAN})) == []


def test_payments_that_do_not_add_up_to_their_entry_are_doubted() -> None:
    doubt = doubts(Account((Booking((Pay(1000), Pay(500)), minor=1600),)))[0]
    assert (doubt.kind, doubt.difference_minor) == (DoubtKind.DETAILS, -100)


def test_an_entry_in_another_currency_is_doubted() -> None:
    statement = statement_of(Account(TWO))
    other = replace(statement, entries=(replace(statement.entries[0], currency="USD"),))
    assert [one.kind for one in doubts_about(other, {OUR_IBAN})] == [DoubtKind.CURRENCY]


@pytest.mark.parametrize(
    ("sequence", "opening", "last", "kinds"),
    [
        (7, 5000, LAST, []),
        (7, 5000, None, []),
        (8, 5000, LAST, [DoubtKind.SEQUENCE]),
        (8, 5001, LAST, [DoubtKind.SEQUENCE, DoubtKind.CHAIN]),
        (7, 4999, LAST, [DoubtKind.CHAIN]),
        (1, 5000, LAST, []),
        (1, 0, LAST, [DoubtKind.CHAIN]),
        (None, 5000, LAST, []),
        (None, 1, LAST, [DoubtKind.CHAIN]),
        (6, 5000, replace(LAST, is_last_page=False), [DoubtKind.SEQUENCE]),
    ],
)
def test_a_statement_follows_the_one_before(
    sequence: int | None, opening: int, last: StatementPlace | None, kinds: list[DoubtKind]
) -> None:
    statement = statement_of(Account(TWO, opening=opening, sequence=sequence))
    assert [one.kind for one in doubts_about_order(statement, last, None)] == kinds


def test_a_page_follows_the_page_before() -> None:
    statement = replace(statement_of(Account(TWO, opening=5000, sequence=6)), page=2)
    assert list(doubts_about_order(statement, replace(LAST, is_last_page=False), None)) == []
    assert [one.kind for one in doubts_about_order(statement, LAST, None)] == [DoubtKind.SEQUENCE]


def test_a_statement_that_is_sent_again_is_no_gap_unless_its_balances_changed() -> None:
    statement = statement_of(Account(TWO, opening=0, sequence=6))
    same = StatementPlace(6, 1, True, 0, 750)
    assert list(doubts_about_order(statement, LAST, same)) == []
    amended = list(doubts_about_order(statement, LAST, replace(same, closing_minor=740)))
    assert [(one.kind, one.difference_minor) for one in amended] == [(DoubtKind.AMENDED, 10)]


# Pairing -------------------------------------------------------------------------------------------------------


def keys(*bookings: Booking, version: str = "08") -> list[EntryKey]:
    return [key_of(one) for one in read_bank_file(BytesIO(camt054(Account(bookings), version))).statements[0].entries]


def test_the_same_booking_is_known_by_the_banks_reference_with_or_without_its_payments() -> None:
    booking = settlement(4210, "inv_1042-1", "REF1")
    known = keys(booking)
    assert pair(keys(booking.bare()), known) == [0]
    assert pair(keys(booking, version="02"), known) == [0]
    assert pair(keys(replace(booking, reference="REF2")), known) == [None]
    assert pair(keys(replace(booking, day=date(2027, 2, 2))), known) == [None]


def test_without_a_reference_in_both_the_payments_decide() -> None:
    with_reference, without = incoming(1000, "VONK-1", "REF1"), incoming(1000, "VONK - 1")
    assert pair(keys(without), keys(with_reference)) == [0]
    assert pair(keys(incoming(1000, "VONK-2")), keys(with_reference)) == [None]
    assert pair(keys(without.bare()), keys(with_reference)) == [0]


def test_two_equal_bookings_of_one_file_are_two_and_the_same_two_in_the_next() -> None:
    twice = keys(incoming(1000, "VONK-1"), incoming(1000, "VONK-1"))
    assert pair(twice, []) == [None, None]
    assert pair(twice, twice[:1]) == [0, None]
    assert sorted(place for place in pair(twice, twice) if place is not None) == [0, 1]


def test_a_reference_is_matched_before_anything_weaker_takes_its_place() -> None:
    bare, exact = incoming(1000, "VONK-1").bare(), incoming(1000, "VONK-2", "REF2")
    assert pair(keys(bare, exact), keys(exact, incoming(1000, "VONK-1", "REF1"))) == [1, 0]


BOOKINGS = st.builds(
    incoming,
    st.sampled_from([1000, 2000]),
    st.sampled_from(["VONK-1", "VONK-2"]),
    st.sampled_from(["", "REF1", "REF2"]),
)


def taken(files: list[list[StatementEntry]]) -> list[EntryKey]:
    """The keys that are kept of files that come one after the other."""
    kept: list[EntryKey] = []
    for entries in files:
        keys = [key_of(one) for one in entries]
        for key, match in zip(keys, pair(keys, tuple(kept)), strict=True):
            if match is None:
                kept.append(key)
            else:
                kept[match] = kept[match].with_what(key)
    return kept


def shown(key: EntryKey) -> tuple[object, str]:
    """What a booking is, whichever of equal ones it is."""
    return key.basics, key.content


def as_entries(bookings: list[Booking]) -> list[StatementEntry]:
    return list(read_bank_file(BytesIO(camt054(Account(tuple(bookings))))).statements[0].entries)


@settings(max_examples=200, deadline=None)
@given(st.lists(BOOKINGS, max_size=5), st.data())
def test_whatever_notifications_come_before_and_after_a_statement_each_booking_counts_once(
    bookings: list[Booking], data: st.DataObject
) -> None:
    everything = as_entries(bookings)
    some = st.lists(st.sampled_from(range(len(everything))), unique=True) if everything else st.just([])
    notified = [[everything[place] for place in data.draw(some)] for _ in range(2)]
    order = data.draw(st.permutations([*notified, everything, everything]))
    kept = taken(list(order))
    assert Counter(map(shown, kept)) == Counter(shown(key_of(one)) for one in everything)


@given(st.lists(st.builds(settlement, st.sampled_from([1000, 2000]), st.sampled_from(["e1", "e2", "e3"])), max_size=4))
def test_a_statement_without_payments_is_the_notification_before(bookings: list[Booking]) -> None:
    detailed, bare = as_entries(bookings), as_entries([one.bare() for one in bookings])
    assert len(taken([detailed, bare, detailed, bare])) == len(bookings)
    assert len(taken([bare, detailed, bare])) == len(bookings)


# Reason codes --------------------------------------------------------------------------------------------------


def test_what_a_scheme_forbids_to_try_again_is_never_of_a_category_that_is() -> None:
    never = {reason_of(code).category for code in NEVER_AGAIN_CODES[Scheme.SEPA]}
    assert not never & {FailureCategory.FUNDS, FailureCategory.TECHNICAL}


@pytest.mark.parametrize(
    ("code", "category", "by"),
    [
        ("AM04", FailureCategory.FUNDS, TakenBackBy.BANK),
        ("MS03", FailureCategory.TECHNICAL, TakenBackBy.BANK),
        ("AC01", FailureCategory.METHOD_DEAD, TakenBackBy.BANK),
        ("AC04", FailureCategory.METHOD_DEAD, TakenBackBy.BANK),
        ("MD01", FailureCategory.MANDATE_DEAD, TakenBackBy.BANK),
        ("MD06", FailureCategory.CUSTOMER_REFUSED, TakenBackBy.DEBTOR),
        ("MD07", FailureCategory.HARD_STOP, TakenBackBy.BANK),
        ("FF01", FailureCategory.MERCHANT_ERROR, TakenBackBy.US),
        (" md07 ", FailureCategory.HARD_STOP, TakenBackBy.BANK),
        ("ZZ99", FailureCategory.NEEDS_CUSTOMER, TakenBackBy.BANK),
    ],
)
def test_a_reason_code_decides_what_follows(code: str, category: FailureCategory, by: TakenBackBy) -> None:
    assert (reason_of(code).category, reason_of(code).by) == (category, by)
    assert all(one.meaning and key == one.code for key, one in RETURN_REASONS.items())
