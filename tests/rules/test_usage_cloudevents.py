"""A CloudEvent as a usage record: identity, line, start and meter, and clear words for what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.services.usage_cloudevents import EventType, event_types, record_of

TYPES = event_types(
    {
        "com.example.call.ended": {"meter": "voice", "fields": {"quantity": "seconds", "destination": "called"}},
        "com.example.sms": {"meter": "sms", "quantity": 1},
    }
)


def an_event(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "c-1",
        "source": "/switches/1",
        "type": "com.example.call.ended",
        "subject": "+31612345678",
        "time": "2027-02-01T10:00:00+01:00",
        "data": {"seconds": 75, "called": "+31201234567", "trunk": "t-9", "route": [1, 2]},
    }
    return {name: value for name, value in (event | changes).items() if value is not ...}


def test_a_declared_type_says_the_meter_and_where_its_data_holds_the_fields() -> None:
    assert record_of(an_event(), TYPES) == {
        "source": "cloudevents",
        "record_id": "/switches/1 c-1",
        "identifier": "+31612345678",
        "meter": "voice",
        "started_at": "2027-02-01T10:00:00+01:00",
        "quantity": 75,
        "destination": "+31201234567",
        "attributes": {"trunk": "t-9", "route": "[1, 2]"},
    }


@pytest.mark.parametrize(
    ("changes", "meter", "quantity"),
    [
        ({"type": "com.example.sms", "data": {}}, "sms", 1),
        ({"type": "com.example.sms", "data": {"quantity": 3}}, "sms", 3),
        ({"type": "org.evenflow.usage.data", "data": {"quantity": 9}}, "data", 9),
        ({"type": "com.unheard.of", "data": {"quantity": 9}}, "com.unheard.of", 9),
        ({"type": "com.unheard.of", "data": {"quantity": 9, "meter": "data"}}, "data", 9),
    ],
)
def test_the_type_selects_the_meter_and_an_undeclared_one_is_its_own(
    changes: dict[str, Any], meter: str, quantity: int
) -> None:
    record = record_of(an_event(**changes), TYPES)
    assert (record["meter"], record["quantity"]) == (meter, quantity)


def test_a_source_that_is_a_code_stays_one_so_that_other_doors_know_the_record_again() -> None:
    record = record_of(an_event(source="switch-1"), TYPES)
    assert (record["source"], record["record_id"]) == ("switch-1", "c-1")


NAMES = st.text(alphabet="ab/:-.", min_size=1, max_size=5)


@given(one=st.tuples(NAMES, st.text("ab /", min_size=1)), other=st.tuples(NAMES, st.text("ab /", min_size=1)))
def test_no_two_events_have_the_same_identity(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = (record_of(an_event(source=source, id=name), TYPES) for source, name in (one, other))
    is_same = (first["source"], first["record_id"]) == (second["source"], second["record_id"])
    assert is_same == (one == other)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"specversion": ...}, "specversion"),
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ...}, "id"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"source": ...}, "source"),
        ({"source": "with a space"}, "source"),
        ({"type": ""}, "type"),
        ({"subject": ""}, "subject"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2027-02-01T10:00:00"}, "time"),
        ({"data": ...}, "data"),
        ({"data": [1]}, "data"),
        ({"id": "x" * 190}, "id"),
    ],
)
def test_what_is_no_cloud_event_is_refused_by_the_name_of_its_attribute(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        record_of(an_event(**changes), TYPES)
    assert refused.value.field == field
    assert refused.value.remedy


@pytest.mark.parametrize(
    "declared", [{}, {"meter": ""}, {"meter": "x", "unit": 1}, {"meter": "x", "fields": {"a": "b"}}, {"meter": 1}]
)
def test_a_declaration_that_means_nothing_is_refused(declared: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="declaration"):
        event_types({"com.example": declared})


def test_a_declaration_is_read() -> None:
    assert TYPES["com.example.sms"] == EventType("sms", {}, 1)
