"""What may go into a file to the bank, and when: identifiers, characters, mandates, cut-offs, and the cycle's dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.bank_dates import CutOff
from billing.domain.bank_debit import Candidate, end_to_end_id_of, months_between, problem_of
from billing.domain.bank_identifiers import read_bic, read_creditor_id, read_iban
from billing.domain.banking_days import TARGET, add_banking_days, is_banking_day, subtract_banking_days
from billing.domain.cycle_calendar import CycleDay, cycle_at, local_date
from billing.domain.cycle_dates import MethodKind
from billing.domain.cycle_plan import plan_cycle, plan_retry
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.epc_text import EPC_CHARACTERS, epc_text, is_identification
from billing.domain.errors import InvalidValue

DAYS = st.dates(date(2025, 1, 1), date(2040, 12, 31))
INSTANTS = DAYS.flatmap(
    lambda day: st.integers(0, 86_399).map(
        lambda second: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    )
)
AMSTERDAM = "Europe/Amsterdam"
# The first look at a year loads its holidays.
WITH_CALENDARS = settings(deadline=None)
A_CANDIDATE = Candidate(
    amount_minor=4210,
    currency="EUR",
    end_to_end_id="inv-1-1",
    mandate_reference="VONK-1",
    signed_on=date(2027, 1, 4),
    last_used_on=date(2027, 1, 4),
    holder_name="Sanne de Vries",
    due_on=date(2027, 3, 22),
    scheme="CORE",
    one_off=False,
    used_before=False,
)


@pytest.mark.parametrize("written", ["NL20INGB0001234567", "nl20 ingb 0001 2345 67", " NL20INGB0001234567 "])
def test_an_iban_is_read_as_people_write_it(written: str) -> None:
    read = read_iban(written)
    assert (read.iban, read.country, read.bic, read.last_four) == ("NL20INGB0001234567", "NL", "INGBNL2A", "4567")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("NL21INGB0001234567", "check digits"),
        ("NL20INGB000123456", "length"),
        ("XX20INGB0001234567", "no country"),
        ("SA0380000000608010167519", "no SEPA debit"),
        ("", "form"),
    ],
)
def test_what_is_no_iban_of_sepa_is_refused_without_repeating_it(written: str, why: str) -> None:
    with pytest.raises(InvalidValue, match=why) as refused:
        read_iban(written)
    assert refused.value.remedy
    assert len(refused.value.value) <= 7
    assert written[:12] not in str(refused.value) or not written


@pytest.mark.parametrize(
    "written", ["NL69ZZZ123456780000", "nl69 zzz 12345678 0000", "DE98ZZZ09999999999", "NL69ABC123456780000"]
)
def test_a_creditor_identifier_is_checked_without_its_business_code(written: str) -> None:
    assert read_creditor_id(written) == "".join(written.split()).upper()


@pytest.mark.parametrize("written", ["NL70ZZZ123456780000", "NL69ZZZ123456780001", "NL69", "", "NL69ZZZ1234567800_0"])
def test_a_wrong_creditor_identifier_is_refused(written: str) -> None:
    with pytest.raises(InvalidValue):
        read_creditor_id(written)


def test_a_bic_is_checked_in_form() -> None:
    assert read_bic("rabonl2u") == "RABONL2U"
    with pytest.raises(InvalidValue):
        read_bic("RABO")


@pytest.mark.parametrize(
    ("written", "as_banks_take_it"),
    [
        ("Jöhn Ünger & Söhne", "John Unger + Sohne"),
        ("Σωκράτης", "Sokrates"),
        ("Łukasz Żółć", "Lukasz Zolc"),
        ("a_b@c <d>", "a-b(at)c d"),
        ("  two   words ", "two words"),
    ],
)
def test_other_letters_are_spelt_out(written: str, as_banks_take_it: str) -> None:
    assert epc_text(written, 70) == as_banks_take_it


@given(st.text(max_size=200), st.integers(1, 140))
def test_whatever_is_written_banks_can_take_it(written: str, most: int) -> None:
    taken = epc_text(written, most)
    assert set(taken) <= EPC_CHARACTERS
    assert len(taken) <= most
    assert taken == taken.strip()


@given(st.from_regex(r"acc_[0-9]{1,9}", fullmatch=True), st.text(min_size=1, max_size=80))
def test_every_attempt_has_an_end_to_end_id_that_banks_take(account: str, attempt: str) -> None:
    assert is_identification(end_to_end_id_of(account, attempt))
    assert end_to_end_id_of(account, attempt) == end_to_end_id_of(account, attempt)


def test_an_attempt_id_is_its_end_to_end_id_where_it_fits() -> None:
    assert end_to_end_id_of("acc_1", "inv_1042-1") == "inv-1042-1"
    assert end_to_end_id_of("acc_1", "x" * 36) != end_to_end_id_of("acc_2", "x" * 36)


@pytest.mark.parametrize("text", ["/a", "a/", "a//b", "a_b", "", "ä", "x" * 36, " a"])
def test_what_is_no_identification(text: str) -> None:
    assert not is_identification(text)


def test_a_debit_in_order_has_no_problem() -> None:
    assert problem_of(A_CANDIDATE, 10_000) is None


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"currency": "GBP"}, "currency", "GBP"),
        ({"amount_minor": 0}, "amount_minor", "0"),
        ({"amount_minor": 10_001}, "amount_minor", "10001"),
        ({"mandate_reference": "a_b"}, "mandate_reference", "a_b"),
        ({"signed_on": date(2027, 3, 23)}, "signed_on", "2027-03-23"),
        ({"last_used_on": date(2024, 3, 22)}, "last_used_on", "2024-03-22"),
        ({"one_off": True, "used_before": True}, "one_off", "true"),
        ({"holder_name": "★"}, "holder_name", "★"),
        ({"bank_country": "GB"}, "bic", ""),
        ({"bank_country": "GB", "bic": "WESTGB22"}, "address", ""),
    ],
)
def test_what_no_bank_would_take_is_told_by_field_value_and_remedy(
    changes: dict[str, Any], field: str, value: str
) -> None:
    problem = problem_of(replace(A_CANDIDATE, **changes), 10_000)
    assert problem is not None
    assert (problem.field, problem.value) == (field, value)
    assert problem.remedy.endswith(".")


def test_a_mandate_lives_until_the_day_before_36_months_without_use() -> None:
    assert problem_of(replace(A_CANDIDATE, last_used_on=date(2024, 3, 23)), 10_000) is None
    assert months_between(date(2024, 3, 23), date(2027, 3, 22)) == 35


@WITH_CALENDARS
@given(INSTANTS, st.integers(1, 5), st.integers(1, 23), st.integers(0, 5))
def test_a_file_made_now_is_in_time_for_its_date_and_not_for_an_earlier_one(
    now: datetime, lead: int, hour: int, before: int
) -> None:
    cut_off = CutOff(lead, hour, min(before, hour), AMSTERDAM)
    day = cut_off.earliest(now)
    assert is_banking_day(day, TARGET)
    assert cut_off.of(day) > now
    assert cut_off.of(subtract_banking_days(day, 1, TARGET)) <= now or day == local_date(now, AMSTERDAM)
    latest = cut_off.latest_to_make(now)
    assert cut_off.make_at(add_banking_days(latest, 1, TARGET)) > now


@WITH_CALENDARS
@given(DAYS, INSTANTS, st.integers(1, 5))
def test_the_date_asked_for_is_the_one_told_or_just_after(due_on: date, now: datetime, lead: int) -> None:
    cut_off = CutOff(lead, 14, 2, AMSTERDAM)
    day = cut_off.collect_on(due_on, now)
    if day is None:
        assert cut_off.earliest(now) > due_on + timedelta(days=3) or not is_banking_day(due_on, TARGET)
    else:
        assert due_on <= day <= due_on + timedelta(days=3)
        assert is_banking_day(day, TARGET)
        assert cut_off.of(day) > now


@WITH_CALENDARS
@given(DAYS, st.integers(0, 10))
def test_banking_days_are_subtracted_as_they_are_added(day: date, count: int) -> None:
    later = add_banking_days(day, count, TARGET)
    assert subtract_banking_days(later, count, TARGET) <= later
    if is_banking_day(day, TARGET):
        assert subtract_banking_days(later, count, TARGET) == day


@WITH_CALENDARS
@given(st.integers(1, 31), DAYS, st.integers(1, 4), st.integers(6, 20))
def test_a_debit_by_file_is_handed_in_before_its_file_is_made(
    cycle_day: int, day: date, lead: int, make_hour: int
) -> None:
    policy = CyclePolicy().with_bank_lead(lead, make_hour)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    plan = plan_cycle(cycle_at(CycleDay(cycle_day), AMSTERDAM, noon), policy, AMSTERDAM, MethodKind.SEPA_DEBIT)
    cut_off = CutOff(lead, make_hour, 0, AMSTERDAM)
    assert plan.ready_notice_at < plan.reminder_at < plan.submit_at < cut_off.make_at(plan.debit_on)
    card = plan_cycle(cycle_at(CycleDay(cycle_day), AMSTERDAM, noon), policy, AMSTERDAM, MethodKind.CARD)
    assert (card.submit_at, card.debit_on) == (card.debit_at, plan.debit_on)


@WITH_CALENDARS
@given(INSTANTS, st.integers(1, 4))
def test_a_retry_by_file_leaves_the_bank_its_lead(notice_at: datetime, lead: int) -> None:
    policy = CyclePolicy().with_bank_lead(lead, 12)
    dates = plan_retry(notice_at, policy, AMSTERDAM, MethodKind.SEPA_DEBIT)
    assert local_date(dates.submit_at, AMSTERDAM) > local_date(dates.notice_at, AMSTERDAM)
    assert dates.submit_at < CutOff(lead, 12, 0, AMSTERDAM).make_at(dates.debit_on)
