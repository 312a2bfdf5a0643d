"""A manager's decisions beside the scores: a quadrant set by hand until an expiry, the confirmed quadrant, the leading
verb.

Each is kept in the history with its reason and author. The scores are still classified and shown.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.columns import Instant, Json, Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.dialects import json_row, one_of
from service.framework.database.statements import Statement, inserting
from service.models.accounts.accounts import accounts
from service.models.classification.quadrant_choices import ClassificationConfirm, LeadingVerbPut, QuadrantOverridePut
from service.models.classification.quadrant_overrides import quadrant_overrides
from service.platform.clock import instant_text
from service.platform.errors import NotFound, NothingToConfirm
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.classification.classification import OVERRIDE_MEMBERS
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
"""The longest time until a quadrant set by hand expires: a year, an assumption of this programme, so that each one is
reviewed.
"""

EXPIRED_AT_ONCE = 100
_overrides = quadrant_overrides.c
_ADD = inserting(quadrant_overrides)
_REMOVE = Statement(sa.delete(quadrant_overrides).where(one_of(_overrides.account_id, "ids")))
_DUE = Statement(
    sa.select(_overrides.account_id)
    .select_from(quadrant_overrides.join(accounts, accounts.c.id == _overrides.account_id))
    .where(_overrides.expires_at <= bind("now", Instant()), accounts.c.deleted_at.is_(None))
    .order_by(_overrides.expires_at)
    .limit(bind("limit", sa.BigInteger))
)
_READ = Statement(
    sa.select(
        accounts.c.version,
        sa.type_coerce(
            json_row(
                {
                    "account_id": accounts.c.id,
                    **{name: accounts.c[name] for name in ("version", "computed_quadrant", "raw_quadrant")},
                    **OVERRIDE_MEMBERS,
                }
            ),
            Json(),
        ).label("override"),
    )
    .select_from(accounts.join(quadrant_overrides, _overrides.account_id == accounts.c.id))
    .where(accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None))
)


@operation
async def put_quadrant_override(
    ctx: Context, identifier: str, data: QuadrantOverridePut, expected: Expected = None
) -> Resource:
    """Set an account's quadrant by hand until an expiry, with a reason, and return the classification.

    The raw and the computed quadrant are still shown. Within seconds of the expiry the account is reclassified by its
    scores. Sends account.classified, and account.quadrant_changed when the quadrant changed; writing what is set
    already writes and sends nothing. Raises NotFound, StaleVersion, and Invalid for an expiry in the past or more than
    a year ahead.
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
    """Read the quadrant that is set by hand, by whom, why and until when, beside the quadrants of the scores. Raises
    NotFound for an account without one.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(_READ, id=identifier)
    if row is None:
        raise NotFound("quadrant override")
    return Resource(row["version"], orjson.dumps(row["override"]))


@operation
async def remove_quadrant_override(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Remove the quadrant set by hand, so that the computed quadrant holds again, and return the classification.

    Sends account.classified, and account.quadrant_changed when the quadrant changed. Raises NotFound, StaleVersion.
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
    """Take the raw quadrant although the account is still inside the dead band, and return the classification.

    While a quadrant is set by hand, only the computed quadrant changes. Sends account.classified, and
    account.quadrant_changed when the quadrant changed. Raises NotFound, StaleVersion, and NothingToConfirm when the
    dead band holds nothing.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        outcome = classify_stored(stored).position.outcome
        if not outcome.held_by_dead_band:
            raise NothingToConfirm("The account is in the quadrant of its scores already, or in none")
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
    """Choose which of the two verbs of the account's Fiocca cell leads, with a reason, and return the classification.

    The choice ends when the account moves to a cell that does not list the verb beside another. In a cell with one verb
    nothing is stored: that verb leads. Sends account.classified. Raises NotFound, StaleVersion, and Invalid with the
    permitted verbs for any other verb.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        outcome = classify_stored(stored).position.outcome
        if outcome.fiocca is None:
            raise refuse("/verb", "verb_not_permitted", "The account has no Fiocca cell yet. Complete its scores first")
        permitted = [verb.value for verb in outcome.fiocca.verbs]
        if data.verb not in permitted:
            message = f"The account's cell does not permit {data.verb}. Choose {' or '.join(permitted)}"
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
    """Remove the choice of a leading verb, so that both verbs of the cell stand side by side again, and return the
    classification. Sends account.classified. Raises NotFound for an account without a choice, StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        if stored.row["leading_verb"] is None:
            raise NotFound("leading verb")
        stored.row = {**stored.row, "leading_verb": None, "leading": None}
        return tx.answer(await store_classification(tx, stored, (), ClassificationCause.LEADING_VERB, remember=True))


async def expire_overrides(services: Services) -> int:
    """Remove the quadrants set by hand that have expired, reclassify each account by its scores, and return their
    number.

    Works in transactions of a hundred until none is due; when none is due it costs one read by an index. Any number of
    workers may run it at once: the second one waits for the locks and then finds nothing due.
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
    """Lock the accounts that may have expired overrides, delete the overrides that have, and return the accounts."""
    rows = await tx.all(ACCOUNTS.by_ids(lock=True), ids=due)
    tx.locked()
    if not rows:
        return []
    read = await tx.all(ACCOUNTS.by_ids(), ids=due)  # rows that waited for a lock show the references of before
    stored = await read_stored(tx, [Resource(row["version"], row["document"].encode()) for row in read])
    now = instant_text(tx.now)
    lapsed = [one for one in stored if one.override is not None and one.override["expires_at"] <= now]
    if lapsed:
        await tx.execute(_REMOVE, ids=[one.account.id for one in lapsed])
    return lapsed


def _check_expiry(tx: Transaction, expires_at: datetime) -> None:
    pointer = "/expires_at"
    if expires_at <= tx.now:
        raise refuse(pointer, "in_the_past", "The override would have expired already. Choose a later instant")
    if expires_at > tx.now + LONGEST:
        raise refuse(pointer, "too_far_ahead", f"An override expires within {LONGEST.days} days. Set it again then")
