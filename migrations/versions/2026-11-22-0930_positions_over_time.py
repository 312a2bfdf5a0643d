"""Forecast positions; when accounts were away and which yardstick held, so that any day of the past can be read."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns
from service.platform import ids

revision = "202611220930"
down_revision = "202611220920"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forecast_positions",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("attractiveness", columns.Exact(19, 17), nullable=False),
        sa.Column("relative_strength", columns.Exact(19, 17), nullable=True),
        sa.Column("business_strength", columns.Exact(19, 17), nullable=True),
        sa.Column("forecast_on", columns.Day(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author_id", columns.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.Column("recorded_at", columns.Instant(), nullable=False),
        sa.Column("superseded_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_forecast_positions_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["people.id"], name=op.f("fk_forecast_positions_author_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast_positions")),
    )
    op.create_index(
        "uq_forecast_positions_current",
        "forecast_positions",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
        sqlite_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("ix_forecast_positions_account", "forecast_positions", ["account_id", "recorded_at"])
    deletions = op.create_table(
        "account_deletions",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=False),
        sa.Column("restored_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_deletions_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_deletions")),
    )
    op.create_index("ix_account_deletions_account", "account_deletions", ["account_id", "deleted_at"])
    yardsticks = op.create_table(
        "yardsticks",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("model_id", columns.Uuid(), nullable=False),
        sa.Column("since", columns.Instant(), nullable=False),
        sa.Column("range_low", columns.Exact(6, 4), nullable=True),
        sa.Column("range_high", columns.Exact(6, 4), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["scoring_models.id"], name=op.f("fk_yardsticks_model_id_scoring_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_yardsticks")),
    )
    op.create_index("ix_yardsticks_since", "yardsticks", ["since", "id"])
    _remember(deletions, yardsticks)


def downgrade() -> None:
    op.drop_table("yardsticks")
    op.drop_table("account_deletions")
    op.drop_table("forecast_positions")


def _remember(deletions: sa.Table, yardsticks: sa.Table) -> None:
    """What is known of the time before: accounts that are deleted now, and when each model was last made active."""
    connection = op.get_bind()
    accounts = sa.table("accounts", sa.column("id", columns.Uuid()), sa.column("deleted_at", columns.Instant()))
    gone = sa.select(accounts.c.id.label("id"), accounts.c.id.label("account_id"), accounts.c.deleted_at)
    gone = gone.where(accounts.c.deleted_at.is_not(None))
    connection.execute(deletions.insert().from_select(["id", "account_id", "deleted_at"], gone))
    models = sa.table(
        "scoring_models",
        sa.column("id", columns.Uuid()),
        sa.column("activated_at", columns.Instant()),
        sa.column("range_low", columns.Exact(6, 4)),
        sa.column("range_high", columns.Exact(6, 4)),
    )
    active = sa.select(models).where(models.c.activated_at.is_not(None)).order_by(models.c.activated_at)
    for row in connection.execute(active).all():
        connection.execute(
            yardsticks.insert().values(
                id=ids.new_id(row.activated_at),
                model_id=row.id,
                since=row.activated_at,
                range_low=row.range_low,
                range_high=row.range_high,
            )
        )
