"""The history of classifications names accounts and models without the database checking every entry.

Each entry is made beside the account's own change; rows of accounts and models are never removed. The checks took a
fifth of the time in which a whole portfolio is classified anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "202611221100"
down_revision = "202611221030"
branch_labels = None
depends_on = None

REFERENCES = {"account_id": "accounts", "model_id": "scoring_models"}
CHECKS = (
    sa.CheckConstraint(
        "quadrant IS NULL OR quadrant IN ('strategic', 'star', 'status', 'streamline')",
        name=op.f("ck_classifications_known_quadrant"),
    ),
    sa.CheckConstraint(
        "quadrant_source IS NULL OR quadrant_source IN ('computed', 'override')",
        name=op.f("ck_classifications_known_quadrant_source"),
    ),
)
"""SQLite copies the table, and would lose them."""


def upgrade() -> None:
    with op.batch_alter_table("classifications", table_args=CHECKS) as table:
        for column in REFERENCES:
            table.drop_constraint(op.f(f"fk_classifications_{column}"), type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("classifications", table_args=CHECKS) as table:
        for column, named in REFERENCES.items():
            table.create_foreign_key(op.f(f"fk_classifications_{column}"), named, [column], ["id"])
