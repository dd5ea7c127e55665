"""A consumer of one topic within a group. Offsets are never committed to the broker: they are kept with the data."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.helpers import create_ssl_context

from billing.ports.usage_streams import PositionLost, Positions, StreamBatch, StreamMessage

_logger = logging.getLogger(__name__)
POLL_MILLISECONDS = 1000
PLACING_SECONDS = 0.1
MOST_MESSAGES = 5000
# A message of usage is small; this bounds what one fetch may bring into memory.
MOST_BYTES_OF_A_PARTITION = 4 * 2**20


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where and how. ``protocol`` is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; ``mechanism`` PLAIN, SCRAM-SHA-256 or
    SCRAM-SHA-512; ``authority`` a file with the certificate of the brokers' authority, empty for the system's own."""

    brokers: str
    topic: str
    group: str
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str = ""
    password: str = ""
    authority: str = ""

    def options(self) -> dict[str, Any]:
        """As the client wants them."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._context()
        if self.protocol.startswith("SASL"):
            options |= {"sasl_mechanism": self.mechanism}
            options |= {"sasl_plain_username": self.username, "sasl_plain_password": self.password}
        return options

    def _context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = create_ssl_context(cafile=self.authority or None)
        return context


class KafkaStream:
    """One member of the group. The group only shares the partitions out; positions come from whoever starts us."""

    def __init__(self, access: KafkaAccess, most_messages: int = MOST_MESSAGES) -> None:
        self._access = access
        self._most_messages = most_messages
        self._consumer: AIOKafkaConsumer | None = None
        self._read_to: dict[TopicPartition, int] = {}

    async def start(self, positions: Positions) -> None:
        access = self._access
        async with _as_connection_error():
            consumer = AIOKafkaConsumer(
                bootstrap_servers=access.brokers,
                group_id=access.group,
                client_id="evenflow",
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_partition_fetch_bytes=MOST_BYTES_OF_A_PARTITION,
                **access.options(),
            )
            # Subscribed before it starts, so that no partition is read before it was placed.
            self._placing = _Placing(consumer, positions, self._read_to)
            consumer.subscribe([access.topic], listener=self._placing)
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
        self._consumer = consumer

    async def take(self) -> Sequence[StreamBatch]:
        consumer = self._running()
        async with _as_connection_error():
            try:
                found = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=self._most_messages)
            except OffsetOutOfRangeError as error:
                lost = next(iter(error.args[0]))
                consumer.pause(lost)
                raise PositionLost(lost.topic, lost.partition) from error
            except NoOffsetForPartitionError:
                # The client looks for an offset at the broker while we are still placing the partition.
                await asyncio.sleep(PLACING_SECONDS)
                found = {}
        if self._placing.failure or not found.keys() <= self._read_to.keys():
            raise ConnectionError("a partition came to us without its position") from self._placing.failure
        return [self._batch(consumer, place, records) for place, records in found.items() if records]

    async def ends(self) -> Mapping[tuple[str, int], int]:
        consumer = self._running()
        async with _as_connection_error():
            found = await consumer.end_offsets(list(consumer.assignment()))
        return {(place.topic, place.partition): end for place, end in found.items()}

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            async with _as_connection_error():
                await consumer.stop()

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise ConnectionError("the stream is not started")
        return self._consumer

    def _batch(self, consumer: AIOKafkaConsumer, place: TopicPartition, records: Sequence[Any]) -> StreamBatch:
        messages = [StreamMessage(each.offset, each.value or b"", _texts(each.headers)) for each in records]
        from_offset, after = self._read_to[place], messages[-1].offset + 1
        self._read_to[place] = after
        end_offset = max(consumer.highwater(place) or 0, after)
        return StreamBatch(place.topic, place.partition, messages, from_offset, end_offset)


@ConsumerRebalanceListener.register
class _Placing:
    """Puts every partition that becomes ours where the kept position is; ``failure`` says why that was not possible."""

    def __init__(self, consumer: AIOKafkaConsumer, positions: Positions, read_to: dict[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._positions = positions
        self._read_to = read_to
        self.failure: Exception | None = None

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing is under way that could be lost: what is not committed is read again by the next owner."""
        for place in revoked:
            self._read_to.pop(place, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        try:
            await self._place(assigned)
        except Exception as failure:  # the client would only log it, and read from nowhere
            self.failure = failure

    async def _place(self, assigned: Sequence[TopicPartition]) -> None:
        known = await self._positions()
        new = [place for place in assigned if (place.topic, place.partition) not in known]
        first = await self._consumer.beginning_offsets(new) if new else {}
        for place in assigned:
            offset = known.get((place.topic, place.partition), first.get(place, 0))
            self._read_to[place] = offset
            self._consumer.seek(place, offset)
        _logger.info("took over %s", ", ".join(f"{place.topic}/{place.partition}" for place in sorted(assigned)))


def _texts(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    return {name: (value or b"").decode("utf-8", "backslashreplace") for name, value in headers or ()}


@asynccontextmanager
async def _as_connection_error() -> AsyncIterator[None]:
    """What goes wrong with the brokers, as the port says it."""
    try:
        yield
    except OffsetOutOfRangeError:
        raise
    except KafkaError as error:
        raise ConnectionError(f"Kafka: {type(error).__name__}: {error}") from error
