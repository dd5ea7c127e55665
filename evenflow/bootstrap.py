"""The only place where real things are built: from the settings to services, doors and workers.

Nothing is configured at import. The API and the worker build the same parts (``evenflow.parts``); each process has one
engine and one client.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from temporalio.service import RPCError

from api.app import create_app
from billing.messages.upkeep import UpkeepState
from billing.services.dunning_policies import ensure_default
from evenflow.collector import calm_collector
from evenflow.ending import told_of_the_end
from evenflow.intake import running
from evenflow.parts import LOOK_AGAIN_SECONDS, START_PATIENCE_SECONDS, build_parts, container_of, read_clock
from evenflow.settings import read_settings
from evenflow.workers import make_workers

Result = TypeVar("Result")


def create_api_app() -> FastAPI:
    """The API, console and pay pages, as uvicorn's factory."""
    settings = read_settings()
    parts = build_parts(settings, read_clock(settings))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        calm_collector()
        with told_of_the_end(parts.balance_watch.close):
            yield
        parts.balance_watch.close()
        await parts.close()

    app = create_app(container_of(parts, settings))
    app.router.lifespan_context = lifespan
    return app


async def run_worker() -> None:
    """Work on all task queues until SIGTERM or SIGINT, then finish what is under way."""
    _log_what_happens()
    settings = read_settings()
    parts = build_parts(settings, read_clock(settings), settings.temporal.metrics_address)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    client = await _patiently(parts.process.client)
    await _patiently(lambda: ensure_default(parts.make_work, parts.clock))
    await _patiently(lambda: parts.process.start_upkeep(UpkeepState(clock=parts.clock.segment())))
    async with AsyncExitStack() as open_parts:
        open_parts.push_async_callback(parts.close)
        for worker in make_workers(client, parts, settings.temporal):
            await open_parts.enter_async_context(worker)
        calm_collector()
        await open_parts.enter_async_context(running([*parts.sources.tasks(), *parts.bank_in.tasks()]))
        await stop.wait()


def _log_what_happens() -> None:
    """Our own events from INFO on, with their time; of others only what is wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("billing", "evenflow"):
        logging.getLogger(name).setLevel(logging.INFO)


async def _patiently(step: Callable[[], Awaitable[Result]]) -> Result:
    """A step of the start; a server that is just being started again is waited for."""
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while True:
        try:
            return await step()
        except (OperationalError, RPCError, RuntimeError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
