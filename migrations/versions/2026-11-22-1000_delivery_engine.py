"""The delivery engine: breaker, pace, order and coalescing of each endpoint."""

revision = "202611221000"
down_revision = "202611220940"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
