"""Payment plans, dunning fees, hand-overs, policies by segment; promises know how they ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
INSTANT = sa.DateTime(timezone=True)


def _text(name: str, *, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, INSTANT, nullable=nullable)


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False)


def upgrade() -> None:
    op.add_column("dunning_cases", sa.Column("rested_days", sa.Integer(), server_default="0", nullable=False))
    for column in _promise_columns():
        op.add_column("promises", column)
    _create_assignments()
    _create_plans()
    _create_fees()
    _create_hand_overs()


def _promise_columns() -> list[sa.Column[object]]:
    return [
        _text("reason", default=""),
        sa.Column("pay_by", sa.Date(), nullable=True),
        _number("case_id", nullable=True),
        sa.Column("invoice_ids", JSONB, server_default="[]", nullable=False),
        sa.Column("open_before_minor", sa.BigInteger(), server_default="0", nullable=False),
        _text("outcome", default=""),
        _instant("ended_at", nullable=True),
    ]


def _create_assignments() -> None:
    op.create_table(
        "dunning_assignments",
        *(_text(name) for name in ("brand", "segment", "policy_code")),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        *(_text(name) for name in ("author", "reason")),
        _instant("assigned_at"),
        sa.PrimaryKeyConstraint("brand", "segment", name=op.f("pk_dunning_assignments")),
    )


def _create_plans() -> None:
    op.create_table(
        "payment_plans",
        _number("account_id"),
        _key("plan_id"),
        _text("command_id"),
        sa.Column("invoice_ids", JSONB, nullable=False),
        _number("total_minor"),
        *(_text(name) for name in ("currency", "paid_by")),
        sa.Column("instalments", JSONB, nullable=False),
        _text("status"),
        sa.Column("rests_case", sa.Boolean(), nullable=False),
        _instant("made_at"),
        *(_text(name) for name in ("author", "reason")),
        _instant("ended_at", nullable=True),
        _text("end_reason", default=""),
        sa.PrimaryKeyConstraint("account_id", "plan_id", name=op.f("pk_payment_plans")),
        sa.UniqueConstraint("account_id", "command_id", name=op.f("uq_payment_plans_account_id_command_id")),
    )
    op.create_index(
        "uq_payment_plans_running",
        "payment_plans",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )


def _create_fees() -> None:
    op.create_table(
        "dunning_fees",
        _number("account_id"),
        _key("fee_id"),
        _number("case_id"),
        *(_text(name) for name in ("kind", "occasion")),
        _number("amount_minor"),
        *(_text(name) for name in ("currency", "tax_code")),
        _number("adjustment_id", nullable=True),
        _text("note", default=""),
        _instant("charged_at"),
        _instant("waived_at", nullable=True),
        *(_text(name, default="") for name in ("waived_by", "waive_reason")),
        sa.PrimaryKeyConstraint("account_id", "fee_id", name=op.f("pk_dunning_fees")),
        sa.UniqueConstraint(
            "account_id", "case_id", "kind", "occasion", name=op.f("uq_dunning_fees_account_id_case_id_kind_occasion")
        ),
    )


def _create_hand_overs() -> None:
    op.create_table(
        "hand_overs",
        _number("account_id"),
        _key("hand_over_id"),
        _text("command_id"),
        _number("case_id"),
        _text("agency"),
        _number("amount_minor"),
        _text("currency"),
        sa.Column("invoice_ids", JSONB, nullable=False),
        _instant("handed_over_at"),
        *(_text(name) for name in ("author", "reason")),
        _instant("taken_back_at", nullable=True),
        *(_text(name, default="") for name in ("taken_back_by", "take_back_reason")),
        sa.PrimaryKeyConstraint("account_id", "hand_over_id", name=op.f("pk_hand_overs")),
        sa.UniqueConstraint("account_id", "command_id", name=op.f("uq_hand_overs_account_id_command_id")),
    )


def downgrade() -> None:
    for table in ("hand_overs", "dunning_fees", "payment_plans", "dunning_assignments"):
        op.drop_table(table)
    for name in ("ended_at", "outcome", "open_before_minor", "invoice_ids", "case_id", "pay_by", "reason"):
        op.drop_column("promises", name)
    op.drop_column("dunning_cases", "rested_days")
