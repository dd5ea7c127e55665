"""The embedded servers are real, and survive being killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from evenflow.stack import last_postmaster, postgres
from evenflow.stack.child import Child
from evenflow.stack.last_postmaster import wait_for_the_last_one
from evenflow.stack.ports import free_port
from evenflow.stack.postgres import prepare_postgres
from evenflow.stack.process_identity import birth
from evenflow.stack.temporal_namespace import RETENTION
from evenflow.stack.temporal_server import NAMESPACE, SEARCH_ATTRIBUTES, TemporalServer
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


def test_what_the_servers_user_cannot_reach_is_placed_elsewhere_and_said(
    servers_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, said = servers_directory / "elsewhere", list[str]()
    elsewhere.mkdir()
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgres, "FALLBACK_ROOT", elsewhere)
    package = hidden_copy(postgres._wheel_package(), tmp_path)
    monkeypatch.setattr(postgres, "_wheel_package", lambda: package)
    server = prepare_postgres(tmp_path / "data", free_port(), durable=False, say=said.append)
    with running(server.child(), tmp_path / "postgres.log"):
        server.create_database("evenflow")
    if os.geteuid() == 0:
        assert server.cluster.is_relative_to(elsewhere)
        assert server.binaries.is_relative_to(elsewhere)
        assert len(said) == 2
        assert all(str(elsewhere) in sentence for sentence in said)
    else:
        assert server.cluster.is_relative_to(tmp_path)
        assert said == []


def hidden_copy(package: Path, private: Path) -> Path:
    """The wheel's files below a directory that only we may enter, as in a checkout below a private home."""
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists() and not (private / source.name).exists():
            shutil.copytree(source, private / source.name)
    return private / package.name


def test_a_dead_postmaster_that_is_still_listed_does_not_lock_its_cluster(tmp_path: Path) -> None:
    """Dead, but not yet asked for by its parent: PostgreSQL would take it for alive."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    while birth(dead.pid) is not None:
        time.sleep(0.05)
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{dead.pid}\n{tmp_path}\n")
    wait_for_the_last_one(tmp_path)
    assert not lock.exists()
    dead.wait()


def test_a_living_postmaster_keeps_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_postmaster, "PATIENCE_SECONDS", 0.3)
    alive = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path)
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{alive.pid}\n{tmp_path}\n")
    wait_for_the_last_one(tmp_path)
    assert lock.exists()
    alive.kill()
    alive.wait()
