"""The embedded stack put together: which children, with which environment, in which order."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from evenflow.settings import Settings, read_settings, settings_from
from evenflow.stack import hooks
from evenflow.stack.child import ChildSpec, Hook
from evenflow.stack.directory import DataDirectory
from evenflow.stack.environment import (
    core_environment,
    simulated_email_key,
    simulated_vendors,
    simulator_environment,
    vendor_environment,
)
from evenflow.stack.errors import StackError
from evenflow.stack.migrate import PROJECT, upgrade
from evenflow.stack.ports import LOOPBACK
from evenflow.stack.postgres import prepare_postgres
from evenflow.stack.probes import answers_http
from evenflow.stack.running import PORT_NAMES, RunningStack, StackHook, web_address
from evenflow.stack.supervisor import Report, Supervisor
from evenflow.stack.temporal_server import TemporalServer

DATABASE = "evenflow"
ENVIRONMENT_FILE = "environment.json"
WORKER_PROGRAM = PROJECT / "worker.py"
# The server with a shorter way for single usage records.
PROTOCOL = ("--http", "api.usage_doors.protocol:UsageProtocol")
# Longer than clients and load balancers keep an idle connection (60 s and less): whoever closes first must be the one
# who sends next, or a request meets a closed door.
KEEP_ALIVE = ("--timeout-keep-alive", "75")
Result = TypeVar("Result")


@dataclass(frozen=True)
class StackOptions:
    """How to run a stack.

    ``ports`` are wished for by name (see ``PORT_NAMES``) and refused when busy; the others are chosen.
    ``clock_rate`` is business seconds per real second; any other than 1 runs against simulated vendors only.
    """

    data_dir: Path
    ports: Mapping[str, int] = field(default_factory=dict)
    clock_rate: float = 1.0
    resume_clock: StackHook = hooks.resume_clock
    heartbeat: StackHook = hooks.beat


async def run_stack(
    options: StackOptions, main: Callable[[RunningStack], Awaitable[Result]], report: Report = print
) -> Result:
    """Run the whole stack for the length of ``main``.

    Raises StackError (in plain words) when it cannot start or be kept alive, SettingsError when the environment cannot
    be used, StoppedByUser on Ctrl-C or SIGTERM. Whatever happens, no child is left behind.
    """
    directory = DataDirectory(options.data_dir)
    with directory.locked():
        stack, specs = assemble(directory, options, report)
        directory.announce(stack.links())
        heartbeat = partial(options.heartbeat, stack)
        supervisor = Supervisor(specs, directory, report=report, heartbeat=heartbeat)
        return await supervisor.run(partial(main, stack))


def assemble(directory: DataDirectory, options: StackOptions, report: Report) -> tuple[RunningStack, list[ChildSpec]]:
    """Prepare the data directory, and describe the stack and its children."""
    ports = directory.ports(PORT_NAMES, options.ports)
    postgres = prepare_postgres(directory.path, ports["postgres"], say=report)
    temporal = TemporalServer(ports["temporal"], ports["temporal-ui"], directory.path / "temporal.db")
    api_url, simulator_url = web_address(ports["api"]), web_address(ports["simulator"])
    vendors = simulated_vendors(directory, simulator_url)
    environment: dict[str, str] = {
        **core_environment(directory, postgres, temporal, api_url, options.clock_rate),
        **vendor_environment(vendors, os.environ, only_simulated=options.clock_rate != 1),
    }
    settings_from(environment)
    directory.write(ENVIRONMENT_FILE, environment)
    # Shared by all children, and completed when the simulator has told its key.
    stack = RunningStack(directory.path, ports, postgres, temporal, options.clock_rate, environment)
    simulator = simulator_environment(directory, vendors, api_url, simulator_url)

    async def learn_key() -> None:
        if environment.get("EVENFLOW_SENDGRID_API_BASE") == vendors["SENDGRID"]["API_BASE"]:
            key = await asyncio.to_thread(simulated_email_key, simulator_url)
            environment["EVENFLOW_SENDGRID_VERIFICATION_KEY"] = key
            directory.write(ENVIRONMENT_FILE, environment)

    return stack, [*_servers(stack), *_programs(stack, simulator, options, learn_key)]


def _servers(stack: RunningStack) -> list[ChildSpec]:
    async def build_database() -> None:
        await asyncio.to_thread(stack.postgres.create_database, DATABASE)
        try:
            await asyncio.to_thread(upgrade, stack.database_url)
        except Exception as error:
            log_path = stack.data_dir / "logs" / "migrations.log"
            log_path.write_text(traceback.format_exc(), encoding="utf-8")
            raise StackError(f"The database could not be brought to the newest schema: see {log_path}.") from error

    return [
        replace(stack.postgres.child(), after_ready=build_database),
        replace(stack.temporal.child(), after_ready=stack.temporal.adjust),
    ]


def _programs(
    stack: RunningStack, simulator: Mapping[str, str], options: StackOptions, learn_key: Hook
) -> list[ChildSpec]:
    """Our own processes. One that this checkout does not hold is left out."""
    needed = ("postgres", "temporal", "simulator")
    # Both read the clock when they start, so neither may start before it has been set.
    resume_clock = once(partial(options.resume_clock, stack))
    programs = {
        "simulator": replace(
            simulator_child(stack.ports["simulator"], stack.simulator_url, simulator), after_ready=learn_key
        ),
        "api": ChildSpec(
            name="api",
            command=(*_uvicorn("evenflow.bootstrap:create_api_app"), "--port", str(stack.ports["api"])),
            environment=stack.environment,
            ready=answers_http(stack.api_url),
            needs=needed,
            before_start=resume_clock,
        ),
        "worker": ChildSpec(
            name="worker",
            command=(sys.executable, str(WORKER_PROGRAM)),
            environment=stack.environment,
            needs=needed,
            before_start=resume_clock,
            stop_seconds=20.0,
        ),
    }
    present = {
        "simulator": _has_module("simulator.__main__"),
        "api": _has_module("evenflow.bootstrap"),
        "worker": WORKER_PROGRAM.exists(),
    }
    return [replace(spec, directory=PROJECT) for name, spec in programs.items() if present[name]]


def simulator_child(port: int, url: str, environment: Mapping[str, str]) -> ChildSpec:
    """How to run the vendors' side of the world."""
    command = (sys.executable, "-m", "simulator", "--port", str(port))
    return ChildSpec("simulator", command, environment, directory=PROJECT, ready=answers_http(f"{url}/health"))


def once(hook: Hook) -> Hook:
    """A hook that does its work for the first caller; the others wait until it is done."""
    lock, is_done = asyncio.Lock(), asyncio.Event()

    async def guarded() -> None:
        async with lock:
            if not is_done.is_set():
                await hook()
                is_done.set()

    return guarded


def _uvicorn(factory: str) -> tuple[str, ...]:
    options = ("--host", LOOPBACK, "--no-access-log", "--log-level", "info", "--timeout-graceful-shutdown", "5")
    return (sys.executable, "-m", "uvicorn", "--factory", factory, *PROTOCOL, *KEEP_ALIVE, *options)


def _has_module(name: str) -> bool:
    return find_spec(name) is not None


def settings_beside(data_dir: Path) -> Settings:
    """The settings of a command run beside a stack: those of the stack on ``data_dir``, unless a database is named.

    Raises SettingsError when they cannot be used.
    """
    own = read_settings()
    if own.database.url.get_secret_value() or not (data_dir / ENVIRONMENT_FILE).exists():
        return own
    return settings_from(DataDirectory(data_dir).read(ENVIRONMENT_FILE))
