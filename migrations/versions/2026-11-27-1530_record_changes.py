"""The order of changes: a position for every record, given by the sequencer after the commit.

Records that are there get theirs in the order of `updated_at`.
"""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611271530"
down_revision = "202611271510"
branch_labels = None
depends_on = None

_TABLES = {
    "account": "accounts",
    "person": "people",
    "stakeholder": "stakeholders",
    "plan": "plans",
    "objective": "objectives",
    "action": "actions",
}


def upgrade() -> None:
    op.create_table(
        "record_changes",
        sa.Column("record_id", columns.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_record_changes")),
        sa.UniqueConstraint("position", name=op.f("uq_record_changes_position")),
    )
    op.create_table(
        "changed_ranges",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("first_id", columns.Uuid(), nullable=False),
        sa.Column("last_id", columns.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changed_ranges")),
    )
    records = " UNION ALL ".join(
        f"SELECT id, '{kind}' AS kind, version, updated_at FROM {table}" for kind, table in _TABLES.items()
    )
    op.execute(
        "INSERT INTO record_changes (record_id, kind, version, position) "
        f"SELECT id, kind, version, row_number() OVER (ORDER BY updated_at, id) FROM ({records}) AS records"
    )
    op.create_index("ix_record_changes_kind", "record_changes", ["kind", "position"])


def downgrade() -> None:
    op.drop_table("changed_ranges")
    op.drop_table("record_changes")
