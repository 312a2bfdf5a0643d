"""The document of the stage of an account's relationship."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.dialects import JsonDocument, json_row
from service.framework.graph.edges import Document
from service.models.accounts.accounts import accounts
from service.models.relationship.stages import AccountStageRead, stage_entries
from service.operations.relationship.stages import stage_document
from service.queries.relationship.stages import LAST_ENTRY

_ENTRY = (
    sa.select(
        json_row(
            {
                "previous": stage_entries.c.previous,
                "reason": stage_entries.c.reason,
                "evidence": stage_entries.c.evidence,
                "effective_on": stage_entries.c.effective_on,
            }
        )
    )
    .where(stage_entries.c.account_id == accounts.c.id, stage_entries.c.account_version == LAST_ENTRY)
    .correlate(accounts)
    .scalar_subquery()
)


def _stage(raw: dict[str, Any]) -> Any:
    entry = raw["entry"] or dict.fromkeys(("previous", "reason", "evidence", "effective_on"))
    standing = {**raw, **entry}
    for name in ("effective_on", "target_stage_on"):
        standing[name] = None if standing[name] is None else date.fromisoformat(standing[name])
    return orjson.loads(stage_document(raw["account_id"], standing).body)


DOCUMENTS = (
    Document(
        "Account",
        "stageDetail",
        "AccountStage",
        AccountStageRead,
        json_row(
            {
                "account_id": accounts.c.id,
                "version": accounts.c.version,
                "stage": accounts.c.stage,
                "quadrant": accounts.c.quadrant,
                "target_stage": accounts.c.target_stage,
                "target_stage_on": accounts.c.target_stage_on,
                "target_stage_reason": accounts.c.target_stage_reason,
                "entry": sa.type_coerce(_ENTRY, JsonDocument()),
            }
        ),
        Permission.STAGE_READ,
        _stage,
        "The stage with its target, the movements open from it, and advice",
    ),
)
