"""Forecast positions."""

revision = "202611220930"
down_revision = "202611220920"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
