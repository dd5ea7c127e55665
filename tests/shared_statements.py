"""Engines of one test process share what they compiled: each test has a database, and so an engine, of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

from billing.persistence import unit_of_work

STATEMENTS_KEPT = 5000


def share_compiled_statements() -> None:
    """Compiling takes longer than most tests do. Only engines made by ``make_engine`` share; all are of one server."""
    real = unit_of_work.create_async_engine
    leader: list[Engine] = []

    def create(*arguments: Any, **options: Any) -> AsyncEngine:
        engine = real(*arguments, **options)
        # Statements are kept per dialect; one that has been connected knows its server.
        if leader and leader[0].dialect.server_version_info is not None:
            engine.sync_engine.dialect = leader[0].dialect
            engine.sync_engine._compiled_cache = leader[0]._compiled_cache
        else:
            leader[:] = [engine.sync_engine]
            leader[0]._compiled_cache = LRUCache(STATEMENTS_KEPT)
        return engine

    unit_of_work.create_async_engine = create
