"""Real parts for the tests: one PostgreSQL and one Temporal server per test process, on free ports, in own directories.

Each process of a parallel run has its own servers, so nothing is shared and two runs at once never meet.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from evenflow.stack.assembly import simulator_child
from evenflow.stack.child import Child, ChildSpec
from evenflow.stack.directory import DataDirectory
from evenflow.stack.environment import simulated_email_key, simulated_vendors, vendor_environment
from evenflow.stack.environment import simulator_environment as environment_of_simulator
from evenflow.stack.migrate import upgrade
from evenflow.stack.ports import free_port
from evenflow.stack.postgres import PostgresServer, prepare_postgres
from evenflow.stack.running import web_address
from evenflow.stack.temporal_server import NAMESPACE, TemporalServer

# Thousands of databases of hundreds of files each come and go.
MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 * 2**30
TEMPLATE_DATABASE = "evenflow_template"
_database_numbers = itertools.count(1)


@contextmanager
def running(spec: ChildSpec, log_path: Path) -> Iterator[Child]:
    """A ready child for the length of the block."""
    child = Child(spec, log_path)
    child.start()
    try:
        child.wait_until_ready()
        yield child
    finally:
        child.stop()


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A short-lived directory that the unprivileged user of a database server can reach, in memory if it has room."""
    place = str(MEMORY) if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None
    with tempfile.TemporaryDirectory(prefix="evenflow-tests-", dir=place, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.fixture(scope="session")
def servers_directory() -> Iterator[Path]:
    """Where the servers of this test process keep their data."""
    with reachable_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres_server(servers_directory: Path) -> Iterator[PostgresServer]:
    """A running PostgreSQL server with no database of ours yet."""
    server = prepare_postgres(servers_directory, free_port(), durable=False)
    with running(server.child(), servers_directory / "postgres.log"):
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The name of a database at the newest schema, to be copied and never connected to."""
    postgres_server.create_database(TEMPLATE_DATABASE)
    upgrade(postgres_server.url(TEMPLATE_DATABASE))
    return TEMPLATE_DATABASE


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> str:
    """The SQLAlchemy address of one migrated database, shared by the whole session."""
    postgres_server.create_database("evenflow_shared", template=migrated_template)
    return postgres_server.url("evenflow_shared")


@pytest.fixture
def database_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The SQLAlchemy address of a fresh, migrated database for one test."""
    name = f"evenflow_test_{next(_database_numbers)}"
    postgres_server.create_database(name, template=migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy address of a fresh database without any table, for tests of the migrations themselves."""
    name = f"evenflow_empty_{next(_database_numbers)}"
    postgres_server.create_database(name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def temporal_server(servers_directory: Path) -> Iterator[TemporalServer]:
    """A running Temporal server that keeps its state in memory, with our search attributes."""
    server = TemporalServer(port=free_port(), ui_port=None, store=None)
    with running(server.child(), servers_directory / "temporal.log"):
        asyncio.run(server.adjust())
        yield server


@pytest.fixture(scope="session")
def temporal_address(temporal_server: TemporalServer) -> str:
    """Host and port of the Temporal server; use a task queue of your own in each test."""
    return temporal_server.address


@pytest.fixture(scope="session")
async def temporal_client(temporal_address: str) -> Client:
    """A plain client of the server, without the application's converter and interceptors."""
    return await Client.connect(temporal_address, namespace=NAMESPACE)


@pytest.fixture(scope="session")
def simulator_environment(servers_directory: Path) -> Iterator[dict[str, str]]:
    """The environment that leads to a running simulator (see ``Settings``), its webhooks not yet addressed.

    Point them with ``PUT /_control/webhooks``; the simulator serves the whole session, so use accounts of your own.
    """
    directory = DataDirectory(servers_directory / "simulator")
    url = web_address(free_port())
    vendors = simulated_vendors(directory, url)
    told = environment_of_simulator(directory, vendors, "", url)
    spec = simulator_child(urlsplit(url).port or 0, url, told)
    with running(spec, servers_directory / "simulator.log"):
        settings = vendor_environment(vendors, {}, only_simulated=True)
        yield {**settings, "EVENFLOW_SENDGRID_VERIFICATION_KEY": simulated_email_key(url)}


@pytest.fixture(scope="session")
def simulator_url(simulator_environment: dict[str, str]) -> str:
    """Where the simulator is: vendors below /stripe, /twilio, /sendgrid and /network, control below /_control."""
    return simulator_environment["EVENFLOW_STRIPE_API_BASE"].removesuffix("/stripe")


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A word no other test uses, for task queues, brands and account numbers on the shared servers."""
    return f"{request.node.originalname}-{os.getpid()}-{next(_database_numbers)}".replace("_", "-")
