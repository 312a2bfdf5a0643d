"""How accounts are read: the document, its filters, its sorts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.events.content import FACETS
from service.models.accounts import LOWEST, AccountRead, accounts
from service.platform.columns import Uuid
from service.platform.dialects import JsonDocument, as_json, document, json_row
from service.platform.filters import Filterable, enum_field, filter_model
from service.platform.statements import Statement
from service.queries.listing import Listing
from service.queries.refs import referenced, refs_of
from service.rules.fiocca import VERBS
from service.rules.stages import STAGES
from service.rules.vocabulary import AccountScope, AccountStatus, ClassificationStatus, Quadrant, Stage, SupplierStatus

a = accounts.c


def stage_cranfield(stage: ColumnElement[Any]) -> ColumnElement[str]:
    """The Cranfield name of a stage, from the rules' own table."""
    return sa.case(
        *[
            (stage == sa.literal_column(f"'{key.value}'"), sa.literal_column(f"'{terms.cranfield_name}'", sa.Text))
            for key, terms in STAGES.items()
        ]
    )


def _fiocca() -> ColumnElement[Any]:
    """The nine-cell position with its verbs, from the rules' own table; null while it is unknown."""
    verbs = sa.case(
        *[
            (
                sa.and_(
                    a.fiocca_attractiveness == sa.literal_column(f"'{high.value}'"),
                    a.fiocca_position == sa.literal_column(f"'{strong.value}'"),
                ),
                sa.literal_column("'[" + ",".join(f'"{verb.value}"' for verb in listed) + "]'"),
            )
            for (high, strong), listed in VERBS.items()
        ]
    )
    members = {"attractiveness": a.fiocca_attractiveness, "position": a.fiocca_position, "verbs": as_json(verbs)}
    return sa.type_coerce(sa.case((a.fiocca_position.is_not(None), json_row(members))), JsonDocument())


COMPUTED: dict[str, ColumnElement[Any]] = {
    "refs": refs_of(accounts),
    "fiocca": _fiocca(),
    "stage_cranfield": stage_cranfield(a.stage),
}


SUMMED = json_row({"id": a.id, "name": a.name, "version": a.version, "refs": refs_of(accounts)})
"""A row of accounts as events sum it up."""


_WITH_FACETS = json_row(
    {"id": a.id, "name": a.name, "version": a.version, "refs": refs_of(accounts), **{name: a[name] for name in FACETS}}
)


def summary_of(account_id: ColumnElement[Any]) -> ColumnElement[str]:
    """The account with this id as events need it: id, name, version, refs, and what subscriptions filter by; as JSON
    text.
    """
    return document(sa.type_coerce(sa.select(_WITH_FACETS).where(a.id == account_id).scalar_subquery(), JsonDocument()))


SUMMARY = Statement(sa.select(summary_of(sa.bindparam("id", type_=Uuid())).label("summary")))


def low(column: ColumnElement[Any], lowest: int = LOWEST) -> ColumnElement[Any]:
    """A number as a sort key: an unknown one sorts below every value. `lowest` must fit the column's precision."""
    return sa.type_coerce(sa.func.coalesce(column, sa.literal_column(str(lowest))), column.type)


ACCOUNTS = Listing(
    name="accounts",
    table=accounts,
    members={name: COMPUTED[name] if name in COMPUTED else a[name] for name in AccountRead.model_fields},
    filters={
        "name": Filterable(a.name, "text"),
        "industry": Filterable(a.industry, "text"),
        "country": Filterable(a.country, "text"),
        "status": enum_field(a.status, AccountStatus),
        "scope": enum_field(a.scope, AccountScope),
        "quadrant": enum_field(a.quadrant, Quadrant),
        "classification_status": enum_field(a.classification_status, ClassificationStatus),
        "stage": enum_field(a.stage, Stage),
        "target_stage": enum_field(a.target_stage, Stage),
        "supplier_status": enum_field(a.supplier_status, SupplierStatus),
        "owner_id": Filterable(a.owner_id, "id"),
        "parent_id": Filterable(a.parent_id, "id"),
        "attractiveness": Filterable(a.attractiveness, "number"),
        "business_strength": Filterable(a.business_strength, "number"),
        "relative_strength": Filterable(a.relative_strength, "number"),
        "revenue": Filterable(a.revenue, "money"),
        "created_at": Filterable(a.created_at, "instant"),
        "updated_at": Filterable(a.updated_at, "instant"),
        "external_id": Filterable(a.id, "text", condition=lambda bind: referenced(accounts, "account", bind)),
    },
    sorts={
        "name": a.name,
        "revenue": low(a.revenue),
        "attractiveness": low(a.attractiveness, -1),
        "relative_strength": low(a.relative_strength, -1),
        "created_at": a.created_at,
        "updated_at": a.updated_at,
    },
)

AccountFilter = filter_model("AccountFilter", ACCOUNTS.filters)
