"""References to other systems: a member of documents, and a way to find a record."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import bind
from service.framework.database.dialects import json_list, json_row, one_of
from service.framework.database.statements import Statement
from service.models.accounts.refs import refs

FIND = Statement(
    sa.select(refs.c.entity_id).where(
        refs.c.kind == bind("kind", sa.Text),
        refs.c.system == bind("system", sa.Text),
        refs.c.external_id == bind("external_id", sa.Text),
        refs.c.live.is_(sa.true()),
    )
)

FIND_MANY = Statement(
    sa.select(refs.c.system, refs.c.external_id, refs.c.entity_id).where(
        refs.c.kind == bind("kind", sa.Text),
        one_of(refs.c.external_id, "external_ids"),
        refs.c.live.is_(sa.true()),
    )
)


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
    found: Any = sa.select(refs.c.entity_id).where(
        refs.c.kind == kind, refs.c.external_id == bind(name, sa.Text), refs.c.live.is_(sa.true())
    )
    return owner.c.id.in_(found)
