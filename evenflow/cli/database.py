"""What the database of the settings may do to a command: one sentence, never a traceback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.unit_of_work import make_engine
from evenflow.stack.errors import StackError


@asynccontextmanager
async def one_connection(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine for one command. Raises StackError where the address cannot be used or the server does not answer."""
    try:
        engine = make_engine(url, pool_size=1)
    except (SQLAlchemyError, ValueError) as error:
        raise _unusable(error) from error
    try:
        yield engine
    except (SQLAlchemyError, OSError) as error:
        raise _unusable(error) from error
    finally:
        await engine.dispose()


def _unusable(error: Exception) -> StackError:
    return StackError(f"The database of EVENFLOW_DATABASE_URL cannot be used: {first_line(error)}")


def first_line(error: Exception) -> str:
    """What an error says first."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
