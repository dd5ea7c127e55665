"""The simulator's memory: one SQLite file, one writer thread, one transaction per request or job.

Every answer is given after its commit, so a killed simulator forgets nothing it said. Objects are JSON documents by
kind and id; what only the simulator needs sits under the key ``_sim`` and never leaves it. Work still to be done
(settlements, deliveries) are rows of ``jobs``, due on the business clock or in real time.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from simulator.business_time import BusinessTime

Json = dict[str, Any]
Result = TypeVar("Result")

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, sequence);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (kind, json_extract(body, '$.customer'), sequence);
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (kind, json_extract(body, '$.payment_intent'), sequence);
CREATE INDEX IF NOT EXISTS objects_by_recipient ON objects (kind, json_extract(body, '$.to'), sequence);
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, clock TEXT NOT NULL, due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_due ON jobs (clock, due);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, stored REAL NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""

KEPT_ON_RESET = ("sendgrid_key", "webhooks", "clock", "last_seen")

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Transaction:
    """One unit of work: everything in it is committed together or not at all."""

    def __init__(self, connection: sqlite3.Connection, business_time: BusinessTime) -> None:
        self._connection = connection
        self.business_time = business_time
        self.real_now = datetime.now(UTC)
        self.business_now = business_time.at(self.real_now)
        self.scheduled = False

    @property
    def epoch(self) -> int:
        """Now in whole seconds of real time, as vendors stamp their objects."""
        return int(self.real_now.timestamp())

    def get(self, kind: str, identity: str) -> Json | None:
        """The object, or None."""
        row = self._connection.execute(
            "SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, identity)
        ).fetchone()
        return None if row is None else _load(row[0])

    def save(self, kind: str, body: Json) -> Json:
        """Store the object under its ``id``, new or again; it keeps its place in lists."""
        self._connection.execute(
            "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, body["id"], json.dumps(body)),
        )
        return body

    def find(
        self,
        kind: str,
        where: Json | None = None,
        *,
        limit: int = 10_000,
        before: str | None = None,
        after: str | None = None,
        created: Mapping[str, int] | None = None,
        containing: tuple[str, str] | None = None,
    ) -> list[Json]:
        """Objects of a kind, newest first, whose fields equal ``where`` (dotted names reach inside).

        ``before`` and ``after`` are ids of the list: only older or only newer objects are given. ``created`` bounds
        the time of creation (gt, gte, lt, lte; epoch seconds); ``containing`` is a field and a text within it.
        """
        conditions: list[str] = ["kind = ?"]
        values: list[Any] = [kind]
        for name, value in (where or {}).items():
            conditions.append(f"json_extract(body, '$.{name}') = ?")
            values.append(value)
        for name, bound in (created or {}).items():
            conditions.append(f"json_extract(body, '$.created') {_SIGNS[name]} ?")
            values.append(bound)
        if containing is not None:
            conditions.append(f"instr(lower(json_extract(body, '$.{containing[0]}')), ?) > 0")
            values.append(containing[1].lower())
        for identity, sign in ((before, "<"), (after, ">")):
            if identity is not None:
                conditions.append(f"sequence {sign} (SELECT sequence FROM objects WHERE kind = ? AND id = ?)")
                values += [kind, identity]
        order = "ASC" if after is not None else "DESC"
        rows = self._connection.execute(
            f"SELECT body FROM objects WHERE {' AND '.join(conditions)} ORDER BY sequence {order} LIMIT ?",
            [*values, limit],
        ).fetchall()
        found = [_load(row[0]) for row in rows]
        return found[::-1] if after is not None else found

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return int(self._connection.execute("SELECT count(*) FROM objects WHERE kind = ?", (kind,)).fetchone()[0])

    def schedule(self, kind: str, body: Json, *, real: datetime | None = None, business: datetime | None = None) -> int:
        """Put a job on one of the clocks; without a time it is due at once. Gives its number."""
        clock, due = ("business", business) if business is not None else ("real", real or self.real_now)
        cursor = self._connection.execute(
            "INSERT INTO jobs (kind, clock, due, body) VALUES (?, ?, ?, ?)",
            (kind, clock, due.timestamp(), json.dumps(body)),
        )
        self.scheduled = True
        return int(cursor.lastrowid or 0)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """A statement on the tables above, for the scheduler and the control API."""
        return self._connection.execute(statement, tuple(values))

    def setting(self, name: str) -> Any:
        """A kept setting, or None."""
        row = self._connection.execute("SELECT body FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep(self, name: str, value: Any) -> None:
        """Keep a setting across restarts."""
        self._connection.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            (name, json.dumps(value)),
        )

    def clear(self) -> None:
        """Forget every object, job, answer and story; keys, addresses and the clock stay."""
        for table in ("objects", "jobs", "answers"):
            self._connection.execute(f"DELETE FROM {table}")
        marks = ",".join("?" * len(KEPT_ON_RESET))
        self._connection.execute(f"DELETE FROM settings WHERE name NOT IN ({marks})", KEPT_ON_RESET)


class Store:
    """The file and its one writer; ``run`` is the only way in."""

    def __init__(self, path: Path, business_time: BusinessTime) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.business_time = business_time
        self.wake = asyncio.Event()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simulator-store")
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)

    async def run(self, work: Callable[[Transaction], Result]) -> Result:
        """Do the work in one transaction on the writer thread; an exception undoes it."""
        result, scheduled = await asyncio.get_running_loop().run_in_executor(self._writer, self._in_transaction, work)
        if scheduled:
            self.wake.set()
        return result

    def run_now(self, work: Callable[[Transaction], Result]) -> Result:
        """The same before the event loop runs."""
        return self._in_transaction(work)[0]

    def close(self) -> None:
        """Finish what is being written and close the file."""
        self._writer.shutdown(wait=True)
        self._connection.close()

    def _in_transaction(self, work: Callable[[Transaction], Result]) -> tuple[Result, bool]:
        transaction = Transaction(self._connection, self.business_time)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(transaction)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result, transaction.scheduled


def _load(text: str) -> Json:
    loaded: Json = json.loads(text)
    return loaded
