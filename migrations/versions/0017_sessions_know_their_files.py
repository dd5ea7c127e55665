"""Sessions know which file completed them, so that a file can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SESSIONS = "usage_sessions"
PARTS = "usage_session_parts"


def upgrade() -> None:
    op.add_column(SESSIONS, sa.Column("settled_file_id", sa.BigInteger(), nullable=True))
    known = sa.text("settled_file_id IS NOT NULL")
    op.create_index("ix_usage_sessions_settled_file_id", SESSIONS, ["settled_file_id"], postgresql_where=known)
    op.create_index("ix_usage_session_parts_file_id", PARTS, ["file_id"])


def downgrade() -> None:
    op.drop_index("ix_usage_session_parts_file_id", table_name=PARTS)
    op.drop_index("ix_usage_sessions_settled_file_id", table_name=SESSIONS)
    op.drop_column(SESSIONS, "settled_file_id")
