"""A usual record is read in a few look-ups, and is what the thorough reading says of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings

from billing.services.usage_records import UsageRecord, read_record
from billing.services.usage_usual import row_of, usual_row
from tests.builders_usage import an_event
from tests.builders_usage_mixed import A_RECORD


@settings(max_examples=1000, deadline=None)
@given(data=A_RECORD)
def test_a_row_is_the_very_one_that_the_thorough_reading_leads_to(data: dict[str, Any]) -> None:
    row = usual_row(data)
    if row is not None:
        record = read_record(data, None)
        assert isinstance(record, UsageRecord), record
        assert row == row_of(record, json.dumps(record.attributes))


def test_plain_calls_are_usual() -> None:
    assert usual_row(an_event()) is not None
    assert usual_row(an_event(destination="", quantity=0, started_at="2027-02-01T10:00:00Z")) is not None


def test_what_is_read_in_more_than_one_way_is_left_to_the_thorough_reading() -> None:
    unusual: list[dict[str, Any]] = [
        {"quantity": True},
        {"quantity": "60"},
        {"record_id": " r-1"},
        {"identifier": "Łódź"},
        {"started_at": "2027-02-01T10:00:00"},
        {"destination": None},
        {"attributes": {}},
        {"amount": "1"},
    ]
    assert [usual_row(an_event(**changes)) for changes in unusual] == [None] * len(unusual)
    assert usual_row({"source": "switch"}) is None
