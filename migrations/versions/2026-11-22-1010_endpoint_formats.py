"""How an endpoint is called: format, headers, authentication, signing keys."""

revision = "202611221010"
down_revision = "202611221000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
