"""The embedded servers are real, and survive being killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from evenflow.stack.child import Child
from evenflow.stack.ports import free_port
from evenflow.stack.postgres import prepare_postgres
from evenflow.stack.temporal_server import NAMESPACE, RETENTION, SEARCH_ATTRIBUTES, TemporalServer
from tests.stack_fixtures import running


async def test_each_test_gets_a_database_of_its_own(database_url: str, postgres_url: str) -> None:
    assert database_url != postgres_url
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE only_here (id int)"))
        assert (await connection.execute(text("SHOW timezone"))).scalar() == "UTC"
    await engine.dispose()


async def test_runs_stay_visible_for_more_than_a_year(temporal_client: Client) -> None:
    described = await temporal_client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGQUIT])
def test_a_killed_database_server_has_every_acknowledged_row_after_its_restart(
    servers_directory: Path, tmp_path: Path, kill: signal.Signals
) -> None:
    server = prepare_postgres(servers_directory / f"killed-{kill.name}", free_port(), durable=False)
    child = Child(server.child(), tmp_path / "postgres.log")
    try:
        child.start()
        child.wait_until_ready()
        server.create_database("evenflow")
        with psycopg.connect(server.plain_url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            connection.execute("INSERT INTO kept VALUES (7)")
            os.kill(child.process_id, kill)
        child.stop()
        child.start()
        child.wait_until_ready()
        with psycopg.connect(server.plain_url()) as connection:
            assert connection.execute("SELECT id FROM kept").fetchall() == [(7,)]
    finally:
        child.stop()


async def test_an_older_temporal_store_learns_new_search_attributes(
    servers_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = servers_directory / "older.db"
    with monkeypatch.context() as older:
        older.delitem(SEARCH_ATTRIBUTES, "NeedsOperator")
        with running(TemporalServer(free_port(), None, store).child(), tmp_path / "older.log"):
            pass
    server = TemporalServer(free_port(), None, store)
    with running(server.child(), tmp_path / "newer.log"):
        await server.adjust()
        client = await Client.connect(server.address)
        listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))
        assert set(SEARCH_ATTRIBUTES) <= set(listed.custom_attributes)
