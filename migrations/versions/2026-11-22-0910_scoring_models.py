"""Scoring models: cut lines from the portfolio's range."""

revision = "202611220910"
down_revision = "202611220900"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
