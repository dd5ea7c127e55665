"""What every stream of usage has to do; a real Kafka client against a broker, and the one our tests script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from billing.adapters.kafka_usage import KafkaAccess, KafkaStream
from billing.ports.usage_streams import PositionLost, UsageStream
from tests.kafka_broker import Broker
from tests.scripted_stream import ScriptedStream, Topic

Key = tuple[str, int]


@pytest.fixture(scope="module")
def broker() -> Broker:
    return Broker()


@dataclass
class Source:
    """One topic, however it is made: ``send`` puts messages into a partition, ``join`` makes a consumer of it."""

    topic: str
    send: Callable[[int, list[bytes]], None]
    join: Callable[[], UsageStream]
    kept: dict[Key, int] = field(default_factory=dict)

    async def positions(self) -> Mapping[Key, int]:
        return dict(self.kept)

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[UsageStream]:
        stream = self.join()
        await stream.start(self.positions)
        try:
            yield stream
        finally:
            await stream.stop()


@pytest.fixture(params=["kafka", "scripted"])
def source(request: pytest.FixtureRequest, broker: Broker, unique: str) -> Source:
    if request.param == "scripted":
        topic = Topic(unique)
        return Source(unique, topic.send, lambda: ScriptedStream(topic))
    broker.make(unique)
    access = KafkaAccess(broker.address, unique, f"{unique}-group")
    return Source(unique, lambda partition, values: broker.send(unique, values, partition), lambda: KafkaStream(access))


async def received(stream: UsageStream, count: int) -> list[tuple[int, int, bytes]]:
    """The next messages as (partition, offset, value)."""
    found: list[tuple[int, int, bytes]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            for batch in await stream.take():
                assert batch.from_offset <= batch.messages[0].offset
                assert batch.end_offset > batch.messages[-1].offset
                found += [(batch.partition, each.offset, each.value) for each in batch.messages]
    return found


async def test_messages_come_in_the_order_of_their_partition(source: Source) -> None:
    source.send(0, [b"a", b"b", b"c"])
    async with source.consumer() as stream:
        assert await received(stream, 3) == [(0, 0, b"a"), (0, 1, b"b"), (0, 2, b"c")]
        source.send(0, [b"d"])
        assert await received(stream, 1) == [(0, 3, b"d")]


async def test_every_partition_is_read(source: Source) -> None:
    for partition in range(4):
        source.send(partition, [str(partition).encode()])
    async with source.consumer() as stream:
        assert sorted(await received(stream, 4)) == [(number, 0, str(number).encode()) for number in range(4)]


async def test_it_begins_at_the_kept_position_whatever_was_read_before(source: Source) -> None:
    source.send(0, [b"a", b"b", b"c"])
    async with source.consumer() as stream:
        await received(stream, 3)
    source.kept[source.topic, 0] = 1
    async with source.consumer() as stream:
        assert await received(stream, 2) == [(0, 1, b"b"), (0, 2, b"c")]


async def test_nothing_new_is_an_empty_answer_and_not_an_error(source: Source) -> None:
    source.send(0, [b"a"])
    async with source.consumer() as stream:
        await received(stream, 1)
        assert list(await stream.take()) == []


async def test_the_ends_say_what_there_is_to_read(source: Source) -> None:
    source.send(1, [b"a", b"b"])
    async with source.consumer() as stream:
        await received(stream, 2)
        ends = await stream.ends()
        assert ends[source.topic, 1] == 2
        assert ends[source.topic, 0] == 0


async def test_a_position_that_is_not_there_is_told_and_the_others_go_on(source: Source) -> None:
    source.send(0, [b"a"])
    source.send(1, [b"b"])
    source.kept[source.topic, 0] = 100
    lost: list[tuple[str, int]] = []
    found: list[bytes] = []
    async with source.consumer() as stream, asyncio.timeout(30):
        while not lost or not found:
            try:
                found += [each.value for batch in await stream.take() for each in batch.messages]
            except PositionLost as error:
                lost.append((error.topic, error.partition))
        assert (lost, found) == ([(source.topic, 0)], [b"b"])
        assert list(await stream.take()) == []


async def test_a_broker_that_is_not_there_is_a_connection_error() -> None:
    async def nowhere() -> Mapping[Key, int]:
        return {}

    with pytest.raises(ConnectionError):
        await KafkaStream(KafkaAccess("127.0.0.1:9", "usage", "evenflow")).start(nowhere)
