"""``evenflow check``: a table and an exit code; every open account has a live workflow, or it says what it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from billing.messages.identities import account_workflow_id
from billing.persistence.invariants import INVARIANTS, check_books
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from evenflow import live_accounts
from evenflow.cli.check import run_check
from evenflow.live_accounts import LiveAccounts, accounts_live
from evenflow.settings import settings_from
from evenflow.stack.ports import free_port
from tests.builders import ACTIVATED_AT, a_brand, an_account

NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")


@dataclass
class Accounts:
    """Accounts in a database of their own, with workflows that no worker carries out."""

    engine: AsyncEngine
    client: Client
    word: str
    ids: list[str] = field(default_factory=list)

    async def open(self, name: str, **changes: Any) -> str:
        """An account without a workflow; answers its workflow's id."""
        number = f"{self.word}-{name}"
        async with SqlUnitOfWork(self.engine) as work:
            await work.accounts.add(an_account(number=number, **changes))
            await work.commit()
        return account_workflow_id("vonk", number)

    async def open_running(self, name: str, *, dated: bool = True, **changes: Any) -> str:
        """An account whose workflow is open, and shows a next date when it is ``dated``."""
        workflow_id = await self.open(name, **changes)
        dates = TypedSearchAttributes([SearchAttributePair(NEXT_ACTION_AT, ACTIVATED_AT)]) if dated else None
        started = await self.client.start_workflow(
            "AccountWorkflow", id=workflow_id, task_queue=self.word, search_attributes=dates
        )
        self.ids.append(started.id)
        await self._until_seen(workflow_id, "Running")
        return workflow_id

    async def open_ended(self, name: str) -> str:
        """An account whose workflow was terminated."""
        workflow_id = await self.open_running(name)
        await self.client.get_workflow_handle(workflow_id).terminate()
        self.ids.remove(workflow_id)
        await self._until_seen(workflow_id, "Terminated")
        return workflow_id

    async def _until_seen(self, workflow_id: str, status: str) -> None:
        """Lists follow the workflows with a little delay."""
        query = f'WorkflowId = "{workflow_id}" AND ExecutionStatus = "{status}"'
        for _ in range(200):
            if [one async for one in self.client.list_workflows(query)]:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"{workflow_id} is not listed as {status}")

    async def troubles(self) -> list[str]:
        findings = await check_books(self.engine, [accounts_live(self.client)])
        return [violation.what for violation in findings[-1].violations]


@pytest.fixture
async def accounts(
    database_url: str, temporal_client: Client, unique: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Accounts]:
    monkeypatch.setattr(live_accounts, "FIRST_TASK_WITHIN", timedelta(0))
    engine = make_engine(database_url)
    async with SqlUnitOfWork(engine) as work:
        await work.accounts.add_brand(a_brand())
        await work.commit()
    made = Accounts(engine, temporal_client, unique)
    yield made
    for workflow_id in made.ids:
        await temporal_client.get_workflow_handle(workflow_id).terminate()
    await engine.dispose()


async def test_an_open_account_has_a_running_workflow_with_a_next_date_unless_it_is_paused(accounts: Accounts) -> None:
    await accounts.open_running("well")
    await accounts.open_running("paused", dated=False, paused=True)
    await accounts.open("closed", status="closed")
    assert await accounts.troubles() == []
    missing, ended = await accounts.open("missing"), await accounts.open_ended("ended")
    undated = await accounts.open_running("undated", dated=False)
    assert await accounts.troubles() == [
        f"{missing} is not running",
        f"{ended} is not running: its last run is terminated",
        f"{undated} runs without a next date",
    ]


async def test_a_workflow_that_was_only_just_started_still_has_time_for_its_first_task(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_accounts, "FIRST_TASK_WITHIN", timedelta(minutes=1))
    await accounts.open_running("new", dated=False)
    assert await accounts.troubles() == []


async def test_the_server_is_not_asked_about_each_of_very_many(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_accounts, "MOST_ASKED_ABOUT", 1)
    first, second = await accounts.open("first"), await accounts.open("second")
    assert await accounts.troubles() == [
        f"{first} is not running",
        f"{second} has no running workflow with a next date",
    ]


async def test_upkeep_gets_just_the_accounts_without_a_workflow(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_accounts, "_AT_ONCE", 1)
    await accounts.open_running("well")
    lost = [await accounts.open("missing"), await accounts.open_ended("ended")]

    class Process:
        async def client(self) -> Client:
            return accounts.client

    process: Any = Process()
    found = await LiveAccounts(accounts.engine, process).accounts_without_workflow()
    assert [account_workflow_id(one.brand, one.number) for one in found] == lost


def check(database_url: str, temporal_address: str) -> tuple[int, str]:
    """The command's exit code and what it shows."""
    shown = StringIO()
    settings = settings_from({"EVENFLOW_DATABASE_URL": database_url, "EVENFLOW_TEMPORAL_ADDRESS": temporal_address})
    return run_check(settings, Console(file=shown, width=160)), shown.getvalue()


async def test_the_command_shows_the_table_what_is_broken_and_what_to_do(
    accounts: Accounts, database_url: str, temporal_address: str
) -> None:
    await accounts.open_running("well")
    code, shown = await asyncio.to_thread(check, database_url, temporal_address)
    assert (code, f"All {len(INVARIANTS) + 1} rules hold." in shown, "Not checked" in shown) == (0, True, False)
    missing = await accounts.open("missing")
    code, shown = await asyncio.to_thread(check, database_url, temporal_address)
    assert code == 1
    assert f"{missing} is not running" in shown
    assert "What to do: Upkeep starts a missing workflow" in shown


def test_the_command_says_when_no_process_server_can_be_asked(database_url: str) -> None:
    code, shown = check(database_url, "")
    assert (code, f"All {len(INVARIANTS)} rules hold." in shown) == (0, True)
    assert "Not checked: that every open account has a live workflow" in shown
    assert "EVENFLOW_TEMPORAL_ADDRESS names no process server" in shown
    away = f"127.0.0.1:{free_port()}"
    code, shown = check(database_url, away)
    assert (code, f"because no process server answers at {away}." in shown) == (0, True)
