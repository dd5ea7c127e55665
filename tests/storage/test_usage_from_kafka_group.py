"""A group that is rebalanced: partitions move, one member leaves, one is killed, and each message counts once."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from billing.adapters.kafka_usage import KafkaAccess, KafkaStream
from billing.persistence.unit_of_work import make_engine
from billing.ports.usage_streams import StreamBatch
from tests.builders_usage import UsageWorld, a_usage_world
from tests.builders_usage_streams import GROUP, a_message, consume_until, stored_events, taken_to
from tests.kafka_server import PARTITIONS, KafkaServer, kafka_server
from tests.style.source_files import ROOT

MESSAGES = 40


class Member(KafkaStream):
    """One member of the group, which remembers what it took from where."""

    def __init__(self, access: KafkaAccess) -> None:
        super().__init__(access, most_messages=5)
        self.took_from: set[int] = set()
        self.has_some = asyncio.Event()

    async def take(self) -> Sequence[StreamBatch]:
        batches = await super().take()
        if self._read_to:
            self.has_some.set()
        self.took_from |= {batch.partition for batch in batches}
        return batches


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    with kafka_server(tmp_path_factory.mktemp("kafka") / "broker.log") as running:
        yield running


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool")
    await engine.dispose()


@dataclass
class Topic:
    """What was sent to each of its partitions; ``is_complete`` when no more comes."""

    server: KafkaServer
    name: str
    sent: int = 0
    is_complete: bool = False

    async def send(self, count: int) -> None:
        for partition in range(PARTITIONS):
            messages = [a_message(f"{partition}-{number}") for number in range(self.sent, self.sent + count)]
            await asyncio.to_thread(self.server.send, self.name, messages, partition)
        self.sent += count


async def test_each_message_counts_once_while_partitions_move(
    world: UsageWorld, database_url: str, server: KafkaServer, unique: str
) -> None:
    await asyncio.to_thread(server.make, unique)
    topic, access = Topic(server, unique), KafkaAccess(server.address, unique, unique)
    staying, leaving = Member(access), Member(access)

    async def is_taken() -> bool:
        all_of_it = {(unique, partition): topic.sent for partition in range(PARTITIONS)}
        return topic.is_complete and await taken_to(world) == all_of_it

    async def both_have_taken() -> bool:
        return bool(leaving.took_from) and bool(staying.took_from)

    async def one_dies(settled: asyncio.Event) -> None:
        """A third member, while messages come; then nobody sends any more."""
        await settled.wait()
        arguments = ("-m", "tests.killed_consumer", database_url, server.address, unique, "1", unique)
        dying = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
        async with asyncio.timeout(60):
            while dying.returncode is None:
                await topic.send(2)
                await asyncio.wait([asyncio.create_task(dying.wait())], timeout=0.2)
        assert dying.returncode == -signal.SIGKILL
        await topic.send(MESSAGES)
        topic.is_complete = True

    async def one_leaves(settled: asyncio.Event) -> None:
        await asyncio.gather(staying.has_some.wait(), leaving.has_some.wait())
        await topic.send(MESSAGES)
        settled.set()

    settled = asyncio.Event()
    await asyncio.gather(
        consume_until(world, lambda: staying, is_taken),
        consume_until(world, lambda: leaving, both_have_taken),
        one_leaves(settled),
        one_dies(settled),
    )
    positions = await world.service.streams.positions(GROUP)
    assert await stored_events(world) == topic.sent * PARTITIONS
    assert sum(each.read for each in positions) == topic.sent * PARTITIONS
    assert sum(each.duplicates for each in positions) == 0
    assert staying.took_from == set(range(PARTITIONS)), "what the others had came to the one that stayed"
