"""How often somebody may try: counted in the database by windows, so that all processes count together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.domain.errors import TooManyTries
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.customer_secrets import CustomerSecrets


@dataclass(frozen=True)
class Allowance:
    """At most so many tries in a window of so long."""

    scope: str
    most: int
    window: timedelta


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ASK_BY_CONTACT = Allowance("ask_contact", 5, HOUR)
ASK_BY_ADDRESS = Allowance("ask_address", 30, HOUR)
GUESS_BY_ADDRESS = Allowance("guess_address", 60, HOUR)
CHANGE_BY_ACCOUNT = Allowance("change_account", 5, HOUR)
# Behind a pay or methods address. A right one always opens: its signature cannot be guessed, and a whole town may share
# one address. What is limited is trying wrong ones, and pressing buttons.
WRONG_LINK_BY_ADDRESS = Allowance("link_address", 60, HOUR)
PRESS_BY_LINK = Allowance("press_link", 60, HOUR)
PRESS_BY_ADDRESS = Allowance("press_address", 600, HOUR)
DOWNLOAD_BY_ACCOUNT = Allowance("download_account", 3, DAY)


class CustomerTries:
    """Counts, and refuses what is too much. Subjects are kept as hashes."""

    def __init__(self, make_work: UnitOfWorkFactory, secrets: CustomerSecrets) -> None:
        self._make_work = make_work
        self._secrets = secrets

    async def count(self, allowance: Allowance, subject: str, now: datetime) -> None:
        """One more try of a subject. Raises TooManyTries."""
        seconds = int(allowance.window.total_seconds())
        window_from = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
        hashed = self._secrets.hash_of("tries", allowance.scope, subject)
        async with self._make_work() as work:
            tries = await work.self_service.count_try(allowance.scope, hashed, window_from)
            await work.commit()
        if tries > allowance.most:
            raise TooManyTries(
                "This was tried too often.",
                field=allowance.scope,
                remedy=f"Try again after {window_from + allowance.window:%H:%M} UTC.",
            )
