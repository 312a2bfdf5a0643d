"""The column `events.dedupe_key` goes: no event ever had one, and every insert wrote its index.

SQLite copies the table, which takes the counter of `seq` back to the highest event that is kept: it is put back, so
that no number is given twice.
"""

import sqlalchemy as sa
from alembic import op

revision = "202611271410"
down_revision = "202611271400"
branch_labels = None
depends_on = None


def upgrade() -> None:
    counter = _counter()
    with op.batch_alter_table("events", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_constraint(op.f("uq_events_dedupe_key"), type_="unique")
        table.drop_column("dedupe_key")
    _put_back(counter)


def downgrade() -> None:
    counter = _counter()
    with op.batch_alter_table("events", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.add_column(sa.Column("dedupe_key", sa.Text(), nullable=True))
        table.create_unique_constraint(op.f("uq_events_dedupe_key"), ["dedupe_key"])
    _put_back(counter)


def _counter() -> int | None:
    """Return the highest `seq` that SQLite has given; None on PostgreSQL, and before the first event."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return None
    return connection.scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'events'"))


def _put_back(counter: int | None) -> None:
    if counter is None:
        return
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'events'"))
    connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', :seq)"), {"seq": counter})
