"""The whole application as it is shipped, on a real port: a filled database, simulated vendors, a recorded process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest.mock import patch

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

import evenflow.parts
from api.app import create_app
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.services.dunning_policies import ensure_default
from evenflow.container import container_of
from evenflow.parts import build_parts
from evenflow.settings import settings_from
from tests.browser.console_server import served
from tests.doors.console_data import RUNNING, fill
from tests.doors.doors_world import ADMIN_KEY, RecordingProcess, StandingClock


@contextmanager
def every_door(database_url: str, vendors: Mapping[str, str], data_dir: Path) -> Iterator[str]:
    """The application's address while it is served; ADMIN_KEY opens every door."""
    settings = settings_from(
        {
            **vendors,
            "EVENFLOW_DATA_DIR": str(data_dir),
            "EVENFLOW_DATABASE_URL": database_url,
            "EVENFLOW_PUBLIC_API_BASE": "http://door.test",
            "EVENFLOW_SECRETS_PAYLINK_SIGNING_KEY": "paylinks-of-a-test",
            "EVENFLOW_SECRETS_SESSION_KEY": "sessions-of-a-test",
            "EVENFLOW_SECRETS_ADMIN_API_KEY": ADMIN_KEY,
            "EVENFLOW_SECRETS_IBAN_KEYS": f"first:{'k' * 43}",
        }
    )
    process = RecordingProcess()
    opened: list[FastAPI] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with patch.object(evenflow.parts, "TemporalProcess", lambda *_: process):
            parts = build_parts(settings, StandingClock())
        await process.start_account(RUNNING)
        await ensure_default(parts.make_work, parts.clock)
        async with parts.make_work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await fill(work, accounts=2)
        opened.append(create_app(container_of(parts, settings)))
        yield
        await parts.close()

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        """The application itself; its parts are made and closed in the loop that serves it."""
        await (FastAPI(lifespan=lifespan) if scope["type"] == "lifespan" else opened[0])(scope, receive, send)

    with served(door) as address:
        yield address
