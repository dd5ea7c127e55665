"""The number directory carries its account's oldest open cycle, so that usage finds owner, plan and cycle in one row.

Triggers keep it, because a row that was forgotten once would put usage into a wrong cycle.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPEN_CYCLE = """
    SELECT c.cycle_number, c.opens_at, c.closes_at FROM cycles c
    WHERE c.account_id = {account_id} AND c.status = 'open' AND c.fenced_at IS NULL
    ORDER BY c.cycle_number LIMIT 1
"""
_OF_A_CYCLE = f"""
    CREATE FUNCTION directory_follows_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE number_directory SET (cycle_number, cycle_opens_at, cycle_closes_at) =
            ({_OPEN_CYCLE.format(account_id="number_directory.account_id")})
        WHERE account_id = COALESCE(NEW.account_id, OLD.account_id);
        RETURN NULL;
    END $$
"""
_OF_A_NUMBER = f"""
    CREATE FUNCTION directory_takes_the_open_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT found.cycle_number, found.opens_at, found.closes_at
        INTO NEW.cycle_number, NEW.cycle_opens_at, NEW.cycle_closes_at
        FROM ({_OPEN_CYCLE.format(account_id="NEW.account_id")}) AS found;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    op.add_column("number_directory", sa.Column("cycle_number", sa.Integer(), nullable=True))
    op.add_column("number_directory", sa.Column("cycle_opens_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("number_directory", sa.Column("cycle_closes_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_number_directory_account", "number_directory", ["account_id"], unique=False)
    op.execute(_OF_A_CYCLE)
    op.execute(_OF_A_NUMBER)
    op.execute(
        "CREATE TRIGGER directory_follows_cycles AFTER INSERT OR DELETE OR UPDATE OF opens_at, closes_at, status, "
        "fenced_at ON cycles FOR EACH ROW EXECUTE FUNCTION directory_follows_cycles()"
    )
    op.execute(
        "CREATE TRIGGER directory_takes_the_open_cycle BEFORE INSERT OR UPDATE OF account_id ON number_directory "
        "FOR EACH ROW EXECUTE FUNCTION directory_takes_the_open_cycle()"
    )
    op.execute(
        "UPDATE number_directory SET (cycle_number, cycle_opens_at, cycle_closes_at) = "
        f"({_OPEN_CYCLE.format(account_id='number_directory.account_id')})"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER directory_takes_the_open_cycle ON number_directory")
    op.execute("DROP TRIGGER directory_follows_cycles ON cycles")
    op.execute("DROP FUNCTION directory_takes_the_open_cycle()")
    op.execute("DROP FUNCTION directory_follows_cycles()")
    op.drop_index("ix_number_directory_account", table_name="number_directory")
    for name in ("cycle_closes_at", "cycle_opens_at", "cycle_number"):
        op.drop_column("number_directory", name)
