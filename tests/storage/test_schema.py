"""The schema: migrations and tables say the same, and what an account owns is keyed by the account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, Table, UniqueConstraint, create_engine, inspect

from billing.persistence import tables
from billing.persistence.columns import metadata
from evenflow.stack.migrate import alembic_config, upgrade

# Found before the account is known: by number, by a vendor's reference, by place in a series, by brand.
GLOBAL_TABLES = {"number_directory", "issued_numbers", "provider_references", "webhook_inbox", "house_accounts"}
# Its rows are found by their start first: a day's rows lie together and are dropped together.
TIME_PREFIXED = {"usage_events"}
# What makes an account: a brand's number is one account's.
GLOBAL_CONSTRAINTS = {("accounts", ("brand", "number"))}


def test_migrating_up_makes_the_tables_of_the_code(database_url: str) -> None:
    assert tables.__doc__  # importing them is what fills the metadata
    with _connection(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_down_leaves_nothing_and_up_again_works(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    command.downgrade(alembic_config(empty_database_url), "base")
    with _connection(empty_database_url) as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    upgrade(empty_database_url)


def test_everything_an_account_owns_is_keyed_by_the_account() -> None:
    owned = [table for table in metadata.sorted_tables if "account_id" in table.c and table.name not in GLOBAL_TABLES]
    assert len(owned) > 20
    wrong = [table.name for table in owned if not _is_keyed_by_account(table)]
    assert wrong == []


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        yield connection


def _is_keyed_by_account(table: Table) -> bool:
    key = [column.name for column in table.primary_key.columns]
    place = key.index("account_id") if "account_id" in key else -1
    unique = [
        tuple(column.name for column in each.columns)
        for each in table.constraints
        if isinstance(each, UniqueConstraint)
    ]
    others = [each for each in unique if (table.name, each) not in GLOBAL_CONSTRAINTS]
    first = place == 0 or (place > 0 and table.name in TIME_PREFIXED)
    return first and all("account_id" in each for each in others)
