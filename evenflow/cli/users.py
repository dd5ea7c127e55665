"""Users from the command line: the first administrator, and whoever is locked out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from billing.domain.errors import Refusal
from billing.ports.audit import NewEvent
from billing.ports.users import UserFilter
from billing.services.access import ROLES
from billing.services.operators import Operators
from evenflow.cli.keys import DEFAULT_DATA_DIR, DataDir
from evenflow.settings import Settings, SettingsError
from evenflow.stack.assembly import settings_beside
from evenflow.stack.errors import StackError

app = typer.Typer(help="People who sign in to the console.")
Work = Callable[[Operators, Settings], Awaitable[str]]
Email = Annotated[str, typer.Argument(help="Their email address.")]


@app.command()
def add(
    email: Email,
    name: Annotated[str, typer.Option(help="How they are called; the address without it.")] = "",
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "viewer",
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Invite somebody and show the one-time link that sets their password."""

    async def invite(operators: Operators, settings: Settings) -> str:
        _, word = await operators.invite(email, name or email.partition("@")[0], role, _author())
        return _link(settings, word)

    print(_carry_out(data_dir, invite, "add", email))


@app.command()
def link(email: Email, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Show a fresh one-time link for somebody who has no password or forgot it, and forget their failed tries."""

    async def renew(operators: Operators, settings: Settings) -> str:
        wanted = email.strip().lower()
        found = [one for one in await operators.find(UserFilter(wanted)) if one.email == wanted]
        if not found:
            raise StackError(f"there is no user {email}: invite them with `evenflow user add`.")
        await operators.unlock(found[0].user_id)
        _, word = await operators.new_link(found[0].user_id, _author())
        return _link(settings, word)

    print(_carry_out(data_dir, renew, "link", email))


def _link(settings: Settings, word: str) -> str:
    return f"{settings.public.api_base.rstrip('/')}/console/link/{word}"


def _author() -> str:
    """Who sits at this machine."""
    return f"{getuser()} on the command line"


def _carry_out(data_dir: Path, work: Work, command: str, email: str) -> str:
    """Do one thing with the users of the installation; what is foreseen ends in one sentence."""
    try:
        return asyncio.run(_recorded(settings_beside(data_dir), work, command, email))
    except (StackError, SettingsError, Refusal) as error:
        sys.stderr.write(f"evenflow: {error}\n")
        raise typer.Exit(1) from None


async def _recorded(settings: Settings, work: Work, command: str, email: str) -> str:
    """Carried out, and written to the audit trail."""
    # Loaded here, so that other commands start without them.
    from billing.persistence.key_store import SqlKeyStore
    from billing.services.access import Access
    from evenflow.access import build_access
    from evenflow.cli.database import one_connection

    url = settings.database.url.get_secret_value()
    if not url:
        raise StackError("EVENFLOW_DATABASE_URL is not set: start `evenflow up` first, or name a database.")
    async with one_connection(url) as engine:
        access = build_access(settings, engine, Access(SqlKeyStore(engine)))
        done = await work(access.operators, settings)
        place = f"evenflow user {command}"
        await access.audit.add(NewEvent(_author(), "", "", "", command, place, email.strip().lower(), "", "done", 0))
        return done
