"""Notices that upkeep finds and sends, each by itself."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from billing.messages.notices import NoticeRequest, NoticeResult

_log = logging.getLogger(__name__)


class Notices(Protocol):
    """The one way a customer hears from us."""

    async def send(self, request: NoticeRequest) -> NoticeResult: ...


class SomeNoticesFailed(Exception):
    """Notices that could not be sent in this round; the first of them is the cause."""


async def send_each(steps: Sequence[Callable[[], Awaitable[bool]]]) -> int:
    """How many went out. One that fails keeps no other one waiting; raises SomeNoticesFailed at the end."""
    done, failures = 0, list[Exception]()
    for step in steps:
        try:
            done += await step()
        except Exception as error:
            _log.warning("a notice was not sent; the next round tries again", exc_info=True)
            failures.append(error)
    if failures:
        raise SomeNoticesFailed(f"{len(failures)} of {len(steps)} failed") from failures[0]
    return done
