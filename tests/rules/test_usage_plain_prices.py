"""What is guided in a few lookups is guided as every event is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.rating import Guided, PlanDefinition, UsageEvent, guide
from billing.ports.usage_columns import OwnedCycle, RecordColumns
from billing.services.usage_guiding import Guiding
from tests.builders_usage import LINE, PLAN

AT = datetime(2027, 2, 1, 10, tzinfo=UTC)
PLANS = {("vonk-basis", 1): PlanDefinition.from_dict(dict(PLAN))}
OWNED: OwnedCycle = (
    *(LINE, datetime(2027, 1, 1, tzinfo=UTC), None, 1, 2, "vonk-basis", 1, 3),
    *(datetime(2027, 1, 15, tzinfo=UTC), datetime(2027, 2, 15, tzinfo=UTC), False, None),
)
USES = st.fixed_dictionaries(
    {
        "meter": st.sampled_from(["voice", "sms", "shop", "unknown"]),
        "quantity": st.integers(0, 10**6),
        "destination": st.sampled_from(["", "+31201234567", "31201234567", "+3225551234", "+4420123456"]),
    }
)


def columns_of(uses: list[dict[str, Any]]) -> RecordColumns:
    size = len(uses)
    return RecordColumns(
        places=list(range(size)),
        identifier=[LINE] * size,
        started_at=[AT] * size,
        meter=[use["meter"] for use in uses],
        quantity=[use["quantity"] for use in uses],
        destination=[use["destination"] for use in uses],
        visited=[""] * size,
        traffic_class=[""] * size,
        amount=[None] * size,
    )


@given(st.lists(USES, max_size=20))
def test_a_batch_is_guided_as_each_event_on_its_own(uses: list[dict[str, Any]]) -> None:
    records = columns_of(uses)
    batch = Guiding([OWNED], PLANS).guide(records, records.identifier)
    events = batch.events
    found: dict[int, list[tuple[Any, ...]]] = {}
    rows = zip(events.record, events.price_code, events.band, events.events, events.billable_quantity, strict=True)
    for record, *counted in rows:
        found.setdefault(record, []).append(tuple(counted))
    for index, use in enumerate(uses):
        guided = guide(PLANS["vonk-basis", 1], UsageEvent(started_at=AT, **use))
        parts = guided if isinstance(guided, tuple) else ()
        assert found.get(index, []) == [_counted(part) for part in parts]
        assert (index in batch.waiting) == (not parts)


def _counted(part: Guided) -> tuple[Any, ...]:
    return part.price_code, part.band, part.events, part.billable_quantity
