"""A stream in memory, for tests: a topic of four partitions, and consumers that read all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from billing.ports.usage_streams import PositionLost, Positions, StreamBatch, StreamMessage

PARTITIONS = 4


@dataclass
class Topic:
    """What was sent, by partition; the place in the list is the offset."""

    name: str
    messages: dict[int, list[StreamMessage]] = field(default_factory=lambda: {each: [] for each in range(PARTITIONS)})

    def send(self, partition: int, values: Sequence[bytes], headers: Mapping[str, str] | None = None) -> None:
        kept = self.messages[partition]
        kept += [StreamMessage(len(kept) + number, value, headers or {}) for number, value in enumerate(values)]


class ScriptedStream:
    """Answers what is there at once; ``most`` messages of a partition at a time."""

    def __init__(self, topic: Topic, most: int = 1000) -> None:
        self._topic = topic
        self._most = most
        self._read_to: dict[int, int] = {}
        self._lost: set[int] = set()

    async def start(self, positions: Positions) -> None:
        known = await positions()
        self._read_to = {each: known.get((self._topic.name, each), 0) for each in self._topic.messages}

    async def take(self) -> Sequence[StreamBatch]:
        await asyncio.sleep(0)
        found = []
        for partition, messages in self._topic.messages.items():
            start = self._read_to[partition]
            if start > len(messages):
                if partition in self._lost:
                    continue
                self._lost.add(partition)
                raise PositionLost(self._topic.name, partition)
            part = messages[start : start + self._most]
            if part:
                self._read_to[partition] = part[-1].offset + 1
                found.append(StreamBatch(self._topic.name, partition, part, start, len(messages)))
        return found

    async def ends(self) -> Mapping[tuple[str, int], int]:
        return {(self._topic.name, each): len(messages) for each, messages in self._topic.messages.items()}

    async def stop(self) -> None:
        self._read_to = {}
