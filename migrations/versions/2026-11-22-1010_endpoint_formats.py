"""How an endpoint is called: format, headers, authentication, signing keys."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611221010"
down_revision = "202611221000"
branch_labels = None
depends_on = None

BEFORE = "outcome IN ('open', 'ok', 'http', 'timeout', 'connect', 'dns', 'tls', 'blocked', 'unknown')"
AFTER = "outcome IN ('open', 'ok', 'http', 'timeout', 'connect', 'dns', 'tls', 'auth', 'blocked', 'unknown')"


def upgrade() -> None:
    with op.batch_alter_table("webhook_endpoints") as table:
        table.add_column(sa.Column("signature_kind", sa.Text(), server_default="v1", nullable=False))
        table.add_column(sa.Column("format", sa.Text(), server_default="standard", nullable=False))
        table.add_column(sa.Column("body_map", columns.Json(), nullable=True))
        table.add_column(sa.Column("headers", columns.Json(), nullable=True))
        table.add_column(sa.Column("auth", columns.Json(), nullable=True))
        table.add_column(sa.Column("client_certificate", columns.Json(), nullable=True))
        table.add_column(sa.Column("transport_sealed", sa.Text(), nullable=True))
        table.add_column(sa.Column("handshake", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("consent", columns.Json(), nullable=True))
        table.add_column(sa.Column("consent_due_at", columns.Instant(), nullable=True))
        table.add_column(sa.Column("awaits_consent", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("allowed_per_minute", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("attempts") as table:
        table.add_column(sa.Column("signing_key_ids", columns.Json(), nullable=True))
        table.drop_constraint("known_outcome", type_="check")
        table.create_check_constraint("known_outcome", AFTER)


def downgrade() -> None:
    op.execute("UPDATE attempts SET outcome = 'unknown' WHERE outcome = 'auth'")
    with op.batch_alter_table("attempts") as table:
        table.drop_constraint("known_outcome", type_="check")
        table.create_check_constraint("known_outcome", BEFORE)
        table.drop_column("signing_key_ids")
    with op.batch_alter_table("webhook_endpoints") as table:
        for column in (
            "allowed_per_minute",
            "awaits_consent",
            "consent_due_at",
            "consent",
            "handshake",
            "transport_sealed",
            "client_certificate",
            "auth",
            "headers",
            "body_map",
            "format",
            "signature_kind",
        ):
            table.drop_column(column)
