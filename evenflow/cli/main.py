"""The command line. Every refusal is one sentence on the error stream, never a traceback."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from billing.domain.errors import Refusal
from evenflow.cli import (
    bank,
    bank_statements,
    cases,
    catalogue,
    catalogue_correcting,
    collections,
    keys,
    reconciling,
    usage,
    usage_door,
    usage_kept,
    users,
)
from evenflow.settings import SettingsError, read_settings
from evenflow.stack.assembly import ENVIRONMENT_FILE, StackOptions, run_stack, settings_beside
from evenflow.stack.errors import StackError
from evenflow.stack.migrate import PROJECT
from evenflow.stack.running import PORT_NAMES, RunningStack
from evenflow.stack.supervisor import StoppedByUser

DEFAULT_DATA_DIR = PROJECT / ".evenflow"

app = typer.Typer(
    help="Evenflow: usage in, one clear invoice on any day of the month, money in the bank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.app, name="key")
app.add_typer(users.app, name="user")
usage_kept.add_to(usage.app)
app.add_typer(usage.app, name="usage")
bank_statements.add_to(bank.app)
app.add_typer(bank.app, name="bank")
app.add_typer(catalogue.app, name="catalogue")
catalogue_correcting.add_to(catalogue.app)
app.add_typer(cases.app, name="cases")
app.command()(reconciling.reconcile)
app.add_typer(collections.app, name="collections")

DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="EVENFLOW_DATA_DIR", help="Where the stack keeps everything.")
]
Ports = Annotated[
    list[str] | None,
    typer.Option("--port", help=f"A fixed port, as name=number; names: {', '.join(PORT_NAMES)}. May be repeated."),
]


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turn what is foreseen into one sentence and exit code 1; being stopped by the user is a normal end."""
    try:
        yield
    except (StackError, SettingsError, Refusal) as error:
        sys.stderr.write(f"evenflow: {error}\n")
        raise typer.Exit(1) from None
    except StoppedByUser:
        sys.stderr.write("Stopped; the same command goes on from here.\n")


def parsed_ports(texts: list[str] | None) -> dict[str, int]:
    """``["api=8000"]`` as ``{"api": 8000}``. Raises StackError naming the text that is not understood."""
    ports: dict[str, int] = {}
    for text in texts or []:
        name, _, number = text.partition("=")
        if name not in PORT_NAMES or not re.fullmatch("[0-9]{1,5}", number) or not 0 < int(number) < 65536:
            raise StackError(f"--port {text} is not understood: write name=number, with {', '.join(PORT_NAMES)}.")
        ports[name] = int(number)
    return ports


def print_links(stack: RunningStack) -> None:
    """Print where everything can be looked at."""
    console = Console(soft_wrap=True)
    for name, address in stack.links().items():
        console.print(f"  {name:<30} {address}", highlight=False)
    console.print(f"  {'data and logs':<30} {stack.data_dir}", highlight=False)


@app.command()
def up(data_dir: DataDir = DEFAULT_DATA_DIR, port: Ports = None) -> None:
    """Run the whole stack at normal time until Ctrl-C; a later start finds everything as it was left."""

    async def stay(stack: RunningStack) -> None:
        print("Evenflow runs. Stop it with Ctrl-C.")
        print_links(stack)
        where = f"EVENFLOW_SECRETS_ADMIN_API_KEY in {stack.data_dir / ENVIRONMENT_FILE}"
        print(f"  {'first API key':<30} {where}")
        sys.stdout.flush()
        await asyncio.Event().wait()

    with one_sentence_errors():
        options = StackOptions(data_dir, parsed_ports(port))
        asyncio.run(run_stack(options, stay))


@app.command()
def demo(
    data_dir: DataDir = DEFAULT_DATA_DIR / "demo",
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 40,
    days: Annotated[int, typer.Option(min=1, help="How many business days pass.")] = 62,
    day_seconds: Annotated[float, typer.Option(min=0.05, max=86400, help="Real seconds one business day takes.")] = 5.0,
    leave: Annotated[bool, typer.Option("--exit", help="End by itself with a summary.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the last demonstration and begin anew.")] = False,
    port: Ports = None,
) -> None:
    """Let two months of forty customers pass in about five minutes."""
    demonstration = optional("evenflow.demo", "run_demo")
    with one_sentence_errors():
        code = demonstration(
            data_dir=data_dir,
            accounts=accounts,
            days=days,
            day_seconds=day_seconds,
            leave=leave,
            fresh=fresh,
            ports=parsed_ports(port),
        )
        raise typer.Exit(code)


@app.command()
def doctor(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Say what is configured, what is missing and what that disables, and try each connection."""
    examine = optional("evenflow.cli.doctor", "examine")
    with one_sentence_errors():
        raise typer.Exit(examine(settings_beside(data_dir), Console()))


@app.command()
def check(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Check the invariants of the books, and that every open account has a live workflow."""
    run_check = optional("evenflow.cli.check", "run_check")
    with one_sentence_errors():
        raise typer.Exit(run_check(settings_beside(data_dir)))


@app.command()
def documents(
    brand: Annotated[str, typer.Argument(help="Of which brand.")],
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day of issue.")],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day of issue.")],
    folder: Annotated[Path, typer.Option("--out", help="Where the files go; those that are there stay.")],
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many to draw at once.")] = 2,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Write every invoice and credit note of some days as PDF. Stopped, the same command goes on."""
    module = import_module("evenflow.cli.documents")
    with one_sentence_errors():
        wanted = module.Wanted(brand, since.date(), until.date(), folder, processes)
        raise typer.Exit(module.render_documents(settings_beside(data_dir), wanted))


@app.command(name="import")
def import_(
    profile: Annotated[str, typer.Argument(help="How the files are read, like csv or cdr-csv.")],
    files: Annotated[list[str], typer.Argument(help="Files or patterns; taken in the order of their numbers.")],
    as_json: usage.AsJson = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the imports to their end.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only decode and check, without any server; nothing is stored.")
    ] = False,
    at: Annotated[
        datetime | None, typer.Option("--at", help="Check as of this UTC instant instead of now (with --dry-run).")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: usage.Api = "",
    key: usage.Key = "",
) -> None:
    """Import usage files and print what became of every record.

    Exit code 0: nothing was held or rejected; 1: it could not be done; 3: records were rejected or in conflict; 4: a
    file is held for a person, was rejected or cancelled.
    """
    importing, trying = import_module("evenflow.cli.importing"), import_module("evenflow.cli.trying")
    with one_sentence_errors():
        paths = importing.in_order(profile, files)
        if dry_run:
            now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
            code = trying.try_files(importing.format_of(profile), paths, now, as_json=as_json)
            raise typer.Exit(code)
        with usage_door.open_door(usage_door.Address.of(settings_beside(data_dir), api, key)) as door:
            raise typer.Exit(importing.import_files(door, profile, paths, wait=wait, as_json=as_json))


@app.command()
def prepare() -> None:
    """Bring the database and the Temporal namespace that the environment names to what this release needs."""
    prepare_servers = optional("evenflow.cli.prepare", "prepare_servers")
    with one_sentence_errors():
        prepare_servers(read_settings())
    print("The database and the Temporal namespace are ready.")


def optional(module: str, name: str) -> Callable[..., Any]:
    """A function of a part loaded only when asked for; says so in one sentence when it is not installed."""
    with one_sentence_errors():
        if find_spec(module) is None:
            raise StackError(f"This installation does not hold {module}.")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found
