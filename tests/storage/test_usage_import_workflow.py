"""The import as a workflow: its worker dies, another one goes on, and every line is counted once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.usage import UsageActivities
from billing.messages.identities import usage_import_workflow_id
from billing.messages.usage import ImportFileRequest, ImportReport
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage import DecodedLine, UsageFile
from evenflow.temporal import TemporalProcess, plugin
from tests.builders_usage import LINE, UsageWorld, a_usage_world
from tests.builders_usage_files import NUMBERED, NumberedCsv, hand_in
from workflows._board import NEEDS_OPERATOR
from workflows.usage_import import UsageImportWorkflow


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address, plugins=[plugin()])


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool")
    await engine.dispose()


@pytest.fixture
async def numbered(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path / "spool", formats={NUMBERED: NumberedCsv()})
    await engine.dispose()


@asynccontextmanager
async def working(client: Client, world: UsageWorld, queue: str) -> AsyncIterator[None]:
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[UsageImportWorkflow],
        activities=[UsageActivities(world.service).import_usage_file],
    )
    async with worker:
        yield


def process_of(client: Client, queue: str) -> TemporalProcess:
    async def connected() -> Client:
        return client

    return TemporalProcess(connected, queue)


async def test_an_import_goes_on_with_another_worker_after_a_failure(
    client: Client, world: UsageWorld, tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "day.csv"
    lines = [f"r-{number},{LINE},sms,1,2027-02-01T10:00:00Z" for number in range(3000)]
    path.write_text("\n".join(["record_id,identifier,meter,quantity,started_at", *lines]))
    file, _ = await world.register(path, "csv")
    fail_once = asyncio.Event()
    store = world.service.files._import_batch

    async def failing(known: UsageFile, decoded: Sequence[DecodedLine]) -> UsageFile:
        imported = await store(known, decoded)
        if not fail_once.is_set():
            fail_once.set()
            raise ConnectionError("the database went away after the first batch")
        return imported

    monkeypatch.setattr(world.service.files, "_import_batch", failing)

    async with working(client, world, unique):
        await process_of(client, unique).start_import(ImportFileRequest(file.file_id))
        handle = client.get_workflow_handle(usage_import_workflow_id(file.file_id), result_type=ImportReport)
        report = await handle.result()
    assert (report.read, report.accepted, report.duplicates, report.done) == (3000, 3000, 0, True)
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []


Importing = WorkflowHandle[Any, ImportReport]


@pytest.fixture
async def held(client: Client, numbered: UsageWorld, unique: str) -> AsyncIterator[tuple[UsageFile, Importing]]:
    """The third file of a source whose second never came, and the workflow that waits for a person to decide."""
    await hand_in(numbered, 1)
    held = await hand_in(numbered, 3)
    handle = client.get_workflow_handle(usage_import_workflow_id(held.file_id), result_type=ImportReport)
    async with working(client, numbered, unique):
        await process_of(client, unique).start_import(ImportFileRequest(held.file_id))
        await eventually(lambda: needs_operator(handle))
        yield held, handle


async def test_a_held_file_waits_for_a_person_where_operators_see_it(
    client: Client, numbered: UsageWorld, held: tuple[UsageFile, Importing], unique: str
) -> None:
    file, handle = held
    await numbered.service.arrivals.release(file.file_id, "sanne", "2 was never sent")
    await process_of(client, unique).start_import(numbered.process.imports[-1])
    report = await handle.result()
    assert (report.file_id, report.accepted, report.done) == (file.file_id, 1, True)
    assert not await needs_operator(handle)


async def test_a_rejected_file_ends_its_workflow_uncounted(
    client: Client, numbered: UsageWorld, held: tuple[UsageFile, Importing], unique: str
) -> None:
    file, handle = held
    await numbered.service.arrivals.reject(file.file_id, "sanne", "not ours")
    await process_of(client, unique).start_import(numbered.process.imports[-1])
    report = await handle.result()
    assert (report.status, report.read, report.done) == ("rejected", 0, False)


async def needs_operator(handle: Importing) -> bool:
    return bool((await handle.describe()).typed_search_attributes.get(NEEDS_OPERATOR))


async def eventually(found: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(300):
        if await found():
            return
        await asyncio.sleep(0.1)
    pytest.fail("this did not happen within half a minute")
