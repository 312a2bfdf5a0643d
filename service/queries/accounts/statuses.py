"""Read an account's programme status and its history: the path from customer to managed key account."""

import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.accounts.statuses import StatusEntryRead, status_entries
from service.models.plans.plans import plans

STATUS_ENTRIES = Listing(
    name="status_entries",
    table=status_entries,
    members={name: status_entries.c[name] for name in StatusEntryRead.model_fields},
    sorts={"account_version": status_entries.c.account_version},
    default_sort=(Sort("account_version", True),),
)


def has_plan(*states: str) -> sa.Exists:
    """Return whether the account has a live plan in one of these states."""
    listed = sa.or_(*[plans.c.state == sa.literal_column(f"'{state}'") for state in states])
    return (
        sa.exists().where(plans.c.account_id == accounts.c.id, plans.c.deleted_at.is_(None), listed).correlate(accounts)
    )


LAST_STEP = (
    sa.select(sa.func.max(status_entries.c.account_version))
    .where(status_entries.c.account_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)

FACTS = {
    "account_id": accounts.c.id,
    "version": accounts.c.version,
    "status": accounts.c.status,
    "classification_status": accounts.c.classification_status,
    "benefit_to_us": accounts.c.benefit_to_us,
    "benefit_to_customer": accounts.c.benefit_to_customer,
    "owner_id": accounts.c.owner_id,
    "plan_approved": sa.case((has_plan("approved", "active"), sa.literal_column("1")), else_=sa.literal_column("0")),
    "plan_active": sa.case((has_plan("active"), sa.literal_column("1")), else_=sa.literal_column("0")),
    "since": sa.select(status_entries.c.recorded_at)
    .where(status_entries.c.account_id == accounts.c.id, status_entries.c.account_version == LAST_STEP)
    .correlate(accounts)
    .scalar_subquery(),
    "reason": sa.select(status_entries.c.reason)
    .where(status_entries.c.account_id == accounts.c.id, status_entries.c.account_version == LAST_STEP)
    .correlate(accounts)
    .scalar_subquery(),
}
"""Every fact that the rules of the programme status need of an account, as members of a document."""

STATUS_FACTS = Statement(
    sa.select(*[column.label(name) for name, column in FACTS.items()]).where(
        accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None)
    )
)
"""The same facts of one account."""
