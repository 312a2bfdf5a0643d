"""What an endpoint gets: filters, channels, replays."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611221020"
down_revision = "202611221010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("request", columns.Json(), nullable=True))
    op.add_column("events", sa.Column("content", sa.Text(), nullable=True))
    op.add_column("webhook_endpoints", sa.Column("filter", columns.Json(), nullable=True))
    for name in ("changed", "channels"):
        op.add_column(
            "webhook_endpoints", sa.Column(name, columns.Json(), nullable=False, server_default=sa.text("'[]'"))
        )
    bounds = op.create_table(
        "feed_bounds",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("removed_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_bounds")),
    )
    op.bulk_insert(bounds, [{"id": 1, "removed_to": 0}])


def downgrade() -> None:
    op.drop_table("feed_bounds")
    for name in ("channels", "changed", "filter"):
        op.drop_column("webhook_endpoints", name)
    op.drop_column("events", "content")
    op.drop_column("attempts", "request")
