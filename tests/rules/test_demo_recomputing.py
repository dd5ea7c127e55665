"""The second computation of the demonstration's bills, against amounts a clerk worked out by hand."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evenflow.demo.catalogue import PLANS
from evenflow.demo.recomputing import Bills, Record, Sums, fee_of, records_in, sums_of, usage_lines
from evenflow.traffic import Flaws, Line, TrafficRequest, write_day

AT = datetime(2027, 1, 5, 12, tzinfo=UTC)
LINE = "31612345678"
BASIS, PLUS = PLANS["vonk"][0], PLANS["vonk"][1]
JANUARY = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
FEBRUARY = (JANUARY[1], datetime(2027, 3, 1, tzinfo=UTC))


def call(seconds: int, to: str = "31201234567", at: datetime = AT) -> Record:
    return Record(LINE, "voice", seconds, at, to)


def amounts(plan: dict[str, Any], *records: Record) -> list[str]:
    return [str(amount) for amount in usage_lines(plan, records).values()]


@pytest.mark.parametrize(
    ("plan", "records", "expected"),
    [
        (BASIS, [call(61)], ["0.00"]),  # two minutes of a hundred included
        (BASIS, [call(6001)], ["0.12"]),  # 101 minutes: one beyond
        (BASIS, [call(60, "3225551234")], ["0.19"]),
        (BASIS, [call(60, "12125551234"), call(0, "12125551234")], ["0.95"]),  # 0.75 and 0.20; the other was busy
        (BASIS, [call(5940), call(120, "319001234567")], ["0.00", "0.60"]),  # home is drawn first, one minute is left
        (PLUS, [call(18_001)], ["0.01"]),  # 30/6: 18,006 seconds, six beyond at 0.10 a minute
        (BASIS, [Record(LINE, "sms", 1, AT + timedelta(seconds=n), "31612345679") for n in range(52)], ["0.18"]),
        (PLUS, [Record(LINE, "sms", 1, AT + timedelta(seconds=n), "31612345679") for n in range(102)], ["8.10"]),
        (BASIS, [Record(LINE, "data", 1_000_000_001, AT, "")], ["3.00"]),
        (PLUS, [Record(LINE, "data", 5_000_000_001, AT, "")], ["1.00"]),
    ],
)
def test_usage_is_charged_as_by_hand(plan: dict[str, Any], records: list[Record], expected: list[str]) -> None:
    assert amounts(plan, *records) == expected


def test_discounts_come_off_before_vat_and_never_below_zero() -> None:
    percent, fixed = {"percent": "5"}, {"amount": "2.50"}
    assert sums_of(Decimal("9.50"), [percent], Decimal(21)) == Sums(Decimal("9.02"), Decimal("1.89"), Decimal("10.91"))
    assert sums_of(Decimal("1.00"), [fixed], Decimal(21)).total == 0
    assert sums_of(Decimal("10.10"), [fixed, percent], Decimal(0)).net == Decimal("7.22")


def test_late_usage_meets_the_allowance_of_its_own_cycle() -> None:
    bills = Bills({LINE: BASIS})
    assert bills.bill(JANUARY, [call(5940)], {}) == fee_of(BASIS)
    late = {JANUARY: [call(120, at=AT + timedelta(hours=1))]}
    assert bills.bill(FEBRUARY, [call(60, at=FEBRUARY[0])], late) == fee_of(BASIS) + Decimal("0.12")


@pytest.mark.parametrize(
    "change",
    [
        {"line_discounts": [{}]},
        {"zones": [{}]},
        {"prices": [{**BASIS["prices"][1], "minimum": "1"}]},
        {"allowances": [{**BASIS["allowances"][1], "shared": True}]},
    ],
)
def test_an_option_that_is_not_known_here_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError):
        usage_lines({**deepcopy(BASIS), **change}, [])


def test_files_are_read_record_by_record_without_what_is_wrong_in_them(tmp_path: Path) -> None:
    request = TrafficRequest([Line(f"+{LINE}")], 7, "Europe/Amsterdam", "NL", 20.0, Flaws(late_record=False))
    files = write_day(tmp_path, request, AT.date())
    records = records_in(tmp_path, "Europe/Amsterdam", "NL")
    assert len({file.profile for file in files}) == 3
    assert len([each for each in records if each.identifier == LINE]) == sum(file.clean for file in files)
    assert all(each.destination.isdigit() or not each.destination for each in records)
