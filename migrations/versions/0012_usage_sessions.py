"""Sessions that several usage records describe are kept until they are whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SESSIONS = "usage_sessions"
PARTS = "usage_session_parts"


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    document = postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        SESSIONS,
        sa.Column("session_hash", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("event", document, nullable=True),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("line_number", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", instant, nullable=True),
        sa.Column("settled_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("session_hash", name="pk_usage_sessions"),
    )
    waiting = sa.text("status = 'open' AND reported_at IS NULL")
    op.create_index("ix_usage_sessions_waiting", SESSIONS, ["profile", "opened_at"], postgresql_where=waiting)
    settled = sa.text("status <> 'open'")
    op.create_index("ix_usage_sessions_settled", SESSIONS, ["settled_at"], postgresql_where=settled)
    op.create_table(
        PARTS,
        sa.Column("session_hash", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("part_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fields", document, nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_hash"],
            [f"{SESSIONS}.session_hash"],
            name="fk_usage_session_parts_session_hash",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_hash", "kind", "part_order", name="pk_usage_session_parts"),
    )


def downgrade() -> None:
    op.drop_table(PARTS)
    op.drop_table(SESSIONS)
