"""The console on a real port, for a real browser: the application over a filled database, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from billing.persistence.unit_of_work import SqlUnitOfWork
from evenflow.stack.ports import LOOPBACK, free_port
from tests.doors.console_data import RUNNING, fill
from tests.doors.doors_world import DoorsWorld, a_doors_world

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS_TO_START = 20


def browser_path() -> str:
    """Where Chromium is. Skips locally and fails in CI when it is missing."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is not None:
        return found
    message = "Chromium is missing: install the package chromium to run the browser tests."
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """The test process keeps its own."""


@contextmanager
def served(app: ASGIApp, protocol: type[asyncio.Protocol] | str = "auto") -> Iterator[str]:
    """The address of the application while it is served."""
    port = free_port()
    options: dict[str, Any] = {"log_level": "warning", "ws": "none", "access_log": False, "http": protocol}
    server = _Server(uvicorn.Config(app, host=LOOPBACK, port=port, **options))
    thread = threading.Thread(target=server.run, name="console")
    thread.start()
    try:
        give_up_at = time.monotonic() + SECONDS_TO_START
        while not server.started:
            assert thread.is_alive(), "the server ended"
            assert time.monotonic() < give_up_at, "the server did not start"
            time.sleep(0.05)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def console(database_url: str, *, is_filled: bool, is_demo: bool) -> Iterator[str]:
    """The address of the console; its database connections live and end in the server's own loop."""
    links = {"API docs": "/docs", "Temporal": "http://127.0.0.1:1/namespaces/default/workflows"}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with a_doors_world(database_url, demo_mode=is_demo, links=links) as world:
            if is_filled:
                await _fill(world)
            app.mount("/", world.app)
            yield

    with served(FastAPI(lifespan=lifespan, openapi_url=None)) as address:
        yield address


async def _fill(world: DoorsWorld) -> None:
    await world.process.start_account(RUNNING)
    async with world.work() as work:
        assert isinstance(work, SqlUnitOfWork)
        await fill(work)


def pictures_directory() -> Path | None:
    """Where to put pictures of the pages when somebody asks for them."""
    wanted = os.environ.get("EVENFLOW_PICTURES")
    return Path(wanted) if wanted else None
