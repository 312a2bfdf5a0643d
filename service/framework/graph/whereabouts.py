"""Which record an id names, of whatever type: one look-up over the tables of all types of the graph."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.framework.database.dialects import one_of
from service.framework.graph.edges import Graph


def whereabouts(graph: Graph) -> Any:
    """One look-up over the tables of all types: which of the ids bound as `ids` exist, and as what."""
    selects = [
        sa.select(table.c.id, sa.literal_column(f"'{name}'", sa.Text()).label("typename")).where(
            one_of(table.c.id, "ids")
        )
        for name, table in ((name, kind.listing.table) for name, kind in graph.types.items())
    ]
    return sa.union_all(*selects)


def words(typename: str) -> str:
    """A type as errors name it: `ScoringModel` is a scoring model."""
    return "".join(" " + letter.lower() if letter.isupper() else letter for letter in typename).strip()
