"""Balances as they change, for many readers at once: one look at the database serves all of them.

Every reader has room for one balance, the newest: who reads slowly misses balances in between and never a last one.
Nothing is asked of whoever counts usage, so readers cost writers nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from billing.domain.errors import Refusal
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.usage_balance import AccountBalance

MOST_READERS = 500
LOOK_EVERY_SECONDS = 0.25
# At most a third of the time is spent on looking, however many accounts move.
REST_FOR_EACH_SECOND_OF_WORK = 2.0
TRY_AGAIN_SECONDS = 2.0
HEARTBEAT_SECONDS = 15.0
# Then a reader comes again, with a key that is still good.
LONGEST_SECONDS = 900.0
_logger = logging.getLogger(__name__)


class TooManyReaders(Refusal):
    """This server follows as many balances as it can, or is about to stop."""


@dataclass(frozen=True, slots=True)
class Change:
    """A balance and its mark, which changes when the balance does."""

    mark: str
    balance: AccountBalance


class Reader:
    """One reader of one balance; ``seen`` is the mark of the balance it has."""

    def __init__(self, account_id: str, seen: str) -> None:
        self.account_id = account_id
        self.seen = seen
        self._newest: Change | None = None
        self._news = asyncio.Event()
        self._is_over = False

    def give(self, change: Change) -> None:
        """Put a balance in the place of one that was not taken yet."""
        self.seen, self._newest = change.mark, change
        self._news.set()

    def end(self) -> None:
        """Let ``changes`` come to its end."""
        self._is_over = True
        self._news.set()

    async def changes(
        self, heartbeat_seconds: float = HEARTBEAT_SECONDS, longest_seconds: float = LONGEST_SECONDS
    ) -> AsyncIterator[Change | None]:
        """Each newest balance; None when nothing changed for a while. Ends by ``end``, or after the longest time."""
        last = time.monotonic() + longest_seconds
        while not self._is_over and time.monotonic() < last:
            with suppress(TimeoutError):
                async with asyncio.timeout(heartbeat_seconds):
                    await self._news.wait()
            if self._is_over:
                return
            change, self._newest = self._newest, None
            self._news.clear()
            yield change


class BalanceWatch:
    """Looks for changed balances while anybody reads. ``balance_of`` computes one, as the door of one balance does."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        balance_of: Callable[[str], Awaitable[AccountBalance]],
        most_readers: int = MOST_READERS,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._balance_of = balance_of
        self._most_readers = most_readers
        self._readers: dict[str, set[Reader]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def number_of_readers(self) -> int:
        """How many balances are read now."""
        return sum(len(readers) for readers in self._readers.values())

    async def follow(self, account_id: str, seen: str = "") -> Reader:
        """A reader that has the balance now, unless it is the one ``seen``. ``leave`` must follow.

        Raises NotFound as the balance does, TooManyReaders beyond the bound.
        """
        if self._is_closed or self.number_of_readers >= self._most_readers:
            raise TooManyReaders(
                "No more balances can be followed here.",
                field="account_id",
                value=account_id,
                remedy="Read the balance itself, or follow it again in a moment.",
            )
        reader = Reader(account_id, seen)
        self._readers.setdefault(account_id, set()).add(reader)
        try:
            await self._show(account_id, (await self._marks([account_id])).get(account_id, ""))
        except BaseException:
            self.leave(reader)
            raise
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_while_read())
        return reader

    def leave(self, reader: Reader) -> None:
        """The reader is gone."""
        readers = self._readers.get(reader.account_id, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(reader.account_id, None)

    def close(self) -> None:
        """End every reading, and take no new ones: the server stops."""
        self._is_closed = True
        for readers in self._readers.values():
            for reader in readers:
                reader.end()
        if self._looking is not None:
            self._looking.cancel()

    async def _look_while_read(self) -> None:
        while self._readers:
            began = time.monotonic()
            rest = LOOK_EVERY_SECONDS
            try:
                await self._look()
            except Exception as fault:  # the database may be away for a while; readers stay
                _logger.warning("balances are not followed now: %s", fault)
                rest = TRY_AGAIN_SECONDS
            await asyncio.sleep(max(rest, (time.monotonic() - began) * REST_FOR_EACH_SECOND_OF_WORK))

    async def _look(self) -> None:
        for account_id, mark in (await self._marks(list(self._readers))).items():
            await self._show(account_id, mark)

    async def _marks(self, account_ids: list[str]) -> dict[str, str]:
        async with self._make_work() as work:
            return dict(await work.usage.balance_marks(account_ids, self._clock.now()))

    async def _show(self, account_id: str, mark: str) -> None:
        """Give the balance to those who do not have it. The mark was read first: it is never newer than the balance."""
        waiting = [reader for reader in self._readers.get(account_id, ()) if reader.seen != mark]
        if waiting:
            change = Change(mark, await self._balance_of(account_id))
            for reader in waiting:
                reader.give(change)
