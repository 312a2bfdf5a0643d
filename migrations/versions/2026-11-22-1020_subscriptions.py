"""What an endpoint gets: filters, channels, replays."""

revision = "202611221020"
down_revision = "202611221010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
