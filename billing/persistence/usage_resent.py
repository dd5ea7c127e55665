"""Records that are stored with several starts, on PostgreSQL: one statement over all days that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.ports.usage_resent import SentAgain

_FIRST = UUID(int=0), 0
# Materialized, so that the order of the page does not make the database sort all events instead of hashing them.
_SENT_AGAIN = text(
    "WITH several AS MATERIALIZED (SELECT key_hash, account_id, count(*) AS copies, min(started_at) AS first "
    "FROM usage_events WHERE part = 0 AND started_at >= :since "
    "AND (key_hash, account_id) > (:after_hash, :after_account) GROUP BY key_hash, account_id HAVING count(*) > 1), "
    "page AS MATERIALIZED (SELECT * FROM several ORDER BY key_hash, account_id LIMIT :limit) "
    "SELECT page.copies, stored.started_at, key_hash, account_id "
    "FROM page JOIN usage_events AS stored USING (key_hash, account_id) "
    "WHERE stored.part = 0 AND stored.started_at >= :since "
    "AND (page.copies <= :most_copies OR stored.started_at = page.first) ORDER BY key_hash, account_id, started_at"
)


class SqlUsageResent:
    """Finding copies."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def sent_again(
        self, since: datetime, most_copies: int, limit: int, after: tuple[UUID, int] | None = None
    ) -> Sequence[SentAgain]:
        key_hash, account_id = after or _FIRST
        asked = {"since": since, "most_copies": most_copies, "limit": limit}
        rows = await self._connection.execute(
            _SENT_AGAIN, asked | {"after_hash": key_hash, "after_account": account_id}
        )
        found = []
        for _, own in groupby(rows, key=lambda row: (row.key_hash, row.account_id)):
            copies = list(own)
            keys = [(row.started_at, row.key_hash, row.account_id) for row in copies]
            found.append(SentAgain(copies[0].copies, keys))
        return found
