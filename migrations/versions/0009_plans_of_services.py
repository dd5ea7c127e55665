"""The plan of a number at every instant, and the history of a service's plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = (("plan_code", sa.Text()), ("plan_version", sa.Integer()))


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("number_directory", sa.Column(name, kind, nullable=True))
    op.execute(
        "UPDATE number_directory AS directory SET plan_code = s.plan_code, plan_version = s.plan_version "
        "FROM services AS s WHERE s.account_id = directory.account_id AND s.service_id = directory.service_id"
    )
    for name, _ in _COLUMNS:
        op.alter_column("number_directory", name, nullable=False)
    op.create_table(
        "service_plans",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "service_id", "active_from", name=op.f("pk_service_plans")),
    )
    op.execute(
        "INSERT INTO service_plans (account_id, service_id, active_from, plan_code, plan_version) "
        "SELECT account_id, service_id, active_from, plan_code, plan_version FROM services"
    )


def downgrade() -> None:
    op.drop_table("service_plans")
    for name, _ in _COLUMNS:
        op.drop_column("number_directory", name)
