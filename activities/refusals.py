"""Refusals end an activity: trying the same request again cannot help. Everything else is a fault and is retried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError

from billing.domain.errors import Refusal

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def refusals_final(work: Callable[Given, Awaitable[Answer]]) -> Callable[Given, Awaitable[Answer]]:
    """Turn a Refusal into a non-retryable ApplicationError that carries field, value and remedy as details."""

    @wraps(work)
    async def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return await work(*args, **kwargs)
        except Refusal as refusal:
            raise ApplicationError(
                refusal.message,
                {"field": refusal.field, "value": refusal.value, "remedy": refusal.remedy},
                type=type(refusal).__name__,
                non_retryable=True,
            ) from refusal

    return wrapped
