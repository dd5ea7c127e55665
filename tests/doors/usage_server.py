"""The application with one customer, served on a real port; the test keeps its own connection to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.container import Container
from api.dependencies import Caller
from api.usage_doors.door import server_state
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_quick import SqlQuickStore
from billing.services.usage import UsageService
from billing.services.usage_cloudevents import event_types
from tests.browser.console_server import served
from tests.builders_usage import UsageWorld, a_usage_world

TYPES = event_types({"com.example.call.ended": {"meter": "voice", "fields": {"quantity": "seconds"}}})


@dataclass
class Keys:
    """API keys that are their own role; ``asked`` counts the look-ups, ``revoked`` ones are unknown."""

    asked: int = 0
    revoked: set[str] = field(default_factory=set)

    async def caller_of(self, key: str) -> Caller | None:
        self.asked += 1
        await asyncio.sleep(0)
        return Caller("sanne", key) if key in {"viewer", "agent"} - self.revoked else None


@dataclass
class UsageServer:
    """``address`` of the server, and what it stored."""

    address: str
    url: str
    keys: Keys
    worlds: list[UsageWorld]

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """What a query finds, read beside the server."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            return connection.execute(query).fetchall()

    def change(self, statement: str) -> None:
        """Run a statement beside the server."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            connection.execute(statement)

    def stored(self) -> list[str]:
        """The record_id of every stored event."""
        return [record_id for (record_id,) in self.rows("SELECT record_id FROM usage_events ORDER BY record_id")]


@contextmanager
def a_usage_server(
    database_url: str, spool: Path, protocol: type[asyncio.Protocol] | str = "auto"
) -> Iterator[UsageServer]:
    """Served while the block runs; its parts live in the loop that serves them."""
    keys, opened, worlds = Keys(), list[FastAPI](), list[UsageWorld]()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        engine, quick = make_engine(database_url), SqlQuickStore(database_url)
        world = await a_usage_world(engine, spool)
        service = UsageService(world.work, world.clock, world.process, {}, spool, quick=quick)
        worlds.append(replace(world, service=service))
        opened.append(create_app(a_container(worlds[0], keys)))
        yield server_state(opened[0])
        await service.counting_is_done()
        await quick.close()
        await engine.dispose()

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await (FastAPI(lifespan=lifespan) if scope["type"] == "lifespan" else opened[0])(scope, receive, send)

    with served(door, protocol) as address:
        yield UsageServer(address, database_url, keys, worlds)


def a_container(world: UsageWorld, keys: Any) -> Container:
    """What the doors of usage need."""
    return Container(
        make_work=world.work,
        clock=world.clock,
        process=world.process,
        public_url="http://door.test",
        usage=world.service,
        access=keys,
        cloud_event_types=TYPES,
    )
