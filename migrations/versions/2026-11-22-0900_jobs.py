"""Jobs: long work as rows."""

revision = "202611220900"
down_revision = "202611210900"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
