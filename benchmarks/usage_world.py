"""A database with many customers, and usage files for them: what usage is measured on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.places import data_directory
from billing.adapters.usage_formats import standard_formats
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.messages.account import AccountState, AccountView, Command, CommandResult
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.messages.usage import ImportFileRequest
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.services.usage import UsageService
from evenflow.stack.child import Child
from evenflow.stack.migrate import upgrade
from evenflow.stack.ports import free_port
from evenflow.stack.postgres import PostgresServer, prepare_postgres

DAY = datetime(2027, 2, 1, tzinfo=UTC)
NOW = DAY + timedelta(hours=30)
PLAN = """{"code": "bench", "name": "Bench", "currency": "EUR", "prices": [
 {"code": "voice", "name": "Calls", "model": "per_unit", "meter": "voice", "unit_size": 60, "rate": "0.10",
  "increments": "60/60", "destinations": [{"name": "Belgium", "prefixes": ["32"], "rate": "0.20"}], "prefixes": ["31"]},
 {"code": "sms", "name": "Texts", "model": "per_event", "meter": "sms", "rate": "0.05"},
 {"code": "data", "name": "Data", "model": "per_unit", "meter": "data", "unit_size": 1000000, "rate": "0.01"}],
 "allowances": [{"code": "minutes", "name": "Minutes", "meter": "voice", "quantity": 60000}]}"""
_SEED = (
    "INSERT INTO brands VALUES ('bench', 'Bench', 'EUR', 'UTC', 'NL', 'en_GB', '', '', '', 0, '{{}}', '{{}}', '{{}}', "
    "'default', now())",
    "INSERT INTO plans VALUES ('bench', 1, 'bench', 'Bench', '{plan}', now())",
    "INSERT INTO accounts (account_id, brand, number, status, customer_kind, customer_name, postal_address, country, "
    "locale, zone, cycle_day, notice_channels, discounts, activated_at) SELECT n, 'bench', 'B' || n, 'active', "
    "'consumer', 'Customer ' || n, '{{}}', 'NL', 'en_GB', 'UTC', 15, '{{}}', '[]', '2027-01-15' "
    "FROM generate_series(1, {accounts}) n",
    "INSERT INTO services (account_id, service_id, kind, identifier, plan_code, plan_version, active_from) "
    "SELECT n, n, 'mobile', '+316' || lpad(n::text, 8, '0'), 'bench', 1, '2027-01-15' "
    "FROM generate_series(1, {accounts}) n",
    "INSERT INTO service_plans SELECT account_id, service_id, active_from, plan_code, plan_version FROM services",
    "ALTER TABLE cycles DISABLE TRIGGER USER",
    "INSERT INTO cycles (account_id, cycle_number, cycle_day, opens_at, closes_at, debit_on, plan, status) "
    "SELECT n, c, 15, timestamptz '2027-01-15 00:00+00' + (c - 1) * interval '1 month', "
    "timestamptz '2027-01-15 00:00+00' + c * interval '1 month', '2027-03-01', '{{}}', 'open' "
    "FROM generate_series(1, {accounts}) n, generate_series(1, 2) c",
    "ALTER TABLE cycles ENABLE TRIGGER USER",
    "ALTER TABLE number_directory DISABLE TRIGGER USER",
    "INSERT INTO number_directory SELECT s.identifier, s.active_from, NULL, s.account_id, s.service_id, 'bench', 1, "
    "c.cycle_number, c.opens_at, c.closes_at FROM services s JOIN cycles c USING (account_id) WHERE c.cycle_number = 1",
    "ALTER TABLE number_directory ENABLE TRIGGER USER",
    "INSERT INTO usage_counters SELECT n, 1, n, 'bench', 1, 'voice', '', 1, 60, 0, now(), 1000000 "
    "FROM generate_series(1, {accounts}) n",
)


@dataclass
class StandingClock:
    """One moment, the day after the usage."""

    def now(self) -> datetime:
        return NOW

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


class NoProcess:
    """A process that hears and does nothing: what is measured ends before it."""

    async def start_account(self, state: AccountState) -> None: ...
    async def start_plan_correction(self, request: CorrectPlanRequest) -> None: ...

    async def start_import(self, request: ImportFileRequest) -> None: ...
    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None: ...
    async def command(self, workflow_id: str, update: str, command: Command) -> CommandResult:
        raise NotImplementedError

    async def view(self, workflow_id: str) -> AccountView:
        raise NotImplementedError


@contextmanager
def database() -> Iterator[PostgresServer]:
    """A durable server (fsync on) with our tables, gone afterwards."""
    with data_directory() as directory:
        server = prepare_postgres(directory, free_port())
        child = Child(server.child(), directory / "postgres.log")
        child.start()
        try:
            child.wait_until_ready()
            server.create_database("evenflow")
            upgrade(server.url())
            yield server
        finally:
            child.stop()


def seed(url: str, accounts: int) -> None:
    """Customers with one line, two cycles and one counter each; on the first call."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _SEED:
            connection.execute(statement.format(accounts=accounts, plan=PLAN).encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def write_file(path: Path, accounts: int, records: int, seed_number: int) -> Path:
    """Calls of accounts drawn evenly, which is the worst case for every cache."""
    frame = pl.select(
        record_id=pl.lit(f"f{seed_number}-") + pl.int_range(records).cast(pl.String),
        identifier=pl.lit("+316")
        + (pl.int_range(records).hash(seed_number) % accounts + 1).cast(pl.String).str.zfill(8),
        meter=pl.lit("voice"),
        quantity=pl.int_range(records).hash(seed_number + 1) % 600 + 1,
        started_at=(
            pl.lit(DAY) + pl.duration(seconds=pl.int_range(records).hash(seed_number + 2) % 86_400)
        ).dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
        destination=pl.lit("+31") + (pl.int_range(records).hash(seed_number + 3) % 10**9).cast(pl.String).str.zfill(9),
    )
    frame.write_csv(path)
    return path


def spoiled(path: Path) -> Path:
    """Of every hundred lines five damaged, five repeated and two of a number that nobody has."""
    header, *lines = path.read_text("ascii").splitlines()
    for place in range(len(lines)):
        match place % 100:
            case 7 | 27 | 47 | 67 | 87:
                lines[place] = lines[place].replace(",voice,", ",voice,x")
            case 11 | 31 | 51 | 71 | 91:
                lines[place] = lines[place - 1]
            case 13 | 63:
                lines[place] = lines[place].replace(",+316", ",+999")
    path.write_text("\n".join([header, *lines, ""]), "ascii")
    return path


@asynccontextmanager
async def service_over(url: str, spool: Path) -> AsyncIterator[tuple[UsageService, AsyncEngine]]:
    """The usage service of one process over this database."""
    engine = make_engine(url)
    yield UsageService(lambda: SqlUnitOfWork(engine), StandingClock(), NoProcess(), standard_formats(), spool), engine
    await engine.dispose()


async def register(service: UsageService, path: Path) -> str:
    """Hand in a file; answers its identity."""

    async def chunks() -> AsyncIterator[bytes]:
        with path.open("rb") as opened:
            while chunk := await asyncio.to_thread(opened.read, 2**20):
                yield chunk

    file, _ = await service.files.register(path.name, "csv", chunks())
    return file.file_id
