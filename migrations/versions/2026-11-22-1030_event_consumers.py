"""Named consumers of the feed."""

revision = "202611221030"
down_revision = "202611221020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
