"""One system and one browser for all browser tests that only look: CI has two cores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from evenflow.stack.postgres import PostgresServer
from tests.browser.console_server import browser_path
from tests.browser.stack import Stack, a_stack
from tests.builders import a_brand
from tests.process.people import PLAN
from tests.process.world import World, a_world


@pytest.fixture(scope="module")
def stack(
    postgres_server: PostgresServer,
    migrated_template: str,
    temporal_address: str,
    simulator_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The system with a month on file. Look at it, and leave it as it is.

    It ends with its module: the workers of two systems would take each other's work from the same queues.
    """
    postgres_server.create_database("browser_stack", template=migrated_template)
    url, directory = postgres_server.url("browser_stack"), tmp_path_factory.mktemp("browser_stack")
    with a_stack(url, temporal_address, simulator_environment, directory) as running:
        yield running
    postgres_server.drop_database("browser_stack")


@pytest.fixture(scope="module")
async def world(
    postgres_server: PostgresServer,
    migrated_template: str,
    temporal_address: str,
    simulator_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    """A running system of one brand that writes English, whose self-service is ours; a day takes three seconds."""
    name = "world_" + request.module.__name__.rpartition(".")[2]
    postgres_server.create_database(name, template=migrated_template)
    url, directory = postgres_server.url(name), tmp_path_factory.mktemp(name)
    async with a_world(url, temporal_address, simulator_environment, directory, day_seconds=3.0) as running:
        brand = a_brand(account_url=f"{running.settings.public.api_base}/my", locale="en_GB")
        await running.parts.catalogue.add_brand(brand)
        await running.parts.catalogue.publish_plan("vonk", PLAN)
        yield running
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser that any number of people share."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        yield browser
        browser.close()
