"""Single records the short way become exactly what they become the long way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.persistence.usage_quick import SqlQuickStore
from billing.services.usage import UsageService
from billing.services.usage_batch import Entry
from billing.services.usage_intake import RecordResult
from billing.services.usage_quick import CountingLater, QuickIntake
from tests.builders_usage import UsageWorld, a_usage_world, an_event
from tests.builders_usage_mixed import A_RECORD

EVENTS = "SELECT to_jsonb(e) - 'received_at' FROM usage_events e ORDER BY started_at, key_hash, part"
EMPTIED = "TRUNCATE usage_events, usage_counters, usage_pending, usage_late, usage_issues"
_KEY = "account_id, cycle_number, service_id, plan_code, plan_version, price_code, band"
COUNTED = (
    f"SELECT jsonb_build_array({_KEY}, sum(events), sum(quantity), sum(amount)) FROM (SELECT {_KEY}, events, quantity, "
    f"amount FROM usage_counters UNION ALL SELECT {_KEY}, events, quantity, amount FROM usage_pending) AS counted "
    f"GROUP BY {_KEY} ORDER BY {_KEY}"
)
KEPT = "SELECT to_jsonb(i) - 'issue_id' FROM usage_issues i ORDER BY issue_id"
RECORDS: list[dict[str, Any]] = [
    an_event(),
    an_event(
        record_id='it\'s {odd} % \\ "quoted" $1 ; -- €', attributes={"o'clock": "\\'; DROP TABLE x; --", "n": 1.5}
    ),
    an_event(record_id="free", quantity=0),
    an_event(record_id="shop", meter="shop", amount="12.305", quantity=1, destination=""),
    an_event(record_id="sms", meter="sms", quantity=3),
    an_event(record_id="sms", meter="sms", quantity=3),
    an_event(record_id="sms", meter="sms", quantity=4),
    an_event(record_id="unknown", identifier="+31600000000"),
    an_event(record_id="malformed", quantity=-1),
    an_event(record_id="priceless", meter="unheard-of"),
    an_event(record_id="next cycle", started_at="2027-01-20T10:00:00+01:00"),
]


@dataclass
class Ways:
    """The short way and the long way into one database."""

    world: UsageWorld
    store: SqlQuickStore
    quick: QuickIntake
    service: UsageService

    async def rows(self, query: str) -> list[Any]:
        async with self.world.engine.connect() as connection:
            return [row[0] for row in await connection.execute(text(query))]


@pytest.fixture
async def ways(database_url: str, tmp_path: Path) -> AsyncIterator[Ways]:
    engine, store = make_engine(database_url), SqlQuickStore(database_url)
    world = await a_usage_world(engine, tmp_path)
    service = world.service
    later = CountingLater(service.counting)
    quick = QuickIntake(store, world.clock, service._intake, later, service.take_entries)
    yield Ways(world, store, quick, service)
    await later.is_done()
    await store.close()
    await engine.dispose()


def entries(records: Sequence[dict[str, Any]]) -> list[Entry]:
    return [Entry(record) for record in records]


async def test_both_ways_answer_and_store_the_same(ways: Ways) -> None:
    short = await ways.quick.take(entries(RECORDS))
    stored = await ways.rows(EVENTS)
    short_sum = await counted(ways)
    async with ways.world.engine.begin() as connection:
        await connection.execute(text(EMPTIED))
    assert await ways.service.take_entries(entries(RECORDS)) == short
    assert await ways.rows(EVENTS) == stored
    assert await counted(ways) == short_sum


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(A_RECORD, min_size=1, max_size=12), min_size=1, max_size=4))
async def test_whatever_is_sent_in_whatever_groups_both_ways_end_in_the_same(
    ways: Ways, groups: list[list[dict[str, Any]]]
) -> None:
    ends = []
    for take in (ways.quick.take, ways.service.take_entries):
        async with ways.world.engine.begin() as connection:
            await connection.execute(text(EMPTIED))
        results = [await take(entries(group)) for group in groups]
        ends.append((results, await ways.rows(EVENTS), await ways.rows(COUNTED), await ways.rows(KEPT)))
    assert ends[0] == ends[1]


async def counted(ways: Ways) -> int:
    """Every quantity, whether it is added up or pending."""
    sums = "SELECT sum(quantity)::bigint FROM usage_counters UNION ALL SELECT sum(quantity)::bigint FROM usage_pending"
    return sum(each or 0 for each in await ways.rows(sums))


async def test_what_was_taken_one_way_is_known_the_other_way(ways: Ways) -> None:
    def outcomes(results: Sequence[RecordResult]) -> list[str]:
        return [result.outcome.value for result in results]

    event = entries([an_event()])
    other = entries([an_event(quantity=61)])
    assert outcomes(await ways.quick.take(event)) == ["accepted"]
    assert outcomes(await ways.service.take_entries(event)) == ["duplicate"]
    assert outcomes(await ways.quick.take(event)) == ["duplicate"]
    assert outcomes(await ways.quick.take(other)) == ["conflict"]


async def test_counters_explain_the_events_whenever_they_are_looked_at(ways: Ways) -> None:
    await ways.quick.take(entries(RECORDS))
    async with ways.world.engine.connect() as connection:
        assert await counters_disagree(connection) == []
    await ways.service.counting.count_all()
    async with ways.world.engine.connect() as connection:
        assert await counters_disagree(connection) == []


async def test_a_connection_that_died_is_replaced(ways: Ways) -> None:
    await ways.quick.take(entries([an_event()]))
    async with ways.world.engine.begin() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'EXECUTE store%'")
        )
    (result,) = await ways.quick.take(entries([an_event(record_id="after")]))
    assert result.outcome == "accepted"


async def test_a_record_that_fails_leaves_nothing_and_the_next_one_is_taken(ways: Ways) -> None:
    async with ways.world.engine.begin() as connection:
        await connection.execute(
            text("ALTER TABLE usage_events ADD CONSTRAINT no_poison CHECK (record_id <> 'poison')")
        )
    with pytest.raises(psycopg.errors.CheckViolation):
        await ways.quick.take(entries([an_event(record_id="poison"), an_event(record_id="good")]))
    assert await ways.rows(EVENTS) == []
    (result,) = await ways.quick.take(entries([an_event(record_id="good")]))
    assert result.outcome == "accepted"
