"""Usage in columns: parts of an event, counts that wait for their counter, and the fence of a cycle that is issued."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Events come in by the million and find their rows by start and key; the index by service is made when a day is over.
BY_SERVICE = "ix_usage_events_service"


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("usage_batches")))
    op.create_table(
        "usage_pending",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.Column("price_code", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "batch_id", "place", name=op.f("pk_usage_pending")),
        # All of it is deleted again and again: cleaned by what was deleted, not by a share of what is there.
        postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "50000"},
    )
    op.add_column("usage_counters", sa.Column("watch_quantity", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("cycles", sa.Column("fenced_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index(BY_SERVICE, table_name="usage_events")
    for name in ("visited", "traffic_class"):
        op.add_column("usage_events", sa.Column(name, sa.Text(), server_default="", nullable=False))
        op.alter_column("usage_events", name, server_default=None)
    op.add_column("usage_events", sa.Column("part", sa.SmallInteger(), server_default="0", nullable=False))
    op.alter_column("usage_events", "part", server_default=None)
    op.drop_column("usage_events", "content_hash")
    _change_key("started_at", "key_hash", "account_id", "part")


def downgrade() -> None:
    _change_key("started_at", "key_hash", "account_id")
    op.add_column(
        "usage_events",
        sa.Column("content_hash", sa.Uuid(), server_default="00000000-0000-0000-0000-000000000000", nullable=False),
    )
    op.alter_column("usage_events", "content_hash", server_default=None)
    for name in ("part", "traffic_class", "visited"):
        op.drop_column("usage_events", name)
    op.create_index(BY_SERVICE, "usage_events", ["account_id", "service_id", "started_at"], unique=False)
    op.drop_column("cycles", "fenced_at")
    op.drop_column("usage_counters", "watch_quantity")
    op.drop_table("usage_pending")
    op.execute(sa.schema.DropSequence(sa.Sequence("usage_batches")))


def _change_key(*columns: str) -> None:
    op.drop_constraint("pk_usage_events", "usage_events", type_="primary")
    op.create_primary_key("pk_usage_events", "usage_events", list(columns))
