"""Taking a stream: messages are decoded by a profile, and stored together with the offset that comes next."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue, NotFound, Refusal
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import UsageFormat
from billing.ports.usage_files import COUNT_OF
from billing.ports.usage_streams import (
    PositionLost,
    PositionMoved,
    StreamBatch,
    StreamMessage,
    StreamPosition,
    UsageStream,
)
from billing.services.reconcile import Watched
from billing.services.usage_batch import Entry, ReadBatch, read_batch
from billing.services.usage_counting import UsageCounting
from billing.services.usage_intake import Taken, UsageIntake
from billing.services.usage_kept import issues_of

_logger = logging.getLogger(__name__)
_CLOUD_EVENT_HEADER = "ce_"
_CLOUD_EVENT_MARK = "specversion"
LOOK_AT_ENDS_SECONDS = 10.0
LARGEST_OFFSET = 2**62
PAUSES_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
WELL_SECONDS = 60.0
Unwrap = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class StreamSource:
    """What is consumed: by which group (it names the positions) and read by which profile.

    ``unwrap`` answers the record inside a CloudEvent, and raises InvalidValue for one that is none. ``standing`` are
    the partitions whose position is lost.
    """

    group: str
    decoder: UsageFormat
    unwrap: Unwrap
    standing: set[tuple[str, int]] = field(default_factory=set)


class UsageStreams:
    """Takes batches exactly once, and knows how far every partition is."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        intake: UsageIntake,
        counting: UsageCounting,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._intake = intake
        self._counting = counting

    async def take(self, source: StreamSource, batch: StreamBatch) -> int:
        """Store what is new of a batch and move the position, in one transaction; answers how many were new.

        A message below the kept position was taken before, by this consumer or by another one, and is left out. Raises
        PositionMoved when the position is not where the batch begins.
        """
        now = self._clock.now()
        read = await asyncio.to_thread(_read, source, batch.messages, now)
        await self._intake.prepare(read, now)
        async with self._make_work() as work:
            position = await work.usage.lock_position(source.group, batch.topic, batch.partition, now)
            if position.is_begun and position.next_offset < batch.from_offset:
                raise PositionMoved(f"{batch.topic}/{batch.partition} goes on at {position.next_offset}")
            fresh = [message for message in batch.messages if message.offset >= position.next_offset]
            if len(fresh) < len(batch.messages):
                read = await asyncio.to_thread(_read, source, fresh, now)
            taken = await self._intake.store(work, read, now)
            await work.usage.add_issues(issues_of(taken, now, origin=f"{batch.topic}/{batch.partition}"))
            await _move(work, position, batch, fresh, taken, now)
            await work.commit()
        await self._counting.count_few(taken.accounts)
        return len(fresh)

    async def positions(self, group: str = "") -> Sequence[StreamPosition]:
        """How far every partition is taken, and how many messages wait."""
        async with self._make_work() as work:
            return await work.usage.positions(group)

    async def note_ends(self, group: str, ends: Mapping[tuple[str, int], int]) -> None:
        """Remember where partitions end, so that what waits is seen while nothing comes in too."""
        now = self._clock.now()
        async with self._make_work() as work:
            for (topic, partition), end in sorted(ends.items()):
                position = await work.usage.lock_position(group, topic, partition, now)
                await work.usage.move_position(position, {"end_offset": end, "seen_at": now})
            await work.commit()

    async def move(self, group: str, topic: str, partition: int, offset: int, author: str) -> StreamPosition:
        """Go on at another offset, as an operator decided: what lies between is left out, or taken again once more.

        A record taken again is a duplicate. Raises NotFound, InvalidValue.
        """
        if not 0 <= offset <= LARGEST_OFFSET:
            remedy = "Use 0 or more."
            raise InvalidValue("This is no offset.", field="offset", value=offset, remedy=remedy)
        known = {(each.consumer_group, each.topic, each.partition) for each in await self.positions(group)}
        if (group, topic, partition) not in known:
            remedy = "GET /v1/usage/streams lists those there are."
            raise NotFound("There is no such partition.", field="topic", value=f"{topic}/{partition}", remedy=remedy)
        now = self._clock.now()
        async with self._make_work() as work:
            position = await work.usage.lock_position(group, topic, partition, now)
            await work.usage.move_position(position, {"next_offset": offset, "trouble": ""})
            await work.commit()
        _logger.warning("%s moved %s/%s from %d to %d", author, topic, partition, position.next_offset, offset)
        return replace(position, next_offset=offset, trouble="")

    async def stand_still(self, group: str, lost: PositionLost) -> None:
        """Write down that a partition cannot go on by itself."""
        now = self._clock.now()
        async with self._make_work() as work:
            position = await work.usage.lock_position(group, lost.topic, lost.partition, now)
            trouble = f"Offset {position.next_offset} is not in the topic any more: it expired, or the topic is new."
            await work.usage.move_position(position, {"trouble": trouble, "seen_at": now})
            await work.commit()

    async def alarms(self) -> Watched:
        """A sentence for each partition that stands still."""
        troubled = [each for each in await self.positions() if each.trouble]
        return Watched(0, tuple(f"{each.topic}/{each.partition}: {each.trouble}" for each in troubled))


def _read(source: StreamSource, messages: Sequence[StreamMessage], now: datetime) -> ReadBatch:
    return read_batch([_entry(source, message) for message in messages], now)


def _entry(source: StreamSource, message: StreamMessage) -> Entry:
    """A message as a record; what cannot be read is kept with its reason, and never stops the stream."""
    raw = message.value.decode("utf-8", "backslashreplace")
    try:
        message.value.decode("utf-8")
        attributes = _cloud_attributes(message)
        if attributes:
            return Entry(source.unwrap(attributes | {"data": json.loads(raw)}), raw, message.offset)
        decoded = source.decoder.decode_line(raw)
        if decoded.event is not None and _CLOUD_EVENT_MARK in decoded.event:
            return Entry(source.unwrap(json.loads(raw)), raw, message.offset)
        if decoded.part is not None:
            reason = "This record is a part of a session; send such records in files."
            return Entry(None, raw, message.offset, "message", reason)
    except Refusal as refusal:
        return Entry(None, raw, message.offset, refusal.field, refusal.message)
    except Exception as error:  # whatever a message does to a decoder: it is kept, and the stream goes on
        return Entry(None, raw, message.offset, "message", f"The message cannot be read: {str(error)[:200]}.")
    return Entry(decoded.event, raw, message.offset, decoded.field, decoded.reason)


def _cloud_attributes(message: StreamMessage) -> dict[str, str]:
    """The attributes of a CloudEvent in binary mode; empty when it is none."""
    headers = {name.lower(): value for name, value in message.headers.items()}
    if _CLOUD_EVENT_HEADER + _CLOUD_EVENT_MARK not in headers:
        return {}
    return {
        name.removeprefix(_CLOUD_EVENT_HEADER): value
        for name, value in headers.items()
        if name.startswith(_CLOUD_EVENT_HEADER)
    }


async def _move(
    work: UnitOfWork,
    position: StreamPosition,
    batch: StreamBatch,
    fresh: Sequence[StreamMessage],
    taken: Taken,
    now: datetime,
) -> None:
    values: dict[str, Any] = {"end_offset": batch.end_offset, "seen_at": now, "trouble": ""}
    if fresh:
        counts = Counter(COUNT_OF[outcome.value] for outcome in taken.outcomes)
        counts["read"] = len(fresh)
        values |= {name: getattr(position, name) + added for name, added in counts.items()}
        values["next_offset"] = fresh[-1].offset + 1
    await work.usage.move_position(position, values)


async def consume_forever(
    streams: UsageStreams,
    source: StreamSource,
    make_stream: Callable[[], UsageStream],
    pauses: Sequence[float] = PAUSES_SECONDS,
) -> None:
    """Take a stream until cancelled. What goes wrong is logged and tried again, after a while that grows."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        begun_at = loop.time()
        try:
            await consume(streams, source, make_stream())
        except Exception as fault:  # the brokers or the database are away, or a bug: nothing is lost by trying again
            failures = 0 if loop.time() - begun_at > WELL_SECONDS else failures + 1
            pause = pauses[min(failures, len(pauses) - 1)]
            _logger.warning("the stream of %s waits %g s: %s", source.group, pause, fault)
            await asyncio.sleep(pause)


async def consume(streams: UsageStreams, source: StreamSource, stream: UsageStream) -> None:
    """Take a stream until cancelled, or until it has to begin again because a position was moved.

    Raises what goes wrong; begun again, it goes on where it was.
    """

    async def positions() -> Mapping[tuple[str, int], int]:
        known = await streams.positions(source.group)
        return {(each.topic, each.partition): each.next_offset for each in known if each.is_begun}

    loop = asyncio.get_running_loop()
    looked_at = 0.0
    try:
        await stream.start(positions)
        while True:
            await _take_once(streams, source, stream)
            if loop.time() - looked_at > LOOK_AT_ENDS_SECONDS:
                looked_at = loop.time()
                await streams.note_ends(source.group, await stream.ends())
                if await _may_go_on(streams, source):
                    return
    except PositionMoved as moved:
        _logger.warning("%s; beginning again", moved)
    finally:
        with suppress(ConnectionError):
            await stream.stop()


async def _take_once(streams: UsageStreams, source: StreamSource, stream: UsageStream) -> None:
    try:
        for batch in await stream.take():
            await streams.take(source, batch)
    except PositionLost as lost:
        _logger.error("%s; see GET /v1/usage/streams", lost)
        await streams.stand_still(source.group, lost)
        source.standing.add((lost.topic, lost.partition))


async def _may_go_on(streams: UsageStreams, source: StreamSource) -> bool:
    """Whether a partition that stood still was given another position."""
    if not source.standing:
        return False
    known = {(each.topic, each.partition): each for each in await streams.positions(source.group)}
    free = {key for key in source.standing if not known[key].trouble}
    source.standing.difference_update(free)
    return bool(free)
