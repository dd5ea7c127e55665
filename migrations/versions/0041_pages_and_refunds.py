"""A page knows which door it leads back to; a refund is asked for anew after a server error and taken up by upkeep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payment_attempts", sa.Column("return_url", sa.Text(), server_default="", nullable=False))
    op.add_column("payment_refunds", sa.Column("call_number", sa.Integer(), server_default="1", nullable=False))
    op.create_index(
        "ix_payment_refunds_requested",
        "payment_refunds",
        ["created_at"],
        postgresql_where=sa.text("status = 'requested'"),
    )


def downgrade() -> None:
    op.drop_index("ix_payment_refunds_requested", table_name="payment_refunds")
    op.drop_column("payment_refunds", "call_number")
    op.drop_column("payment_attempts", "return_url")
