"""API keys from the command line: made, shown once, listed and revoked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from billing.domain.errors import Refusal
from billing.services.access import ROLES, Access
from evenflow.settings import Settings, SettingsError
from evenflow.stack.assembly import settings_beside
from evenflow.stack.errors import StackError
from evenflow.stack.migrate import PROJECT

app = typer.Typer(help="API keys: each has a name, which is the author of what it changes, and a role.")
Result = TypeVar("Result")
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="EVENFLOW_DATA_DIR", help="Where the stack keeps everything.")
]
DEFAULT_DATA_DIR = PROJECT / ".evenflow"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses it, like crm or sanne.")],
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "viewer",
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a key and show it, once: only its hash is kept."""
    print(_carry_out(data_dir, lambda access: access.create(name, role)))


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The name it was made with.")], data_dir: DataDir = DEFAULT_DATA_DIR
) -> None:
    """Revoke every key of a name, at once."""
    revoked = _carry_out(data_dir, lambda access: access.revoke(name, datetime.now(UTC)))
    if not revoked:
        sys.stderr.write(f"evenflow: there is no key in use under the name {name}.\n")
        raise typer.Exit(1)
    print(f"Revoked {revoked} key(s) of {name}.")


def _carry_out(data_dir: Path, work: Callable[[Access], Awaitable[Result]]) -> Result:
    """Do one thing with the keys of the installation; what is foreseen ends in one sentence."""
    try:
        return asyncio.run(_with_access(settings_beside(data_dir), work))
    except (StackError, SettingsError, Refusal) as error:
        sys.stderr.write(f"evenflow: {error}\n")
        raise typer.Exit(1) from None


async def _with_access(settings: Settings, work: Callable[[Access], Awaitable[Result]]) -> Result:
    # Loaded here, so that other commands start without them.
    from billing.persistence.key_store import SqlKeyStore
    from evenflow.cli.database import one_connection

    url = settings.database.url.get_secret_value()
    if not url:
        raise StackError("EVENFLOW_DATABASE_URL is not set: start `evenflow up` first, or name a database.")
    async with one_connection(url) as engine:
        return await work(Access(SqlKeyStore(engine)))
