"""Read an account's stage and its stage history."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.relationship.stages import StageEntryRead, stage_entries
from service.queries.accounts.accounts import stage_cranfield

STAGE_ENTRIES = Listing(
    name="stage_entries",
    table=stage_entries,
    members={
        name: stage_cranfield(stage_entries.c.stage) if name == "stage_cranfield" else stage_entries.c[name]
        for name in StageEntryRead.model_fields
    },
    sorts={"account_version": stage_entries.c.account_version},
    default_sort=(Sort("account_version", True),),
)

LAST_ENTRY = (
    sa.select(sa.func.max(stage_entries.c.account_version))
    .where(stage_entries.c.account_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)

ACCOUNT_STAGE = Statement(
    sa.select(
        accounts.c.version,
        accounts.c.stage,
        accounts.c.quadrant,
        accounts.c.target_stage,
        accounts.c.target_stage_on,
        accounts.c.target_stage_reason,
        stage_entries.c.previous,
        stage_entries.c.reason,
        stage_entries.c.evidence,
        stage_entries.c.effective_on,
    )
    .select_from(
        accounts.outerjoin(
            stage_entries,
            sa.and_(stage_entries.c.account_id == accounts.c.id, stage_entries.c.account_version == LAST_ENTRY),
        )
    )
    .where(accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None))
)
"""An account's stage and target beside the last entry of its stage history."""
