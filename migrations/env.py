"""Alembic's environment: runs every migration in its own transaction, never waiting long for a lock on a live table."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine, text

from billing.persistence.columns import Instant, PrefixedId
from billing.persistence.tables import metadata

LOCK_TIMEOUT = "5s"


def _url() -> str:
    """The database of the caller: given by code, by ``-x url=...``, or by EVENFLOW_DATABASE_URL."""
    configured = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    url = configured or os.environ.get("EVENFLOW_DATABASE_URL", "")
    if not url:
        raise SystemExit("No database named: set EVENFLOW_DATABASE_URL or pass -x url=postgresql+psycopg://...")
    return str(url)


def run() -> None:
    engine = create_engine(_url())
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            compare_type=True,
            include_object=_is_ours,
            render_item=_plain_types,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _plain_types(kind: str, item: object, _autogen: object) -> str | bool:
    """Migrations speak of database types, so that they do not change when our column classes do."""
    if kind == "type" and isinstance(item, PrefixedId):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    return False


def _is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Daily partitions are made and dropped by upkeep, not by migrations."""
    return not (kind == "table" and name is not None and name.startswith("usage_events_"))


run()
