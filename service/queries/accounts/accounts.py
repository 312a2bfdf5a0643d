"""Read accounts: the document, its filters, its sorts."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.events.content import FACETS
from service.framework.database.columns import Uuid, bind
from service.framework.database.dialects import JsonDocument, as_json, document, json_row
from service.framework.database.filters import Filterable, enum_field, filter_model
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.accounts.accounts import LOWEST, AccountRead, accounts
from service.models.shapes import LISTED_ONLY
from service.queries.accounts.refs import referenced, refs_of
from service.queries.changes import SYNC_NOTE, followed
from service.rules.classification.fiocca import VERBS
from service.rules.classification.general_portfolio import GeneralCell
from service.rules.relationship.stages import STAGES
from service.rules.vocabulary import (
    AccountScope,
    AccountStatus,
    ClassificationStatus,
    FioccaAttractiveness,
    FioccaPosition,
    Quadrant,
    Stage,
    SupplierStatus,
)

Columns = Mapping[str, ColumnElement[Any]]


def stage_cranfield(stage: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the Cranfield name of a stage, from the rules' own table."""
    return sa.case(
        *[
            (stage == sa.literal_column(f"'{key.value}'"), sa.literal_column(f"'{terms.cranfield_name}'", sa.Text))
            for key, terms in STAGES.items()
        ]
    )


def _in_cell(c: Columns, attractiveness: FioccaAttractiveness, position: FioccaPosition) -> ColumnElement[bool]:
    return sa.and_(
        c["fiocca_attractiveness"] == sa.literal_column(f"'{attractiveness.value}'"),
        c["fiocca_position"] == sa.literal_column(f"'{position.value}'"),
    )


def _fiocca(c: Columns) -> ColumnElement[Any]:
    """Return the nine-cell position with its verbs, from the rules' own table, or null while it is unknown."""
    verbs = sa.case(
        *[
            (_in_cell(c, *cell), sa.literal_column("'[" + ",".join(f'"{verb.value}"' for verb in listed) + "]'"))
            for cell, listed in VERBS.items()
        ]
    )
    alone = [cell for cell, listed in VERBS.items() if len(listed) == 1]
    leading = sa.case(
        *[(_in_cell(c, *cell), sa.literal_column(f"'{VERBS[cell][0].value}'", sa.Text)) for cell in alone],
        else_=c["leading_verb"],
    )
    members = {
        "attractiveness": c["fiocca_attractiveness"],
        "position": c["fiocca_position"],
        "verbs": as_json(verbs),
        "leading_verb": leading,
    }
    return sa.type_coerce(sa.case((c["fiocca_position"].is_not(None), json_row(members))), JsonDocument())


_WITH_FACETS = json_row(
    {
        "id": accounts.c.id,
        "name": accounts.c.name,
        "version": accounts.c.version,
        "refs": refs_of(accounts),
        **{name: accounts.c[name] for name in FACETS},
    }
)


def summary_of(account_id: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the account with this id as events need it, as JSON text: id, name, version, refs, and what subscriptions
    filter by.
    """
    return document(
        sa.type_coerce(sa.select(_WITH_FACETS).where(accounts.c.id == account_id).scalar_subquery(), JsonDocument())
    )


SUMMARY = Statement(sa.select(summary_of(bind("id", Uuid())).label("summary")))


def low(column: ColumnElement[Any], lowest: int = LOWEST) -> ColumnElement[Any]:
    """Return a number as a sort key: null sorts below every value. `lowest` must fit the column's precision."""
    return sa.type_coerce(sa.func.coalesce(column, sa.literal_column(str(lowest))), column.type)


def account_listing(c: Columns, **more: Any) -> Listing:
    """Return the listing of accounts over these columns: the table's own, or those of an instant of the past."""
    computed = {"refs": refs_of(accounts), "fiocca": _fiocca(c), "stage_cranfield": stage_cranfield(c["stage"])}
    shown = [name for name in AccountRead.model_fields if name not in LISTED_ONLY]
    members = {name: computed.get(name, c.get(name)) for name in shown}
    return Listing(
        name="accounts",
        table=accounts,
        members={name: member for name, member in members.items() if member is not None},
        filters={
            "name": Filterable(c["name"], "text"),
            "industry": Filterable(c["industry"], "text"),
            "country": Filterable(c["country"], "text"),
            "status": enum_field(c["status"], AccountStatus),
            "scope": enum_field(c["scope"], AccountScope),
            "quadrant": enum_field(c["quadrant"], Quadrant),
            "classification_status": enum_field(c["classification_status"], ClassificationStatus),
            "general_portfolio": enum_field(c["general_portfolio"], GeneralCell),
            "stage": enum_field(c["stage"], Stage),
            "target_stage": enum_field(c["target_stage"], Stage),
            "supplier_status": enum_field(c["supplier_status"], SupplierStatus),
            "owner_id": Filterable(c["owner_id"], "id"),
            "parent_id": Filterable(c["parent_id"], "id"),
            "attractiveness": Filterable(c["attractiveness"], "number"),
            "business_strength": Filterable(c["business_strength"], "number"),
            "relative_strength": Filterable(c["relative_strength"], "number"),
            "revenue": Filterable(c["revenue"], "money"),
            "created_at": Filterable(c["created_at"], "instant"),
            "updated_at": Filterable(c["updated_at"], "instant", note=SYNC_NOTE),
            "external_id": Filterable(c["id"], "text", condition=lambda bind: referenced(accounts, "account", bind)),
        },
        sorts={
            "name": c["name"],
            "revenue": low(c["revenue"]),
            "attractiveness": low(c["attractiveness"], -1),
            "relative_strength": low(c["relative_strength"], -1),
            "created_at": c["created_at"],
            "updated_at": c["updated_at"],
        },
        **more,
    )


ACCOUNTS = followed(account_listing(dict(accounts.c.items())), "account")

AccountFilter = filter_model("AccountFilter", ACCOUNTS.filters)


def _ancestors() -> Statement:
    up = (
        sa.select(accounts.c.id, accounts.c.parent_id)
        .where(accounts.c.id == bind("id", Uuid()))
        .cte("up", recursive=True)
    )
    higher = accounts.alias("higher")
    up = up.union(sa.select(higher.c.id, higher.c.parent_id).where(higher.c.id == up.c.parent_id))
    return Statement(sa.select(up.c.id))


ANCESTORS = _ancestors()
"""The ids of an account `:id` and of all accounts above it."""
