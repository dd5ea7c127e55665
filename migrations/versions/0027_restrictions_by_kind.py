"""Restrictions by kind and cause, the brand's policy of barring, and how soon a payment restored services; WhatsApp.

What is barred already becomes a restriction of the order that did it: of dunning, or of an operator.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None

OUTGOING = ("outgoing_calls", "outgoing_sms", "international", "premium", "roaming", "data")
_KINDS = ", ".join(f"('outgoing', '{kind}'), ('full', '{kind}')" for kind in OUTGOING)

WHATSAPP = ("whatsapp_opted_in_at", "whatsapp_opted_out_at", "whatsapp_heard_at")
TAKE_OVER = f"""
INSERT INTO service_restrictions (account_id, service_id, kind, cause, author, reason, order_id, since)
SELECT s.account_id, s.service_id, kinds.kind, CASE newest.author WHEN 'dunning' THEN 'dunning' ELSE 'operator' END,
    coalesce(newest.author, 'evenflow'), coalesce(newest.reason, 'restricted before'), coalesce(newest.order_id, ''),
    coalesce(newest.placed_at, s.active_from)
FROM services s
LEFT JOIN LATERAL (
    SELECT o.* FROM barring_orders o JOIN barring_order_services named USING (account_id, order_id)
    WHERE o.account_id = s.account_id AND named.service_id = s.service_id AND o.level NOT LIKE 'stop:%'
    ORDER BY o.placed_at DESC, o.order_id DESC LIMIT 1
) newest ON true
JOIN (VALUES {_KINDS}, ('full', 'incoming_calls')) AS kinds (level, kind)
    ON kinds.level = coalesce(newest.level, s.barring_level)
"""


def upgrade() -> None:
    op.create_table(
        "service_restrictions",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("restriction_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("data_kbps", sa.Integer(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), server_default="", nullable=False),
        sa.Column("lift_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("lift_order_id", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "restriction_id", name=op.f("pk_service_restrictions")),
    )
    op.create_index(
        "uq_service_restrictions_held",
        "service_restrictions",
        ["account_id", "service_id", "kind", "cause"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.add_column("barring_orders", sa.Column("cause", sa.Text(), server_default="", nullable=False))
    op.add_column("barring_orders", sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("barring_orders", sa.Column("restored_real_seconds", sa.Double(), nullable=True))
    op.add_column("barring_order_services", sa.Column("level", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "brands",
        sa.Column("barring_policy", sa.dialects.postgresql.JSONB(), server_default="{}", nullable=False),
    )
    op.execute(TAKE_OVER)
    _take_whatsapp()


def _take_whatsapp() -> None:
    """The customer's word about WhatsApp, approved templates, and notices on the channel."""
    for name in WHATSAPP:
        op.add_column("accounts", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_accounts_whatsapp",
        "accounts",
        ["mobile"],
        postgresql_where=sa.text("whatsapp_opted_in_at IS NOT NULL"),
    )
    op.add_column("notice_templates", sa.Column("content_sid", sa.Text(), server_default="", nullable=False))
    _channels("'email', 'sms', 'whatsapp'")


def _channels(known: str) -> None:
    """Checked without a lock that keeps writers out."""
    name = op.f("ck_notices_channel")
    op.drop_constraint(name, "notices", type_="check")
    op.execute(f"ALTER TABLE notices ADD CONSTRAINT {name} CHECK (channel IN ({known})) NOT VALID")
    op.execute(f"ALTER TABLE notices VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    op.execute(
        "DELETE FROM notice_evidence e USING notices n WHERE n.channel = 'whatsapp' "
        "AND e.account_id = n.account_id AND e.notice_id = n.notice_id"
    )
    op.execute("DELETE FROM notices WHERE channel = 'whatsapp'")
    op.execute("DELETE FROM notice_templates WHERE channel = 'whatsapp'")
    _channels("'email', 'sms'")
    op.drop_column("notice_templates", "content_sid")
    op.drop_index("ix_accounts_whatsapp", table_name="accounts")
    for name in WHATSAPP:
        op.drop_column("accounts", name)
    # The older words for levels: nothing that is restricted becomes free by them.
    for table, column in (("services", "barring_level"), ("barring_orders", "level")):
        op.execute(f"UPDATE {table} SET {column} = 'outgoing' WHERE {column} LIKE 'bars:%'")
    op.execute("UPDATE barring_order_services SET state = 'ordered' WHERE state = 'overtaken'")
    op.drop_column("brands", "barring_policy")
    op.drop_column("barring_order_services", "level")
    for name in ("restored_real_seconds", "paid_at", "cause"):
        op.drop_column("barring_orders", name)
    op.drop_table("service_restrictions")
