"""Endpoints say what an answer must be to mean success; attempts can be refused by it."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611271560"
down_revision = "202611271540"
branch_labels = None
depends_on = None

BEFORE = ("open", "ok", "http", "timeout", "connect", "dns", "tls", "auth", "blocked", "unknown")
NOW = (*BEFORE[:-1], "refused", "unknown")


def upgrade() -> None:
    with op.batch_alter_table("webhook_endpoints") as table:
        table.add_column(sa.Column("success", columns.Json(), nullable=True))
    _allow(NOW)


def downgrade() -> None:
    op.execute("UPDATE attempts SET outcome = 'http' WHERE outcome = 'refused'")
    op.execute("UPDATE deliveries SET last_error_class = 'http' WHERE last_error_class = 'refused'")
    _allow(BEFORE)
    with op.batch_alter_table("webhook_endpoints") as table:
        table.drop_column("success")


def _allow(outcomes: tuple[str, ...]) -> None:
    with op.batch_alter_table("attempts") as table:
        table.drop_constraint("known_outcome", type_="check")
        table.create_check_constraint(
            "known_outcome", "outcome IN (" + ", ".join(f"'{each}'" for each in outcomes) + ")"
        )
