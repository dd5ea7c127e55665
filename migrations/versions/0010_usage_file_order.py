"""Usage files have an order, say what they hold, and wait for a person when they are not what they should be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FILES = "usage_files"
TEXTS = ("hold_kind", "hold_reason", "decided_by", "decision_reason")
INSTANTS = ("started_at", "decided_at", "first_start", "last_start")
LISTS = ("gap", "waived")
OBJECTS = ("declared", "checked", "totals")


def upgrade() -> None:
    op.add_column(FILES, sa.Column("partial", sa.BigInteger(), server_default="0", nullable=False))
    for name in ("sequence", "position"):
        op.add_column(FILES, sa.Column(name, sa.BigInteger(), nullable=True))
    for name in TEXTS:
        op.add_column(FILES, sa.Column(name, sa.Text(), server_default="", nullable=False))
    for name in INSTANTS:
        op.add_column(FILES, sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for names, empty in ((LISTS, "[]"), (OBJECTS, "{}")):
        for name in names:
            kind = postgresql.JSONB(astext_type=sa.Text())
            op.add_column(FILES, sa.Column(name, kind, server_default=empty, nullable=False))
    op.add_column(FILES, sa.Column("charge", sa.Numeric(), nullable=True))
    op.create_index("ix_usage_files_position", FILES, ["profile", "position"], unique=False)
    op.create_index(
        "ix_usage_files_waiting",
        FILES,
        ["status"],
        unique=False,
        postgresql_where=sa.text("status IN ('registered', 'held', 'importing')"),
    )


def downgrade() -> None:
    op.drop_index("ix_usage_files_waiting", table_name=FILES)
    op.drop_index("ix_usage_files_position", table_name=FILES)
    for name in ("charge", *OBJECTS, *LISTS, *INSTANTS, *TEXTS, "position", "sequence", "partial"):
        op.drop_column(FILES, name)
