"""The table `yardsticks` becomes `model_periods`: since when which scoring model classified, with which range.

Copied instead of renamed, because SQLite does not rename constraints; it has one row for each activation.
"""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611271400"
down_revision = "202611221100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _copy("yardsticks", "model_periods", "fk_model_periods_model_id")


def downgrade() -> None:
    _copy("model_periods", "yardsticks", "fk_yardsticks_model_id_scoring_models")


def _copy(source: str, target: str, foreign_key: str) -> None:
    op.create_table(
        target,
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("model_id", columns.Uuid(), nullable=False),
        sa.Column("since", columns.Instant(), nullable=False),
        sa.Column("range_low", columns.Exact(6, 4), nullable=True),
        sa.Column("range_high", columns.Exact(6, 4), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["scoring_models.id"], name=op.f(foreign_key)),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{target}")),
    )
    op.execute(
        f"INSERT INTO {target} (id, model_id, since, range_low, range_high) "
        f"SELECT id, model_id, since, range_low, range_high FROM {source}"
    )
    op.drop_table(source)
    op.create_index(f"ix_{target}_since", target, ["since", "id"])
