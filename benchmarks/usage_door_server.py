"""The two servers that the usage doors are measured as: our application, and one that stores nothing.

Both run under uvicorn with the same loop, parser and options, each in a process of its own; ours with the protocol that
``evenflow up`` gives it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api.app import create_app
from api.container import Container
from api.usage_doors.door import server_state
from benchmarks.usage_world import NoProcess, StandingClock
from billing.adapters.usage_formats import standard_formats
from billing.persistence.balance_reading import SqlBalanceSource
from billing.persistence.key_store import SqlKeyStore
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.usage_quick import SqlQuickStore
from billing.services.access import Access
from billing.services.usage import UsageService
from evenflow.collector import calm_collector
from evenflow.stack.assembly import PROTOCOL
from evenflow.stack.child import Child, ChildSpec
from evenflow.stack.ports import LOOPBACK, free_port
from evenflow.stack.probes import answers_http

KEY = "evk_benchmark"
DATABASE = "BENCHMARK_DATABASE"
BODY = b'{"outcome":"accepted"}'
HEAD = {
    "type": "http.response.start",
    "status": 202,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, keeps nothing, and answers as the door does."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(HEAD)
    await send({"type": "http.response.body", "body": BODY})


def create_doors() -> FastAPI:
    """The application as it is shipped, with what usage needs."""
    url, clock, process = os.environ[DATABASE], StandingClock(), NoProcess()
    engine, quick = make_engine(url), SqlQuickStore(url)

    def make_work() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    balances, formats = SqlBalanceSource(url), standard_formats()
    usage = UsageService(make_work, clock, process, formats, Path("unused"), balances, quick=quick)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        calm_collector()
        yield server_state(app)
        await usage.counting_is_done()
        await quick.close()
        await engine.dispose()
        await balances.close()

    access = Access(SqlKeyStore(engine), KEY)
    app = create_app(Container(make_work, clock, process, "http://door.test", usage=usage, access=access))
    app.router.lifespan_context = lifespan
    return app


@contextmanager
def serving(name: str, directory: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """The port of one of the two while it is served."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", *SERVERS[name], "--host", LOOPBACK, "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5"]
    ready = answers_http(f"http://{LOOPBACK}:{port}/health/live")
    child = Child(
        ChildSpec(name, tuple(command), {**os.environ, **environment}, ready=ready), directory / f"{name}.log"
    )
    child.start()
    try:
        child.wait_until_ready()
        yield port
    finally:
        child.stop()


SERVERS = {
    "bare": (f"{__name__}:bare", "--lifespan", "off"),
    "doors": ("--factory", f"{__name__}:create_doors", *PROTOCOL),
}
