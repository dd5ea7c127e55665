"""One running world per module of process tests: real Temporal, real PostgreSQL, the vendors' simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from evenflow.stack.postgres import PostgresServer
from tests.process.people import prepare_catalogue
from tests.process.world import World, a_world

# Their assertions then say what was found.
pytest.register_assert_rewrite(
    "tests.process.arrangement_stories",
    "tests.process.customer_stories",
    "tests.process.limit_stories",
    "tests.process.operator_stories",
    "tests.process.restriction_stories",
    "tests.process.usage_stories",
)


@pytest.fixture(scope="module")
async def world(
    postgres_server: PostgresServer,
    migrated_template: str,
    temporal_address: str,
    simulator_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    """A world with two brands; one business day takes four seconds."""
    name = "world_" + request.module.__name__.rpartition(".")[2]
    postgres_server.create_database(name, template=migrated_template)
    directory = tmp_path_factory.mktemp(name)
    url = postgres_server.url(name)
    async with a_world(url, temporal_address, simulator_environment, directory, day_seconds=4.0) as running:
        await prepare_catalogue(running)
        yield running
    postgres_server.drop_database(name)
