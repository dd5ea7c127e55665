"""``evenflow prepare``: the step before the API and the worker start, where the servers are not our own children."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.service import RPCError

from evenflow.cli.database import first_line
from evenflow.settings import Settings, SettingsError, TemporalSettings
from evenflow.stack.errors import StackError
from evenflow.stack.migrate import upgrade
from evenflow.stack.temporal_namespace import prepare_namespace


def prepare_servers(settings: Settings) -> None:
    """Upgrade the schema, and make the namespace with its retention and search attributes.

    Raises SettingsError when a server is not named and StackError when one does not answer, in one sentence each.
    """
    database_url = settings.database.url.get_secret_value()
    needed = {"EVENFLOW_DATABASE_URL": database_url, "EVENFLOW_TEMPORAL_ADDRESS": settings.temporal.address}
    for name, value in needed.items():
        if not value:
            raise SettingsError(f"{name} is not set: name the server to prepare.")
    try:
        upgrade(database_url)
        asyncio.run(_prepare_temporal(settings.temporal))
    except SQLAlchemyError as error:
        raise StackError(f"The database of EVENFLOW_DATABASE_URL cannot be upgraded: {first_line(error)}") from error
    except (RPCError, RuntimeError) as error:
        raise StackError(f"Temporal at {settings.temporal.address} cannot be prepared: {first_line(error)}") from error


async def _prepare_temporal(temporal: TemporalSettings) -> None:
    await prepare_namespace(await connect_plainly(temporal))


async def connect_plainly(temporal: TemporalSettings) -> Client:
    """A client without the application's converter and interceptors, for looks and preparations."""
    key = temporal.api_key.get_secret_value() or None
    return await Client.connect(
        temporal.address, namespace=temporal.namespace, api_key=key, tls=temporal.tls or key is not None
    )
