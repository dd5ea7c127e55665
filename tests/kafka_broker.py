"""A broker that speaks Kafka's protocol over TCP: the mock cluster inside librdkafka, in a process of its own.

It knows topics, fetches, offsets and consumer groups; what it holds is gone with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Producer

PARTITIONS = 4


class Broker:
    """Runs as long as it is kept; ``address`` is host:port."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "the mock replaces it"})
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{each.host}:{each.port}" for each in brokers)

    def make(self, topic: str) -> None:
        """A topic with four partitions and nothing in it."""
        self._producer.list_topics(topic, timeout=10)

    def send(
        self, topic: str, values: Sequence[bytes], partition: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        """Messages in this order, acknowledged by the broker."""
        failures: list[Any] = []

        def acknowledged(error: Any, _message: Any) -> None:
            failures.extend([error] if error else [])

        for value in values:
            given = list((headers or {}).items())
            self._producer.produce(topic, value, partition=partition, headers=given, on_delivery=acknowledged)
        assert self._producer.flush(10) == 0
        assert failures == []

    async def send_soon(self, topic: str, values: Sequence[bytes], partition: int = 0) -> None:
        """As ``send``, beside what the loop does."""
        await asyncio.to_thread(self.send, topic, values, partition)
