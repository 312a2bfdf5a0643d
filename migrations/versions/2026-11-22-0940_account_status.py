"""The status path of an account and its pre-selection."""

revision = "202611220940"
down_revision = "202611220930"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
