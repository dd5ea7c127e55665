"""Who published a dunning policy, a plan or a notice's text, and why; from when a plan's version is sold; versions of a
brand's policies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0030"
branch_labels = None
depends_on = None

SAID = {"dunning_policies": ("author", "reason"), "plans": ("author", "reason"), "notice_templates": ("reason",)}


def upgrade() -> None:
    for table, names in SAID.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("plans", sa.Column("sold_from", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "brand_policies",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("brand", "part")),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("author", "reason")),
        sa.PrimaryKeyConstraint("brand", "part", "version", name=op.f("pk_brand_policies")),
    )


def downgrade() -> None:
    op.drop_table("brand_policies")
    op.drop_column("plans", "sold_from")
    for table, names in SAID.items():
        for name in names:
            op.drop_column(table, name)
