"""An archived day may have further files, of records that were counted after it was dropped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage_archives", sa.Column("supplement", sa.Integer(), server_default="0", nullable=False))
    op.drop_constraint(op.f("pk_usage_archives"), "usage_archives", type_="primary")
    op.create_primary_key(op.f("pk_usage_archives"), "usage_archives", ["day", "supplement"])


def downgrade() -> None:
    op.execute("DELETE FROM usage_archives WHERE supplement > 0")
    op.drop_constraint(op.f("pk_usage_archives"), "usage_archives", type_="primary")
    op.create_primary_key(op.f("pk_usage_archives"), "usage_archives", ["day"])
    op.drop_column("usage_archives", "supplement")
