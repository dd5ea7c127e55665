"""`evenflow documents`: every document of some billing days as files, beside each other, going on where it stopped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billing.adapters.pdf import PdfRenderer
from billing.domain.clock import ClockSegment
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.services.invoicing import InvoicingService
from evenflow.cli.database import first_line, one_connection
from evenflow.settings import Settings, SettingsError

AT_ONCE = 20
_MOST_TOLD = 10
Key = tuple[str, str, str]  # account, invoice, number


@dataclass(frozen=True)
class Wanted:
    """Which documents, and where to; ``until`` is the last day."""

    brand: str
    since: date
    until: date
    folder: Path
    processes: int = 2


class _Now:
    """The clock of a command that changes nothing."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def segment(self) -> ClockSegment:
        raise NotImplementedError("a command that only reads starts no process")


def render_documents(settings: Settings, wanted: Wanted, console: Console | None = None) -> int:
    """Write what is not there yet; exit code 1 when a document could not be written. Raises SettingsError."""
    url = settings.database.url.get_secret_value()
    if not url:
        raise SettingsError("No database to read: set EVENFLOW_DATABASE_URL, or name the --data-dir of a stack.")
    out = console or Console(stderr=True)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    keys = asyncio.run(_keys(url, wanted))
    missing = [key for key in keys if not (wanted.folder / _file_name(key)).exists()]
    out.print(f"{len(keys)} documents, {len(keys) - len(missing)} of them are there.", highlight=False)
    failures = _write_all(url, wanted, missing, out)
    for failure in failures[:_MOST_TOLD]:
        out.print(f"  {failure}", markup=False, highlight=False)
    out.print(f"{len(missing) - len(failures)} written, {len(failures)} could not be.", highlight=False)
    return 1 if failures else 0


async def _keys(url: str, wanted: Wanted) -> Sequence[Key]:
    async with one_connection(url) as engine, SqlUnitOfWork(engine) as work:
        await work.accounts.brand(wanted.brand)
        return await work.invoices.issued_between(wanted.brand, wanted.since, wanted.until)


def _write_all(url: str, wanted: Wanted, keys: Sequence[Key], out: Console) -> list[str]:
    columns = (TextColumn("documents"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failures: list[str] = []
    with (
        ProcessPoolExecutor(wanted.processes, mp_context=get_context("spawn")) as pool,
        Progress(*columns, console=out) as progress,
    ):
        task = progress.add_task("documents", total=len(keys))
        running = {pool.submit(partial(_write_some, url, wanted.folder), batch): batch for batch in _batches(keys)}
        for done in as_completed(running):
            failures += _failures_of(done, running[done])
            progress.advance(task, len(running[done]))
    return failures


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


def _failures_of(done: Future[list[str]], batch: Sequence[Key]) -> list[str]:
    """Those that the batch tells; all of it when its process could not work at all."""
    try:
        return done.result()
    except Exception as error:
        return [f"{number}: {first_line(error)}" for _, _, number in batch]


def _write_some(url: str, folder: Path, keys: Sequence[Key]) -> list[str]:
    """In a process of its own: draw and write; answers what could not be, by number."""
    return asyncio.run(_write(url, folder, keys))


async def _write(url: str, folder: Path, keys: Sequence[Key]) -> list[str]:
    failures = []
    async with one_connection(url) as engine:
        invoicing = InvoicingService(lambda: SqlUnitOfWork(engine), _Now(), PdfRenderer())
        for key in keys:
            try:
                _, content = await invoicing.pdf(key[0], key[1])
            except Exception as error:
                failures.append(f"{key[2]}: {first_line(error)}")
            else:
                await asyncio.to_thread(_keep, folder / _file_name(key), content)
    return failures


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all: a file that is there is never half a document."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def _file_name(key: Key) -> str:
    return f"{key[2]}.pdf"
