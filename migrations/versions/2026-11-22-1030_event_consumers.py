"""Named consumers of the feed."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611221030"
down_revision = "202611221020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_consumers",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("event_types", columns.Json(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("committed", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", columns.Instant(), nullable=True),
        sa.Column("lease_token", columns.Uuid(), nullable=True),
        sa.Column("lease_until", columns.Instant(), nullable=True),
        sa.Column("created_by", columns.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_event_consumers_name",
        "event_consumers",
        ["name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        sqlite_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("event_consumers")
