"""A stream is taken exactly once: the offset is committed with the data, and whatever dies goes on from there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import billing.services.usage_streams as under_test
from billing.adapters.usage_formats import NDJSON
from billing.domain.errors import InvalidValue, NotFound
from billing.persistence.unit_of_work import make_engine
from billing.ports.usage_streams import PositionMoved, StreamBatch, StreamMessage, StreamPosition
from billing.services.usage_cloudevents import record_of
from billing.services.usage_streams import StreamSource, consume
from tests.builders_usage import LINE, NOW, UsageWorld, a_usage_world
from tests.builders_usage_streams import GROUP, a_message, a_source, stored_events, taken_to
from tests.scripted_stream import ScriptedStream, Topic


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool")
    await engine.dispose()


@pytest.fixture
def topic() -> Topic:
    return Topic("usage")


class Enough(Exception):
    """The test has seen what it wanted."""


class Stream(ScriptedStream):
    """Ends with Enough when nothing has come."""

    async def take(self) -> Any:
        found = await super().take()
        if not found:
            raise Enough
        return found


async def take_all(world: UsageWorld, topic: Topic, most: int = 1000) -> None:
    with pytest.raises(Enough):
        await consume(world.service.streams, a_source(), Stream(topic, most))


def a_batch(*record_ids: str, first: int = 0, from_offset: int | None = None) -> StreamBatch:
    messages = [StreamMessage(first + number, a_message(each)) for number, each in enumerate(record_ids)]
    start = first if from_offset is None else from_offset
    return StreamBatch("usage", 0, messages, start, first + len(messages))


async def position(world: UsageWorld, partition: int = 0) -> StreamPosition:
    found = await world.service.streams.positions(GROUP)
    return next(each for each in found if each.partition == partition)


async def test_every_message_is_counted_and_the_position_is_beside_it(world: UsageWorld, topic: Topic) -> None:
    for partition in range(3):
        topic.send(partition, [a_message(f"{partition}-{number}") for number in range(10)])
    await take_all(world, topic, most=4)
    assert await stored_events(world) == 30
    assert await taken_to(world) == {("usage", 0): 10, ("usage", 1): 10, ("usage", 2): 10, ("usage", 3): 0}
    first = await position(world)
    assert (first.read, first.accepted, first.lag) == (10, 10, 0)


async def test_a_stopped_consumer_goes_on_where_it_was(world: UsageWorld, topic: Topic) -> None:
    topic.send(0, [a_message(f"r-{number}") for number in range(5)])
    await take_all(world, topic)
    topic.send(0, [a_message(f"r-{number}") for number in range(5, 8)])
    await take_all(world, topic)
    assert await stored_events(world) == 8
    assert (await position(world)).duplicates == 0


async def test_a_batch_that_comes_again_changes_nothing(world: UsageWorld) -> None:
    streams = world.service.streams
    assert await streams.take(a_source(), a_batch("a", "b", "c")) == 3
    assert await streams.take(a_source(), a_batch("a", "b", "c")) == 0
    assert await streams.take(a_source(), a_batch("b", "c", "d", first=1)) == 1
    found = await position(world)
    assert (found.next_offset, found.read, found.accepted, found.duplicates) == (4, 4, 4, 0)
    assert await stored_events(world) == 4


async def test_two_owners_of_one_partition_take_each_message_once(world: UsageWorld) -> None:
    batches = [a_batch(*(f"r-{number}" for number in range(start, 20)), first=start) for start in (0, 0, 0)]
    taken = await asyncio.gather(*(world.service.streams.take(a_source(), batch) for batch in batches))
    assert sorted(taken) == [0, 0, 20]
    assert await stored_events(world) == 20


async def test_a_failure_before_the_commit_leaves_neither_data_nor_position(
    world: UsageWorld, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic.send(0, [a_message(f"r-{number}") for number in range(10)])
    move, calls = under_test._move, 0

    async def fails_at_the_second(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError("the database went away")
        await move(*args)

    monkeypatch.setattr(under_test, "_move", fails_at_the_second)
    with pytest.raises(ConnectionError):
        await consume(world.service.streams, a_source(), Stream(topic, most=4))
    assert (await stored_events(world), (await position(world)).next_offset) == (4, 4)
    await take_all(world, topic, most=4)
    found = await position(world)
    assert (await stored_events(world), found.next_offset, found.duplicates) == (10, 10, 0)


@pytest.mark.parametrize(
    ("value", "field", "word"),
    [
        (b"\xff\xfe", "message", "cannot be read"),
        (b"", "line", "not JSON"),
        (b"[1]", "line", "not a JSON object"),
        (b'{"quantity": 1', "line", "not JSON"),
        (a_message("x", quantity=-1), "quantity", "whole number"),
        (b"[" * 100_000, "line", "not JSON"),
        (json.dumps({"specversion": "1.0", "id": "1", "subject": LINE, "data": 5}).encode(), "data", "CloudEvent"),
    ],
)
async def test_a_message_that_cannot_be_read_is_kept_and_the_stream_goes_on(
    world: UsageWorld, topic: Topic, value: bytes, field: str, word: str
) -> None:
    topic.send(2, [a_message("before"), value, a_message("after")])
    await take_all(world, topic)
    found = await position(world, 2)
    assert (found.next_offset, found.accepted, found.rejected) == (3, 2, 1)
    (issue,) = await world.issues(kind="rejected")
    assert (issue.field, issue.line_number) == (field, 1)
    assert word in issue.reason
    assert await stored_events(world) == 2


async def test_equal_damaged_messages_are_kept_each_with_its_place(world: UsageWorld, topic: Topic) -> None:
    for partition in (0, 1):
        topic.send(partition, [b"damaged", b"damaged"])
    await take_all(world, topic)
    kept = [(issue.source, issue.line_number) for issue in await world.issues(kind="rejected")]
    assert sorted(kept) == [("usage/0", 0), ("usage/0", 1), ("usage/1", 0), ("usage/1", 1)]


async def test_cloud_events_are_read_in_both_modes(world: UsageWorld, topic: Topic) -> None:
    data = {"meter": "sms", "quantity": 1, "started_at": "2027-02-01T10:00:00Z"}
    structured = {
        "specversion": "1.0",
        "id": "e-1",
        "subject": LINE,
        "type": "usage",
        "source": "/switch",
        "data": data,
    }
    topic.send(0, [json.dumps(structured).encode()])
    topic.send(0, [json.dumps(data).encode()], {"ce_specversion": "1.0", "ce_id": "e-2", "ce_subject": LINE})
    await take_all(world, topic)
    assert ((await position(world)).accepted, await stored_events(world)) == (2, 2)


async def test_what_waits_is_seen_while_the_consumer_stands(world: UsageWorld, topic: Topic) -> None:
    topic.send(0, [a_message("a")])
    await take_all(world, topic)
    await world.service.streams.note_ends(GROUP, {("usage", 0): 26, ("usage", 3): 4})
    lags = {each.partition: each.lag for each in await world.service.streams.positions(GROUP)}
    assert lags == {0: 25, 1: 0, 2: 0, 3: 4}


async def test_a_partition_that_was_only_seen_still_begins_at_its_first_message(
    world: UsageWorld, topic: Topic
) -> None:
    await world.service.streams.note_ends(GROUP, {("usage", 0): 1})
    topic.send(0, [a_message("a")])
    await take_all(world, topic)
    assert await stored_events(world) == 1


async def test_a_lost_position_stands_still_is_an_alarm_and_goes_on_where_an_operator_says(
    world: UsageWorld, topic: Topic
) -> None:
    topic.send(0, [a_message("a"), a_message("b")])
    topic.send(1, [a_message("c")])
    await world.service.streams.take(a_source(), a_batch("z", first=500))
    await take_all(world, topic)
    assert await stored_events(world) == 2
    (alarm,) = (await world.service.streams.alarms()).alarms
    assert alarm.startswith("usage/0: Offset 501 is not in the topic any more")
    moved = await world.service.streams.move(GROUP, "usage", 0, 0, "sanne")
    assert (moved.next_offset, moved.trouble) == (0, "")
    await take_all(world, topic)
    assert (await stored_events(world), (await world.service.streams.alarms()).alarms) == (4, ())


async def test_a_consumer_that_reads_elsewhere_than_the_kept_position_begins_again(world: UsageWorld) -> None:
    await world.service.streams.take(a_source(), a_batch("a", "b", "c", "d"))
    await world.service.streams.move(GROUP, "usage", 0, 2, "sanne")
    with pytest.raises(PositionMoved):
        await world.service.streams.take(a_source(), a_batch("e", first=4))
    assert await stored_events(world) == 4
    assert await world.service.streams.take(a_source(), a_batch("c", "d", "e", first=2)) == 3
    found = await position(world)
    assert (found.accepted, found.duplicates, await stored_events(world)) == (5, 2, 5)


async def test_a_topic_with_holes_is_taken_without_stopping(world: UsageWorld) -> None:
    await world.service.streams.take(a_source(), a_batch("a"))
    assert await world.service.streams.take(a_source(), a_batch("b", first=7, from_offset=1)) == 1
    assert (await position(world)).next_offset == 8


@pytest.mark.parametrize(
    ("partition", "offset", "error"), [(0, -1, InvalidValue), (0, 2**63, InvalidValue), (9, 0, NotFound)]
)
async def test_only_a_known_partition_is_moved_and_only_to_an_offset(
    world: UsageWorld, partition: int, offset: int, error: type[Exception]
) -> None:
    await world.service.streams.take(a_source(), a_batch("a"))
    with pytest.raises(error):
        await world.service.streams.move(GROUP, "usage", partition, offset, "sanne")


@given(value=some.binary(max_size=300), headers=some.dictionaries(some.text(max_size=9), some.text(max_size=9)))
def test_no_message_is_too_odd_to_be_read(value: bytes, headers: dict[str, str]) -> None:
    message = StreamMessage(7, value, headers)
    read = under_test._read(a_source(), [message], NOW)
    assert read.size == len(read.columns) + len(read.malformed) == 1


@given(
    event=some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=9),
        lambda each: some.lists(each, max_size=3) | some.dictionaries(some.text(max_size=9), each, max_size=3),
        max_leaves=12,
    ),
    binary=some.booleans(),
)
def test_no_cloud_event_is_too_odd_to_be_read(event: Any, binary: bool) -> None:
    whole = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": LINE, "data": event}
    source = StreamSource(GROUP, NDJSON, partial(record_of, types={}))
    value = json.dumps(event if binary else whole).encode("utf-8", "surrogatepass")
    headers = {f"ce_{name}": str(each) for name, each in whole.items() if name != "data"} if binary else {}
    read = under_test._read(source, [StreamMessage(1, value, headers)], NOW)
    assert read.size == len(read.columns) + len(read.malformed) == 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
async def test_however_a_stream_is_cut_and_delivered_again_each_message_counts_once(
    world: UsageWorld, data: some.DataObject
) -> None:
    topic = f"topic-{uuid4()}"  # every example has its own: the database keeps what the others sent
    count = data.draw(some.integers(1, 30))
    sent = [StreamMessage(number, a_message(f"{topic}-{number}")) for number in range(count)]
    done = 0
    for end in (*data.draw(some.lists(some.integers(1, count), max_size=5)), count):
        start = data.draw(some.integers(0, min(done, end - 1)))
        batch = StreamBatch(topic, 0, sent[start:end], start, count)
        assert await world.service.streams.take(a_source(), batch) == max(end - done, 0)
        done = max(done, end)
    found = next(each for each in await world.service.streams.positions(GROUP) if each.topic == topic)
    assert (found.next_offset, found.read, found.accepted, found.duplicates) == (count, count, count, 0)
    await stored_events(world)
