"""What a meter counts decides how a customer reads it: minutes for seconds, gigabytes for bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.domain.errors import InvalidValue
from billing.domain.rating import Counter, Counts, MeterDisplay, PlanDefinition, Scale, rate_totals
from billing.services.usage_words import written_usage

DATA, BINARY, TIME = MeterDisplay(Counts.BYTES), MeterDisplay(Counts.BYTES, Scale.BINARY), MeterDisplay(Counts.SECONDS)
PIECES = MeterDisplay()


def a_plan(*meters: dict[str, str], unit_size: int = 1_000_000, unit_name: str = "") -> PlanDefinition:
    price: dict[str, Any] = {"code": "data", "name": "Data", "model": "per_unit", "meter": "data", "rate": "0.01"}
    price |= {"unit_size": unit_size} | ({"unit_name": unit_name} if unit_name else {})
    definition = {"code": "basis", "name": "Basis", "currency": "EUR", "prices": [price]}
    return PlanDefinition.from_dict(definition | ({"meters": list(meters)} if meters else {}))


def unit_of(plan: PlanDefinition) -> str:
    (line,) = rate_totals(plan, [Counter("data", "", 1, 3_000_000)]).lines
    return line.unit


@pytest.mark.parametrize(
    ("quantity", "display", "locale", "shown"),
    [
        (1_500_000_000, DATA, "en_GB", "1.5 GB"),
        (1_500_000_000, DATA, "nl_NL", "1,5 GB"),
        (52_428_800, DATA, "en_GB", "52.43 MB"),
        (52_428_800, BINARY, "en_GB", "50 MiB"),
        (999_999, DATA, "en_GB", "1,000 kB"),
        (1_023, BINARY, "en_GB", "1,023 B"),
        (0, DATA, "en_GB", "0 B"),
        (-2_000_000, DATA, "en_GB", "-2 MB"),
        (75, TIME, "en_GB", "01:15"),
        (3_725, TIME, "nl_NL", "1:02:05"),
        (-75, TIME, "en_GB", "-01:15"),
        (12_345, PIECES, "de_DE", "12.345"),
    ],
)
def test_quantities_are_written_for_people(quantity: int, display: MeterDisplay, locale: str, shown: str) -> None:
    assert written_usage(quantity, display, locale) == shown


@pytest.mark.parametrize(
    ("declared", "unit_size", "unit"),
    [
        ({}, 1_000_000, "1000000 data"),
        ({"counts": "bytes"}, 1_000_000, "MB"),
        ({"counts": "bytes", "scale": "decimal"}, 500_000_000, "500 MB"),
        ({"counts": "bytes", "scale": "binary"}, 1_073_741_824, "GiB"),
        ({"counts": "bytes"}, 1, "byte"),
        ({"counts": "seconds"}, 60, "minute"),
        ({"counts": "seconds"}, 6, "6 data"),
        ({"counts": "pieces"}, 1, "data"),
    ],
)
def test_a_unit_without_a_name_is_called_after_what_its_meter_counts(
    declared: dict[str, str], unit_size: int, unit: str
) -> None:
    meters = [{"meter": "data", **declared}] if declared else []
    plan = a_plan(*meters, unit_size=unit_size)
    assert unit_of(plan) == unit
    assert PlanDefinition.from_dict(plan.to_dict()) == plan


def test_a_name_of_its_own_stays() -> None:
    assert unit_of(a_plan({"meter": "data", "counts": "bytes"}, unit_name="megabyte")) == "megabyte"


def test_an_undeclared_meter_is_told_by_its_name() -> None:
    plan = a_plan({"meter": "voice", "counts": "seconds"})
    shown = {meter: plan.display(meter) for meter in ("voice", "voice_seconds", "data_bytes", "messages", "data")}
    assert shown == {"voice": TIME, "voice_seconds": TIME, "data_bytes": DATA, "messages": PIECES, "data": PIECES}


@pytest.mark.parametrize(
    ("meters", "field"),
    [
        ([{"meter": "data", "counts": "litres"}], "meters[0].counts"),
        ([{"meter": "data", "counts": "bytes", "scale": "octal"}], "meters[0].scale"),
        ([{"meter": "voice", "counts": "seconds", "scale": "binary"}], "meters[0].scale"),
        ([{"meter": "data", "counts": "bytes"}, {"meter": "data", "counts": "pieces"}], "meters[1].meter"),
        ([{"meter": "data", "counts": "bytes", "colour": "red"}], "meters[0].colour"),
    ],
)
def test_a_wrong_declaration_names_its_field(meters: list[dict[str, str]], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_plan(*meters)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("unit", "display"),
    [
        ("minute", TIME),
        ("MB", DATA),
        ("500 MB", DATA),
        ("Gigabyte", DATA),
        ("100 MiB", BINARY),
        ("1000000 data", PIECES),
        ("", PIECES),
    ],
)
def test_a_line_of_an_invoice_tells_by_its_unit(unit: str, display: MeterDisplay) -> None:
    assert MeterDisplay.by_unit(unit) == display


def test_a_declared_meter_does_not_change_what_is_charged() -> None:
    counters = [Counter("data", "", 3, 7_340_032)]
    plain, declared = a_plan(), a_plan({"meter": "data", "counts": "bytes", "scale": "binary"})
    (one,), (other,) = rate_totals(plain, counters).lines, rate_totals(declared, counters).lines
    assert replace(one, unit="", unit_price="", explanation=()) == replace(
        other, unit="", unit_price="", explanation=()
    )
