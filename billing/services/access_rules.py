"""What holds for signing in: how long, for whom a second factor is demanded, and how often it may be tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.domain.errors import InvalidValue, Refusal

# Tries of one address, and of one person from anywhere; a success forgets the person's.
TRIES_OF_ADDRESS = "30 per 5 minutes"
TRIES_OF_PERSON = "10 per 15 minutes"


class TooManyTries(Refusal):
    """Somebody tried too often; nothing was looked at."""


class NotRecognised(InvalidValue):
    """What was given does not prove who somebody is; it is not said which part of it."""


@dataclass(frozen=True)
class AccessRules:
    """``second_factor_roles`` must have a second factor; ``key_sign_in`` opens the console to API keys."""

    second_factor_roles: Sequence[str] = ("finance", "admin")
    idle: timedelta = timedelta(minutes=60)
    absolute: timedelta = timedelta(hours=12)
    invitation: timedelta = timedelta(days=3)
    reset: timedelta = timedelta(hours=2)
    key_sign_in: bool = True


@dataclass(frozen=True)
class Whence:
    """Where a browser comes from, as it is shown beside its session."""

    address: str
    browser: str


def real_time() -> datetime:
    """Sessions and links live in real time, however fast the business clock runs."""
    return datetime.now(UTC)


def too_many() -> TooManyTries:
    return TooManyTries(
        "There were too many tries.",
        field="tries",
        remedy="Wait a quarter of an hour, or ask an administrator to unlock you.",
    )
