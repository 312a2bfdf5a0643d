"""The delivery engine: breaker, pace, order and coalescing of each endpoint."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611221000"
down_revision = "202611220940"
branch_labels = None
depends_on = None

STATES = "'pending', 'leased', 'succeeded', 'dead', {}'held', 'superseded', 'canceled'"
OPEN = "state IN ('pending', 'leased'{})"
DUE = {
    "postgresql_where": sa.text("state = 'pending' AND behind IS false"),
    "sqlite_where": sa.text("state = 'pending' AND behind IS 0"),
}
FAMILY = sa.text("state = 'pending' AND family IS NOT NULL")
ADDED = (
    sa.Column("ordering", sa.Text(), server_default="per_key", nullable=False),
    sa.Column("on_exhausted", sa.Text(), server_default="continue", nullable=False),
    sa.Column("coalesce", sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column("rate_per_second", columns.Exact(9, 4), nullable=True),
    sa.Column("concurrency", sa.BigInteger(), server_default=sa.text("4"), nullable=False),
    sa.Column("timeout_seconds", sa.BigInteger(), nullable=True),
    sa.Column("owner", columns.Uuid(), nullable=True),
    sa.Column("owner_until", columns.Instant(), nullable=True),
    sa.Column("breaker_state", sa.Text(), server_default="closed", nullable=False),
    sa.Column("breaker_failures", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("breaker_event", columns.Uuid(), nullable=True),
    sa.Column("breaker_mixed", sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column("breaker_probes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("breaker_allowed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("breaker_arrived", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("breaker_opened_at", columns.Instant(), nullable=True),
    sa.Column("breaker_probe_at", columns.Instant(), nullable=True),
    sa.Column("failing_since", columns.Instant(), nullable=True),
    sa.Column("failing_told", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("last_success_at", columns.Instant(), nullable=True),
)


def upgrade() -> None:
    with op.batch_alter_table("webhook_endpoints") as table:
        for column in ADDED:
            table.add_column(column._copy())
    op.drop_index("ix_deliveries_due", "deliveries")
    op.drop_index("ix_deliveries_key", "deliveries")
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("family", sa.Text(), nullable=True))
        table.add_column(sa.Column("probes", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        table.drop_constraint("known_state", type_="check")
        table.create_check_constraint("known_state", _known("'blocked', "))
    op.create_index("ix_deliveries_due", "deliveries", ["endpoint_id", "lane", "next_at", "event_position"], **DUE)
    _index_by_key(", 'blocked'")
    op.create_index(
        "ix_deliveries_family",
        "deliveries",
        ["endpoint_id", "family"],
        postgresql_where=FAMILY,
        sqlite_where=FAMILY,
    )


def downgrade() -> None:
    op.execute("UPDATE deliveries SET state = 'dead' WHERE state = 'blocked'")
    for name in ("due", "key", "family"):
        op.drop_index(f"ix_deliveries_{name}", "deliveries")
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint("known_state", type_="check")
        table.create_check_constraint("known_state", _known(""))
        table.drop_column("probes")
        table.drop_column("family")
    op.create_index("ix_deliveries_due", "deliveries", ["endpoint_id", "next_at", "event_position"], **DUE)
    _index_by_key("")
    with op.batch_alter_table("webhook_endpoints") as table:
        for column in reversed(ADDED):
            table.drop_column(column.name)


def _index_by_key(more: str) -> None:
    condition = sa.text(OPEN.format(more))
    op.create_index(
        "ix_deliveries_key",
        "deliveries",
        ["endpoint_id", "order_key", "event_position"],
        postgresql_where=condition,
        sqlite_where=condition,
    )


def _known(more: str) -> str:
    return f"state IN ({STATES.format(more)})"
