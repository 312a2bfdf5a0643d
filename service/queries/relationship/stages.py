"""How an account's stage and its history are read."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.relationship.stages import StageEntryRead, stage_entries
from service.queries.accounts.accounts import stage_cranfield

a, e = accounts.c, stage_entries.c

STAGE_ENTRIES = Listing(
    name="stage_entries",
    table=stage_entries,
    members={
        name: stage_cranfield(e.stage) if name == "stage_cranfield" else e[name] for name in StageEntryRead.model_fields
    },
    sorts={"account_version": e.account_version},
    default_sort=(Sort("account_version", True),),
)

LAST_ENTRY = sa.select(sa.func.max(e.account_version)).where(e.account_id == a.id).correlate(accounts).scalar_subquery()

STANDING = Statement(
    sa.select(
        a.version,
        a.stage,
        a.quadrant,
        a.target_stage,
        a.target_stage_on,
        a.target_stage_reason,
        e.previous,
        e.reason,
        e.evidence,
        e.effective_on,
    )
    .select_from(accounts.outerjoin(stage_entries, sa.and_(e.account_id == a.id, e.account_version == LAST_ENTRY)))
    .where(a.id == bind("id", Uuid()), a.deleted_at.is_(None))
)
"""An account's stage and target beside the last entry of its history."""
