"""Kafka to the books, over the wire: consumers are killed, stopped and doubled, and every message is counted once."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from billing.adapters.kafka_usage import KafkaAccess, KafkaStream
from billing.persistence.unit_of_work import make_engine
from tests.builders_usage import UsageWorld, a_usage_world
from tests.builders_usage_streams import GROUP, a_message, consume_until, stored_events, taken_to
from tests.kafka_broker import PARTITIONS, Broker
from tests.style.source_files import ROOT

MESSAGES = 50


@pytest.fixture(scope="module")
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool")
    await engine.dispose()


@pytest.fixture
async def filled(broker: Broker, unique: str) -> str:
    """A topic with fifty messages in each partition."""
    broker.make(unique)
    for partition in range(PARTITIONS):
        messages = [a_message(f"{partition}-{number}") for number in range(MESSAGES)]
        await broker.send_soon(unique, messages, partition)
    return unique


async def kill(database_url: str, broker: Broker, topic: str, batches: int) -> None:
    """Run a consumer until it has killed itself."""
    arguments = ("-m", "tests.killed_consumer", database_url, broker.address, topic, str(batches))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


async def is_taken(world: UsageWorld, topic: str, each: int = MESSAGES) -> bool:
    return await taken_to(world) == {(topic, partition): each for partition in range(PARTITIONS)}


async def test_a_consumer_killed_between_poll_and_commit_loses_nothing_and_repeats_nothing(
    world: UsageWorld, database_url: str, broker: Broker, filled: str
) -> None:
    for batches in (0, 2, 3):
        await kill(database_url, broker, filled, batches)
    half = await stored_events(world)
    assert 0 < half < MESSAGES * PARTITIONS

    def stream() -> KafkaStream:
        return KafkaStream(KafkaAccess(broker.address, filled, filled), most_messages=10)

    await consume_until(world, stream, lambda: is_taken(world, filled))
    positions = await world.service.streams.positions(GROUP)
    assert await stored_events(world) == MESSAGES * PARTITIONS
    assert sum(each.read for each in positions) == MESSAGES * PARTITIONS
    assert sum(each.duplicates for each in positions) == 0


async def test_consumers_that_all_own_every_partition_count_each_message_once(
    world: UsageWorld, broker: Broker, filled: str
) -> None:
    """Worse than any rebalance, in which two may own a partition for a moment; one of them leaves in the middle."""

    def stream_of(group: str) -> Callable[[], KafkaStream]:
        access = KafkaAccess(broker.address, filled, f"{filled}-{group}")
        return lambda: KafkaStream(access, most_messages=7)

    async def some() -> bool:
        return bool(await taken_to(world))

    async def more_and_more() -> None:
        for number in range(MESSAGES, MESSAGES + 20):
            for partition in range(PARTITIONS):
                await broker.send_soon(filled, [a_message(f"{partition}-{number}")], partition)

    async def all_of_it() -> bool:
        return await is_taken(world, filled, MESSAGES + 20)

    await asyncio.gather(
        consume_until(world, stream_of("a"), all_of_it),
        consume_until(world, stream_of("b"), some),
        consume_until(world, stream_of("c"), all_of_it),
        more_and_more(),
    )
    positions = await world.service.streams.positions(GROUP)
    assert await stored_events(world) == (MESSAGES + 20) * PARTITIONS
    assert sum(each.read for each in positions) == (MESSAGES + 20) * PARTITIONS
    assert sum(each.duplicates for each in positions) == 0


async def test_one_member_of_a_group_goes_on_where_the_one_before_left(
    world: UsageWorld, broker: Broker, filled: str
) -> None:
    def stream() -> KafkaStream:
        return KafkaStream(KafkaAccess(broker.address, filled, filled), most_messages=9)

    async def some() -> bool:
        return sum((await taken_to(world)).values()) > MESSAGES

    await consume_until(world, stream, some)
    await consume_until(world, stream, lambda: is_taken(world, filled))
    assert await stored_events(world) == MESSAGES * PARTITIONS
    assert sum(each.duplicates for each in await world.service.streams.positions(GROUP)) == 0
