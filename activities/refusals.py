"""Refusals end an activity: trying the same request again cannot help. Everything else is a fault and is retried.

A busy vendor that says when to come back is asked again then, not earlier. And an activity shows that it lives, so that
what a killed worker held is begun again within seconds, not when its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from billing.domain.errors import Refusal
from billing.ports.messenger import VendorBusy
from billing.ports.payment_provider import ProviderBusy

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
# Most activities are over before their first sign of life, which costs a call to the server.
SIGN_OF_LIFE_SECONDS = 3.0


def dependable(work: Callable[Given, Awaitable[Answer]]) -> Callable[Given, Awaitable[Answer]]:
    """An activity whose refusals are final, and that shows every few seconds that it lives."""
    final = refusals_final(work)

    @wraps(work)
    async def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        async with _signs_of_life():
            return await final(*args, **kwargs)

    return wrapped


@asynccontextmanager
async def _signs_of_life() -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(SIGN_OF_LIFE_SECONDS)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def refusals_final(work: Callable[Given, Awaitable[Answer]]) -> Callable[Given, Awaitable[Answer]]:
    """Turn a Refusal into a non-retryable ApplicationError that carries field, value and remedy as details."""

    @wraps(work)
    async def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return await work(*args, **kwargs)
        except Refusal as refusal:
            # No cause: SQLAlchemy makes a malformed identity its own, and Temporal would follow it without end.
            raise ApplicationError(
                refusal.message,
                {"field": refusal.field, "value": refusal.value, "remedy": refusal.remedy},
                type=type(refusal).__name__,
                non_retryable=True,
            ) from None
        except (ProviderBusy, VendorBusy) as busy:
            if busy.retry_after_seconds is None:
                raise
            delay = timedelta(seconds=busy.retry_after_seconds)
            raise ApplicationError(str(busy), type=type(busy).__name__, next_retry_delay=delay) from busy

    return wrapped
