"""Bring the database to the newest schema by Alembic, from within the program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

PROJECT = Path(__file__).resolve().parents[2]
MIGRATIONS = PROJECT / "migrations"


def alembic_config(database_url: str) -> Config:
    """Alembic's configuration for a database, without any file beside the code."""
    # Imported late here and below: loading it takes longer than starting the database server.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Upgrade the database to a revision; a checkout without migrations has nothing to do.

    ``database_url`` is an SQLAlchemy address (``postgresql+psycopg://...``). migrations/env.py reads it from the
    configuration's attribute ``url``. Must not be called on a thread that runs an event loop.
    """
    from alembic import command

    if (MIGRATIONS / "env.py").exists():
        command.upgrade(alembic_config(database_url), revision)
