"""A stack that runs: where everything is, and the environment its parts share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evenflow.stack.ports import LOOPBACK
from evenflow.stack.postgres import PostgresServer
from evenflow.stack.temporal_server import NAMESPACE, TemporalServer

PORT_NAMES = ("postgres", "temporal", "temporal-ui", "simulator", "api")


@dataclass(frozen=True)
class RunningStack:
    """The addresses of one stack. ``environment`` makes any process of ours part of it (see ``Settings``)."""

    data_dir: Path
    ports: Mapping[str, int]
    postgres: PostgresServer
    temporal: TemporalServer
    clock_rate: float
    environment: Mapping[str, str] = field(repr=False)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address of the books."""
        return self.postgres.url()

    @property
    def api_url(self) -> str:
        """Where the API, the console and the customers' pages are."""
        return web_address(self.ports["api"])

    @property
    def simulator_url(self) -> str:
        """Where the vendors and their inbox page are."""
        return web_address(self.ports["simulator"])

    def links(self) -> dict[str, str]:
        """The pages worth opening, by what they are."""
        return {
            "console": f"{self.api_url}/console",
            "API docs": f"{self.api_url}/docs",
            "inbox of every email and SMS": f"{self.simulator_url}/",
            "Temporal": f"{self.temporal.ui_url}/namespaces/{NAMESPACE}/workflows",
        }


StackHook = Callable[[RunningStack], Awaitable[None]]


def web_address(port: int) -> str:
    """The address of a web server on the loopback port."""
    return f"http://{LOOPBACK}:{port}"
