"""References to other systems: a member of documents, and a way to find a record."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import bind
from service.framework.database.dialects import json_list, json_row, one_of
from service.framework.database.statements import Statement
from service.models.accounts.refs import refs

LIVE: ColumnElement[bool] = sa.literal_column("refs.live", sa.Boolean)
"""References of live records, in the words of the index that finds them: `live IS TRUE` reads the whole table."""
GONE: ColumnElement[bool] = sa.literal_column("NOT refs.live", sa.Boolean)
"""References of deleted records, in the words of the index that finds them."""

FIND = Statement(
    sa.select(refs.c.entity_id).where(
        refs.c.kind == bind("kind", sa.Text),
        refs.c.system == bind("system", sa.Text),
        refs.c.external_id == bind("external_id", sa.Text),
        LIVE,
    )
)


def _live_and_gone(*conditions: ColumnElement[bool]) -> Statement:
    """Return the SELECT of the references of live and of deleted records that meet the conditions."""

    def select(which: ColumnElement[bool], live: str) -> sa.Select[Any]:
        shown = (refs.c.system, refs.c.external_id, refs.c.entity_id, sa.literal_column(live, sa.Integer).label("live"))
        return sa.select(*shown).where(refs.c.kind == bind("kind", sa.Text), *conditions, which)

    return Statement(sa.union_all(select(LIVE, "1"), select(GONE, "0")))


FIND_ANY = _live_and_gone(refs.c.system == bind("system", sa.Text), refs.c.external_id == bind("external_id", sa.Text))
"""The records of a kind with a reference, live and deleted: system, external_id, entity_id, live (1 or 0)."""

FIND_MANY = _live_and_gone(one_of(refs.c.external_id, "external_ids"))
"""The same of many external ids, in every system."""


def owners_of(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Return the id of the record that each reference names: of the live one, else of the deleted one made last."""
    listed = sorted(rows, key=lambda row: (row["live"], row["entity_id"]))
    return {(row["system"], row["external_id"]): row["entity_id"] for row in listed}


def refs_of(owner: sa.Table) -> ColumnElement[str]:
    """Return the references of a row of `owner`, as a JSON array ordered by system."""
    rows = (
        sa.select(json_row({"system": refs.c.system, "external_id": refs.c.external_id}).label("j"))
        .where(refs.c.entity_id == owner.c.id)
        .order_by(refs.c.system)
        .correlate(owner)
    )
    return json_list(rows)


def referenced(owner: sa.Table, kind: str, name: str) -> ColumnElement[bool]:
    """Return whether a row of `owner` has a live reference, in any system, with the external id bound as `name`."""
    found: Any = sa.select(refs.c.entity_id).where(refs.c.kind == kind, refs.c.external_id == bind(name, sa.Text), LIVE)
    return owner.c.id.in_(found)
