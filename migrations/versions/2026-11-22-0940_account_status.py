"""The status path of an account and its pre-selection."""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611220940"
down_revision = "202611220930"
branch_labels = None
depends_on = None

CELLS = "('key_difficult', 'key_easy', 'non_key_difficult', 'non_key_easy')"
STATUSES = "('customer', 'candidate', 'selected', 'agreed', 'planned', 'managed', 'deselected')"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("benefit_to_us", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("benefit_to_customer", sa.Text(), nullable=True))
    op.create_table(
        "status_entries",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("account_version", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("agreed_by", sa.Text(), nullable=True),
        sa.Column("stakeholder_id", columns.Uuid(), nullable=True),
        sa.Column("agreed_on", columns.Day(), nullable=True),
        sa.Column("recorded_at", columns.Instant(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_status_entries_known_status")),
        sa.CheckConstraint(f"previous IN {STATUSES}", name=op.f("ck_status_entries_known_previous")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_status_entries_account_id")),
        sa.ForeignKeyConstraint(["stakeholder_id"], ["stakeholders.id"], name=op.f("fk_status_entries_stakeholder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_entries")),
    )
    op.create_index(
        "uq_status_entries_account_version", "status_entries", ["account_id", "account_version"], unique=True
    )
    _general_portfolio()


def _general_portfolio() -> None:
    op.execute(
        "ALTER TABLE accounts ADD COLUMN general_portfolio TEXT CONSTRAINT ck_accounts_known_general_portfolio "
        f"CHECK (general_portfolio IS NULL OR general_portfolio IN {CELLS})"
    )
    op.create_table(
        "general_portfolios",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("strategic_importance", columns.Json(), nullable=False),
        sa.Column("difficulty", columns.Json(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("author_id", columns.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.Column("recorded_at", columns.Instant(), nullable=False),
        sa.Column("superseded_at", columns.Instant(), nullable=True),
        sa.CheckConstraint(f"cell IS NULL OR cell IN {CELLS}", name=op.f("ck_general_portfolios_known_cell")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_general_portfolios_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["people.id"], name=op.f("fk_general_portfolios_author_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_general_portfolios")),
    )
    op.create_index(
        "uq_general_portfolios_current",
        "general_portfolios",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
        sqlite_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("ix_general_portfolios_account", "general_portfolios", ["account_id", "recorded_at"])


def downgrade() -> None:
    op.drop_table("general_portfolios")
    op.drop_column("accounts", "general_portfolio")
    op.drop_table("status_entries")
    op.drop_column("accounts", "benefit_to_customer")
    op.drop_column("accounts", "benefit_to_us")
