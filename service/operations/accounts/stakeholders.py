"""Stakeholders: the customer's people, and the line of reporting between them."""

from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.events import accounts as events
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.accounts.stakeholders import StakeholderCreate, StakeholderPatch, StakeholderRead, stakeholders
from service.queries.accounts.stakeholders import BELOW, LINE_ABOVE, STAKEHOLDERS
from service.records.context import Transaction, refuse
from service.records.kinds import ACCOUNT, Members, Place, Rule
from service.records.plain import PlainRecord

_s = stakeholders.c
_REATTACH = Statement(
    sa.update(stakeholders)
    .where(one_of(_s.id, "ids"))
    .values(
        reports_to_id=bind("above", Uuid()),
        updated_at=bind("now", Instant()),
        version=_s.version + sa.literal_column("1"),
    )
)


async def check_new_line(tx: Transaction, place: Place, values: Members) -> None:
    """Check the stakeholder that a new one reports to."""
    await _check_line(tx, values["account_id"], None, values.get("reports_to_id"))


async def check_changed_line(tx: Transaction, before: Members, changes: Members) -> None:
    """Check the stakeholder that one reports to from now on."""
    await _check_line(tx, before["account_id"], before["id"], changes.get("reports_to_id"))


async def _check_line(tx: Transaction, account_id: str, identifier: str | None, above: str | None) -> None:
    """Raise Invalid unless `above` is a live stakeholder of the account who does not report to `identifier`."""
    if above is None:
        return
    line = await tx.column(LINE_ABOVE, id=above, account_id=account_id)
    if not line:
        raise refuse("/reports_to_id", "unknown_reference", "There is no such stakeholder of this account")
    if identifier in line:
        raise refuse("/reports_to_id", "circular_reporting", "Nobody can report to themselves, directly or not")


async def reattach_reports(tx: Transaction, gone: Members, place: Place) -> None:
    """Let the stakeholders below the one that is deleted report to the one above; each emits stakeholder.updated."""
    below = await tx.column(BELOW, account_id=gone["account_id"], id=gone["id"])
    if not below:
        return
    await tx.execute(_REATTACH, ids=below, above=gone["reports_to_id"], now=tx.now)
    for row in await tx.all(STAKEHOLDERS.by_ids(), ids=below):
        after = orjson.loads(row["document"])
        tx.emit(events.STAKEHOLDER.updated.between({**after, "reports_to_id": gone["id"]}, after, *place.owner))


async def drop_lost_line(tx: Transaction, before: Members, changes: dict[str, Any]) -> None:
    """Let a stakeholder who comes back report to nobody when the one above was deleted meanwhile."""
    above = before["reports_to_id"]
    if above is not None and not await tx.column(LINE_ABOVE, id=above, account_id=before["account_id"]):
        changes["reports_to_id"] = None


STAKEHOLDER = PlainRecord(
    "stakeholder",
    "stakeholders",
    STAKEHOLDERS,
    create=StakeholderCreate,
    patch=StakeholderPatch,
    read=StakeholderRead,
    reads=Permission.STAKEHOLDER_READ,
    writes=Permission.STAKEHOLDER_WRITE,
    events=events.STAKEHOLDER,
    parent=ACCOUNT,
    checked_links=("reports_to_id",),
    creating=Rule(
        check_new_line,
        says="`reports_to_id` names a stakeholder of the same account, and nobody reports to themselves, however far "
        "up.",
    ),
    changing=Rule(check_changed_line, members=frozenset({"reports_to_id"})),
    restoring=Rule(drop_lost_line),
    deleting=Rule(
        reattach_reports,
        says="Those who reported to them report to the one above from now on; each sends stakeholder.updated.",
    ),
)
