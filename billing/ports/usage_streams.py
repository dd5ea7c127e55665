"""Streams of usage: messages by topic, partition and offset, and how far each partition is taken.

The offset is kept with the data, in the same transaction: whatever dies in between, each message is taken once. What
the broker remembers of the consumer is never asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One message; ``headers`` as texts."""

    offset: int
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Messages of one partition in their order, at least one.

    ``from_offset`` is where reading was when they were fetched: nothing lies between it and the first of them (a topic
    may have holes). ``end_offset`` is the offset that the next new message will have.
    """

    topic: str
    partition: int
    messages: Sequence[StreamMessage]
    from_offset: int
    end_offset: int


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """How far a partition is taken: ``next_offset`` comes next, ``end_offset`` was the end when it was last seen.

    The counts say what became of its messages; ``trouble`` why it stands still, empty when it does not.
    """

    consumer_group: str
    topic: str
    partition: int
    next_offset: int
    end_offset: int
    seen_at: datetime
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    recycled: int = 0
    rejected: int = 0
    late: int = 0
    trouble: str = ""

    @property
    def is_begun(self) -> bool:
        """Whether its position means anything; one that is not begun starts at the first message there is."""
        return self.read > 0 or self.next_offset > 0

    @property
    def lag(self) -> int:
        """How many messages waited when it was last seen."""
        return max(self.end_offset - self.next_offset, 0)


class PositionLost(Exception):
    """The broker does not hold the offset that comes next: messages expired, or the topic was made anew."""

    def __init__(self, topic: str, partition: int) -> None:
        super().__init__(f"the position of {topic}/{partition} is not in the topic")
        self.topic = topic
        self.partition = partition


class PositionMoved(Exception):
    """The kept position is not where this consumer reads: an operator moved it. Begin again."""


# Answers the offset that comes next by (topic, partition); a partition that is not in it begins at its first message.
Positions = Callable[[], Awaitable[Mapping[tuple[str, int], int]]]


class UsageStream(Protocol):
    """A source of messages. Several consumers share the partitions; whoever gets one begins at its kept position."""

    async def start(self, positions: Positions) -> None:
        """Begin. Raises ConnectionError when no broker answers."""
        ...

    async def take(self) -> Sequence[StreamBatch]:
        """What has come, at most a batch per partition; waits a moment, and may be empty.

        Raises PositionLost, once for a partition, which then stands still while the others go on; and ConnectionError
        when the brokers are away.
        """
        ...

    async def ends(self) -> Mapping[tuple[str, int], int]:
        """The end of every partition that is ours now, by (topic, partition)."""
        ...

    async def stop(self) -> None: ...


class UsageStreamStore(Protocol):
    """How far streams are taken."""

    async def lock_position(self, group: str, topic: str, partition: int, at: datetime) -> StreamPosition:
        """The position, locked until the transaction ends; offset 0 for a partition that is new."""
        ...

    async def positions(self, group: str = "") -> Sequence[StreamPosition]:
        """All that is known, of one group or of all, by group, topic and partition."""
        ...

    async def move_position(self, position: StreamPosition, values: Mapping[str, Any]) -> None: ...
