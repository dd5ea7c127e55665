"""Column types shared by all tables: visible identities over integers, aware instants, minor units."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator

from billing.domain import identity
from billing.domain.errors import InvalidValue

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class MalformedIdentity(InvalidValue, DontWrapMixin):
    """A text that is no identity of its column; a refusal that reaches the caller as it is."""


class PrefixedId(TypeDecorator[str]):
    """A bigint in the database, ``<prefix>_<number>`` in Python."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:
        try:
            return None if value is None else identity.parse(self.prefix, value)
        except InvalidValue as refusal:
            raise MalformedIdentity(
                refusal.message, field=refusal.field, value=refusal.value, remedy=refusal.remedy
            ) from None

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else identity.show(self.prefix, value)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; a naive one is a bug and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


def account_key() -> Column[str]:
    """``account_id`` as the first column of the primary key of every table that an account owns."""
    return Column("account_id", PrefixedId(identity.ACCOUNT), primary_key=True)


def generated_key(name: str, prefix: str) -> Column[str]:
    """A generated identity within the primary key."""
    return Column(name, PrefixedId(prefix), Identity(start=1001), primary_key=True)


def reference(name: str, prefix: str, *, nullable: bool = False) -> Column[str]:
    """A column that names another row by its visible identity."""
    return Column(name, PrefixedId(prefix), nullable=nullable)


def document(name: str, *, nullable: bool = False) -> Column[Any]:
    """A JSONB column for data that is read and written whole."""
    return Column(name, JSONB, nullable=nullable)
