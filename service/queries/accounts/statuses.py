"""How an account's place on the path from customer to managed key account is read, and its history."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.accounts.statuses import StatusEntryRead, status_entries
from service.models.plans.plans import plans

a, e, p = accounts.c, status_entries.c, plans.c

STATUS_ENTRIES = Listing(
    name="status_entries",
    table=status_entries,
    members={name: e[name] for name in StatusEntryRead.model_fields},
    sorts={"account_version": e.account_version},
    default_sort=(Sort("account_version", True),),
)


def has_plan(*states: str) -> sa.Exists:
    """Whether the account has a live plan in one of these states."""
    listed = sa.or_(*[p.state == sa.literal_column(f"'{state}'") for state in states])
    return sa.exists().where(p.account_id == a.id, p.deleted_at.is_(None), listed).correlate(accounts)


LAST_STEP = sa.select(sa.func.max(e.account_version)).where(e.account_id == a.id).correlate(accounts).scalar_subquery()

FACTS = {
    "account_id": a.id,
    "version": a.version,
    "status": a.status,
    "classification_status": a.classification_status,
    "benefit_to_us": a.benefit_to_us,
    "benefit_to_customer": a.benefit_to_customer,
    "owner_id": a.owner_id,
    "plan_approved": sa.case((has_plan("approved", "active"), sa.literal_column("1")), else_=sa.literal_column("0")),
    "plan_active": sa.case((has_plan("active"), sa.literal_column("1")), else_=sa.literal_column("0")),
    "since": sa.select(e.recorded_at)
    .where(e.account_id == a.id, e.account_version == LAST_STEP)
    .correlate(accounts)
    .scalar_subquery(),
    "reason": sa.select(e.reason)
    .where(e.account_id == a.id, e.account_version == LAST_STEP)
    .correlate(accounts)
    .scalar_subquery(),
}
"""All that the steps of an account are judged by, as members of a document."""

STATUS_FACTS = Statement(
    sa.select(*[column.label(name) for name, column in FACTS.items()]).where(
        a.id == bind("id", Uuid()), a.deleted_at.is_(None)
    )
)
"""The same of one account."""
