"""Single records share transactions: whoever waits while one group commits is in the next one.

A record that comes alone is taken alone at once. Under load a group is what arrived while the one before it was
committing, and within a millisecond more, for callers answered together come again together. Every caller gets
its own answer, and only after the commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Protocol, TypeVar, cast

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Given = TypeVar("Given", covariant=True)
Told = TypeVar("Told", contravariant=True)

MOST_WAITING = 4000
MOST_TOGETHER = 256
GROUPS_AT_ONCE = 2
GATHERING_SECONDS = 0.001
SPLITTING_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1


class TooBusy(Exception):
    """More is waiting than is held; a fault, so sending again after ``retry_after_seconds`` is right."""

    def __init__(self, what: str, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(f"{what}: try again after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class Waiting(Protocol[Given, Told]):
    """An item and whoever waits for what becomes of it: one of the two methods is called, once."""

    @property
    def item(self) -> Given: ...

    def answer(self, answer: Told) -> None:
        """It is committed, and this is its answer. Must not raise."""

    def fail(self, error: Exception) -> None:
        """Nothing of it was stored. Must not raise."""


@dataclass(slots=True)
class _Asked(Generic[Item, Answer]):
    """A task that waits; it may be gone by then."""

    item: Item
    answered: asyncio.Future[Answer]

    def answer(self, answer: Answer) -> None:
        if not self.answered.done():
            self.answered.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)


class Grouping(Generic[Item, Answer]):
    """Hands items to ``take_together`` in groups; it answers one result per item, in order.

    A group that fails is taken again in halves, so that an item which breaks the transaction fails alone. A database
    that is away fails every half: after five seconds what is left of the group fails without another try.
    """

    def __init__(
        self,
        take_together: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        most_waiting: int = MOST_WAITING,
        most_together: int = MOST_TOGETHER,
        groups_at_once: int = GROUPS_AT_ONCE,
    ) -> None:
        self._take_together = take_together
        self._most_waiting = most_waiting
        self._most_together = most_together
        self._groups_at_once = groups_at_once
        self._company = 1
        self._waiting: deque[Waiting[Item, Answer]] = deque()
        self._workers: set[asyncio.Task[None]] = set()

    async def take(self, item: Item) -> Answer:
        """The item's own answer, once its group is committed. Raises TooBusy, or what taking it alone raises."""
        asked: _Asked[Item, Answer] = _Asked(item, asyncio.get_running_loop().create_future())
        self.put(asked)
        return await asked.answered

    def put(self, waiting: Waiting[Item, Answer]) -> None:
        """Let an item wait for its group without a task of its own. Raises TooBusy."""
        if len(self._waiting) >= self._most_waiting:
            raise TooBusy(f"{len(self._waiting)} records are waiting")
        self._waiting.append(waiting)
        if len(self._workers) < self._groups_at_once:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)

    async def _work(self) -> None:
        """Until nobody waits; whoever comes in the very next moment finds one worker less, and makes another."""
        try:
            while self._waiting:
                if len(self._waiting) < self._company:
                    await asyncio.sleep(GATHERING_SECONDS)
                size = min(len(self._waiting), self._most_together)
                if size:  # another group may have taken all of them meanwhile
                    self._company = size
                    await self._settle([self._waiting.popleft() for _ in range(size)])
        finally:
            self._workers.discard(cast(asyncio.Task[None], asyncio.current_task()))

    async def _settle(self, group: list[Waiting[Item, Answer]]) -> None:
        """Answer everybody in the group, in halves where the whole of it fails."""
        give_up_at = monotonic() + SPLITTING_SECONDS
        parts = [group]
        while parts:
            part = parts.pop()
            try:
                answers = await self._take_together([each.item for each in part])
            except Exception as error:
                if len(part) == 1 or monotonic() > give_up_at:
                    for waiting in part:
                        waiting.fail(error)
                    continue
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            else:
                for waiting, answer in zip(part, answers, strict=True):
                    waiting.answer(answer)


class Turnstile:
    """Lets so many callers in at once and holds some more; beyond that it raises TooBusy."""

    def __init__(self, what: str, *, at_once: int, most_waiting: int) -> None:
        self._what = what
        self._most = at_once + most_waiting
        self._inside = 0
        self._places = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> None:
        if self._inside >= self._most:
            raise TooBusy(f"{self._inside} {self._what} are being taken or waiting")
        self._inside += 1
        try:
            await self._places.acquire()
        except BaseException:
            self._inside -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        self._places.release()
