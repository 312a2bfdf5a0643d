"""What a manager decides beside the scores: a quadrant by hand for a time, the raw quadrant, the leading verb.

Each is kept in the history with its reason and who made it; the scores are judged underneath all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.columns import Instant, Json, Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.dialects import json_row, one_of
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.quadrant_choices import ClassificationConfirm, LeadingVerbPut, QuadrantOverridePut
from service.models.classification.quadrant_overrides import quadrant_overrides
from service.platform.clock import instant_text
from service.platform.errors import NotFound, NothingToConfirm
from service.queries.accounts.accounts import ACCOUNTS
from service.records.classification.classification import (
    StoredAccount,
    classify_stored,
    lock_stored,
    read_stored,
    store_classification,
    unchanged,
)
from service.records.classification.scoring_models import MODEL_LOCK
from service.records.context import Context, Services, Transaction, operation, refuse, system_context
from service.records.rows import Expected
from service.rules.vocabulary import ClassificationCause

LONGEST = timedelta(days=366)
"""How far ahead an override may expire: a year, an assumption of this programme; then it is looked at again."""

EXPIRED_AT_ONCE = 100
_a, _o = accounts.c, quadrant_overrides.c
_VALUES = {column.name: bind(column.name, column) for column in _o}
_ADD = Statement(sa.insert(quadrant_overrides).values(_VALUES))
_REMOVE = Statement(sa.delete(quadrant_overrides).where(one_of(_o.account_id, "ids")))
_DUE = Statement(
    sa.select(_o.account_id)
    .select_from(quadrant_overrides.join(accounts, _a.id == _o.account_id))
    .where(_o.expires_at <= bind("now", Instant()), _a.deleted_at.is_(None))
    .order_by(_o.expires_at)
    .limit(bind("limit", sa.BigInteger))
)
_READ = Statement(
    sa.select(
        _a.version,
        sa.type_coerce(
            json_row(
                {
                    "account_id": _a.id,
                    "version": _a.version,
                    **{name: _o[name] for name in ("quadrant", "reason", "recorded_by", "recorded_at", "expires_at")},
                    "computed_quadrant": _a.computed_quadrant,
                    "raw_quadrant": _a.raw_quadrant,
                }
            ),
            Json(),
        ).label("override"),
    )
    .select_from(accounts.join(quadrant_overrides, _o.account_id == _a.id))
    .where(_a.id == bind("id", Uuid()), _a.deleted_at.is_(None))
)


@operation
async def put_quadrant_override(
    ctx: Context, identifier: str, data: QuadrantOverridePut, expected: Expected = None
) -> Resource:
    """Set an account's quadrant by hand until a day, with the reason; answers with the classification.

    The raw and the computed quadrant are still judged and shown underneath. Raises NotFound, StaleVersion, and Invalid
    for an expiry in the past or more than a year ahead. Writing what is set already writes and sends nothing.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        _check_expiry(tx, data.expires_at)
        before, until = stored.override, instant_text(data.expires_at)
        wanted = {"quadrant": data.quadrant, "reason": data.reason, "expires_at": until}
        if before is not None and all(before[name] == value for name, value in wanted.items()):
            return tx.answer(unchanged(tx, stored), "unchanged")
        author = {"recorded_by": tx.cause["key_id"], "recorded_at": tx.now}
        if before is not None:
            await tx.execute(_REMOVE, ids=[stored.account.id])
        await tx.execute(
            _ADD,
            account_id=stored.account.id,
            quadrant=data.quadrant,
            reason=data.reason,
            expires_at=data.expires_at,
            **author,
        )
        stored.override = {**wanted, **author, "recorded_at": instant_text(tx.now)}
        return tx.answer(
            await store_classification(tx, stored, (), ClassificationCause.OVERRIDE, reason=data.reason, remember=True)
        )


async def get_quadrant_override(ctx: Context, identifier: str) -> Resource:
    """The quadrant that is set by hand; raises NotFound for an account without one."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(_READ, id=identifier)
    if row is None:
        raise NotFound("quadrant override")
    return Resource(row["version"], orjson.dumps(row["override"]))


@operation
async def remove_quadrant_override(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Take a quadrant set by hand away: the computed one holds again. Answers with the classification; raises NotFound
    and StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        if stored.override is None:
            raise NotFound("quadrant override")
        await tx.execute(_REMOVE, ids=[stored.account.id])
        stored.override = None
        return tx.answer(
            await store_classification(tx, stored, (), ClassificationCause.OVERRIDE_REMOVED, remember=True)
        )


@operation
async def confirm_quadrant(
    ctx: Context, identifier: str, data: ClassificationConfirm, expected: Expected = None
) -> Resource:
    """Take the raw quadrant although the account is still inside the dead band; answers with the classification.

    Raises NotFound, StaleVersion, and NothingToConfirm when the dead band holds nothing. While a quadrant is set by
    hand, the computed one changes underneath.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        outcome = classify_stored(stored).position.outcome
        if not outcome.held_by_dead_band:
            raise NothingToConfirm("The account already stands in the quadrant of its scores, or has none")
        return tx.answer(
            await store_classification(
                tx,
                stored,
                (),
                ClassificationCause.CONFIRMATION,
                reason=data.reason,
                known=replace(outcome, quadrant=outcome.raw_quadrant),
            )
        )


@operation
async def put_leading_verb(ctx: Context, identifier: str, data: LeadingVerbPut, expected: Expected = None) -> Resource:
    """Choose which of the two verbs of the account's Fiocca cell leads, with the reason; answers with the
    classification.

    The choice ends when the account moves to a cell that doesn't list the verb beside another. Raises NotFound,
    StaleVersion, and Invalid, with the permitted verbs, for another verb. The only verb of a cell leads by itself.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        outcome = classify_stored(stored).position.outcome
        if outcome.fiocca is None:
            raise refuse("/verb", "verb_not_permitted", "The account has no Fiocca cell yet, so no verb can lead")
        permitted = [verb.value for verb in outcome.fiocca.verbs]
        if data.verb not in permitted:
            message = f"The account's cell permits {' or '.join(permitted)}"
            raise refuse("/verb", "verb_not_permitted", message)
        leading = stored.row["leading"]
        chosen = stored.row["leading_verb"] == data.verb and leading is not None and leading["reason"] == data.reason
        if chosen or len(permitted) == 1:
            return tx.answer(unchanged(tx, stored, outcome), "unchanged")
        author = {"recorded_by": tx.cause["key_id"], "recorded_at": instant_text(tx.now)}
        stored.row = {**stored.row, "leading_verb": data.verb, "leading": {"reason": data.reason, **author}}
        return tx.answer(
            await store_classification(
                tx, stored, (), ClassificationCause.LEADING_VERB, reason=data.reason, known=outcome, remember=True
            )
        )


@operation
async def remove_leading_verb(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Withdraw the choice of a leading verb: both verbs of the cell stand side by side again. Answers with the
    classification; raises NotFound for an account without a choice, and StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        if stored.row["leading_verb"] is None:
            raise NotFound("leading verb")
        stored.row = {**stored.row, "leading_verb": None, "leading": None}
        return tx.answer(await store_classification(tx, stored, (), ClassificationCause.LEADING_VERB, remember=True))


async def expire_overrides(services: Services) -> int:
    """End the overrides whose time is over: each account is classified by its scores again, and that is told; how many.

    A hundred at a time, each batch a transaction, until none is due; where none is, it costs one read by an index. Any
    number of workers may do it at once: whoever comes second finds the accounts locked and then nothing due.
    """
    ctx, ended = system_context(services), 0
    while True:
        async with services.database.reading(fresh=True) as reader:
            if not await reader.column(_DUE, now=services.clock.now(), limit=1):
                return ended
        async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
            await tx.serialize([MODEL_LOCK], shared=True)
            due = await tx.column(_DUE, now=tx.now, limit=EXPIRED_AT_ONCE)
            if not due:
                return ended
            for stored in await _lapsed(tx, due):
                stored.override = None
                await store_classification(tx, stored, (), ClassificationCause.OVERRIDE_EXPIRED, remember=True)
                ended += 1


async def _lapsed(tx: Transaction, due: list[str]) -> list[StoredAccount]:
    """Lock the accounts whose overrides looked lapsed, and take away those that are so under the lock."""
    rows = await tx.all(ACCOUNTS.by_ids(lock=True), ids=due)
    if not rows:
        return []
    read = await tx.all(ACCOUNTS.by_ids(), ids=due)  # what waited for a lock shows references of before the wait
    stored = await read_stored(tx, [Resource(row["version"], row["document"].encode()) for row in read])
    now = instant_text(tx.now)
    lapsed = [one for one in stored if one.override is not None and one.override["expires_at"] <= now]
    if lapsed:
        await tx.execute(_REMOVE, ids=[one.account.id for one in lapsed])
    return lapsed


def _check_expiry(tx: Transaction, expires_at: datetime) -> None:
    pointer = "/expires_at"
    if expires_at <= tx.now:
        raise refuse(pointer, "in_the_past", "An override expires in the future")
    if expires_at > tx.now + LONGEST:
        raise refuse(pointer, "too_far_ahead", "An override expires within a year; set it again if it still holds")
