"""Scoring models: cut lines from the portfolio's range, and how near to a border is borderline."""

import json

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611220910"
down_revision = "202611220900"
branch_labels = None
depends_on = None

BORDER_WIDTH = {"attractiveness": 0.3, "relative_strength": 0.05, "fiocca": 0.3}
_models = sa.table("scoring_models", sa.column("id", columns.Uuid()), sa.column("definition", columns.Json()))


def upgrade() -> None:
    with op.batch_alter_table("scoring_models") as batch:
        batch.add_column(sa.Column("range_low", columns.Exact(6, 4), nullable=True))
        batch.add_column(sa.Column("range_high", columns.Exact(6, 4), nullable=True))
        batch.add_column(sa.Column("range_at", columns.Instant(), nullable=True))
    for identifier, definition in _definitions():
        cuts = {**definition["cuts"], "attractiveness_rule": "fixed"}
        factors = [{**factor, "unit": None, "group": None, "source": None} for factor in definition["factors"]]
        _write(identifier, {**definition, "factors": factors, "cuts": cuts, "border_width": BORDER_WIDTH})


def downgrade() -> None:
    for identifier, definition in _definitions():
        definition.pop("border_width", None)
        definition["cuts"].pop("attractiveness_rule", None)
        for factor in definition["factors"]:
            for member in ("unit", "group", "source"):
                factor.pop(member, None)
        _write(identifier, definition)
    with op.batch_alter_table("scoring_models") as batch:
        batch.drop_column("range_at")
        batch.drop_column("range_high")
        batch.drop_column("range_low")


def _definitions() -> list[tuple[str, dict]]:
    """Every model's definition; there are a few."""
    rows = op.get_bind().execute(sa.select(_models.c.id, _models.c.definition)).all()
    return [(row.id, json.loads(json.dumps(row.definition))) for row in rows]


def _write(identifier: str, definition: dict) -> None:
    op.get_bind().execute(sa.update(_models).where(_models.c.id == identifier).values(definition=definition))
