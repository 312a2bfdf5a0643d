"""An index finds the references of deleted records, which upserts restore."""

import sqlalchemy as sa
from alembic import op

revision = "202611271570"
down_revision = "202611271560"
branch_labels = None
depends_on = None


def upgrade() -> None:
    gone = sa.text("NOT live")
    op.create_index("ix_refs_gone", "refs", ["kind", "system", "external_id"], postgresql_where=gone, sqlite_where=gone)


def downgrade() -> None:
    op.drop_index("ix_refs_gone", table_name="refs")
