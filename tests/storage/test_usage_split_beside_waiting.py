"""A record that waits beside one that is split leaves every row its own record's values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billing.persistence.unit_of_work import make_engine
from tests.builders_usage import PLAN, UsageWorld, a_usage_world, an_event

BY_TIME: dict[str, Any] = {
    **PLAN,
    "time_bands": {
        "time_zone": "UTC",
        "bands": [
            {
                "code": "night",
                "name": "Nacht",
                "windows": [
                    {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "07:00"}
                ],
            }
        ],
    },
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    plan = dict(BY_TIME)
    plan["prices"] = [
        {**price, "time_bands": [{"band": "night", "rate": "0.01"}]} if price["code"] == "voice" else price
        for price in PLAN["prices"]
    ]
    yield await a_usage_world(engine, tmp_path, plan)
    await engine.dispose()


async def test_rows_keep_their_own_records_values(world: UsageWorld) -> None:
    nobody = an_event(record_id="nobody", identifier="+31699999999", quantity=7)
    split = an_event(record_id="split", quantity=7200, started_at="2027-02-01T06:00:00+00:00")
    plain = an_event(record_id="plain", quantity=60, started_at="2027-02-01T09:00:00+00:00")
    outcomes = [result.outcome.value for result in await world.service.take([nobody, split, plain])]
    assert outcomes == ["recycled", "accepted", "accepted"]
    async with world.work() as work:
        rows = (
            await work.connection.execute(
                text("SELECT record_id, part, quantity FROM usage_events ORDER BY record_id, part")
            )
        ).all()
    assert [tuple(row) for row in rows] == [("plain", 0, 60), ("split", 0, 7200), ("split", 1, 0)]
