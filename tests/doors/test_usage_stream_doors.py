"""Streams over HTTP: how far they are, and where an administrator lets one go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.container import Container
from api.dependencies import Caller
from api.errors import install
from api.routers import usage_streams
from billing.persistence.unit_of_work import make_engine
from billing.ports.usage_streams import PositionLost, StreamBatch, StreamMessage
from tests.builders_usage import UsageWorld, a_usage_world
from tests.builders_usage_streams import GROUP, a_message, a_source


class Keys:
    """API keys that are their own role."""

    async def caller_of(self, key: str) -> Caller | None:
        return Caller("sanne", key)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path)
    messages = [StreamMessage(0, a_message("a")), StreamMessage(1, b"damaged")]
    await world.service.streams.take(a_source(), StreamBatch("usage", 2, messages, 0, 10))
    yield world
    await engine.dispose()


@pytest.fixture
async def client(world: UsageWorld) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app)
    app.include_router(usage_streams.router)
    app.state.container = Container(world.work, world.clock, world.process, "", usage=world.service, access=Keys())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers={"X-API-Key": "admin"}) as client:
        yield client


async def test_a_partition_shows_its_lag_and_what_became_of_its_messages(client: httpx.AsyncClient) -> None:
    (found,) = (await client.get("/v1/usage/streams")).json()
    assert (found["topic"], found["partition"], found["next_offset"], found["lag"]) == ("usage", 2, 2, 8)
    assert (found["read"], found["accepted"], found["rejected"]) == (2, 1, 1)


async def test_a_partition_that_stands_still_is_moved_by_an_administrator(
    client: httpx.AsyncClient, world: UsageWorld
) -> None:
    await world.service.streams.stand_still(GROUP, PositionLost("usage", 2))
    (found,) = (await client.get("/v1/usage/streams")).json()
    assert "is not in the topic any more" in found["trouble"]
    wanted = {"consumer_group": GROUP, "topic": "usage", "partition": 2, "offset": 500}
    refused = await client.post("/v1/usage/streams/move", json=wanted, headers={"X-API-Key": "finance"})
    assert refused.status_code == 403
    moved = (await client.post("/v1/usage/streams/move", json=wanted)).json()
    assert (moved["next_offset"], moved["trouble"]) == (500, "")
    unknown = await client.post("/v1/usage/streams/move", json=wanted | {"partition": 7})
    assert (unknown.status_code, unknown.json()["value"]) == (404, "usage/7")
