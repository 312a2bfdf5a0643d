"""Scoring models: written once, never changed, one of them active; activating one classifies every account anew."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.catalogue import ScoringModelActivated
from service.models.scoring_models import ModelState, ScoringModelCreate, scoring_models
from service.operations.classification_records import (
    plain_numbers,
    read_standings,
    refused,
    settle_many,
)
from service.operations.context import Context, Services, Transaction, operation, system_context
from service.operations.records import Expected, change, insert, lock, require
from service.operations.scoring_model_records import MODEL_LOCK, remember_yardstick
from service.platform.database import Page, Resource
from service.platform.errors import Conflict
from service.platform.statements import Statement
from service.queries.accounts import ACCOUNTS
from service.queries.classification import COUNT_SCORED, NEXT_SCORED
from service.queries.listing import PageRequest
from service.queries.scoring_models import SCORING_MODELS
from service.rules.classification import DEFAULT_MODEL
from service.rules.scoring import ScoringModel, model_warnings, validate_model
from service.rules.scoring_documents import model_from_dict, model_to_dict

KIND = "scoring model"
MOST_RECLASSIFIED = 10_000
"""Accounts with scores up to which a model is activated in one transaction; beyond, it takes a job with progress."""

_BATCH = 200
_NUMBERS = "scoring model numbers"
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
_m = scoring_models.c
_ACTIVE_ID = Statement(sa.select(_m.id).where(_m.state == sa.literal_column("'active'")))
_HIGHEST = Statement(sa.select(sa.func.coalesce(sa.func.max(_m.number), sa.literal_column("0"))))


async def list_scoring_models(ctx: Context, request: PageRequest) -> Page:
    """A page of scoring models, newest first."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        return await SCORING_MODELS.page(reader, request, ctx.cursors)


async def get_scoring_model(ctx: Context, identifier: str) -> Resource:
    """One scoring model by id; raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        return await require(reader, SCORING_MODELS, identifier, KIND)


@operation
async def create_scoring_model(ctx: Context, data: ScoringModelCreate) -> Resource:
    """Write a scoring model; it decides nothing until it is activated, and its definition never changes.

    Raises Invalid with pointers for weights that do not sum to 100 within 0.01 (they are never normalised), bands with
    gaps or overlaps or against their direction, repeated factor keys, and cuts or limits out of range. What is allowed
    but unwise stands in `warnings`.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        model = model_from_dict(data.model_dump(by_alias=True))
        verdicts = validate_model(model)
        if verdicts:
            raise refused(verdicts)
        return tx.answer(await _add(tx, model))


@operation
async def activate_scoring_model(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Make a scoring model the active one, retire the one before, and classify every account with scores anew.

    All in one transaction: it ends with the whole portfolio on one yardstick, or nothing has happened. Raises NotFound,
    StaleVersion, and Conflict when more than 10,000 accounts have scores. Activating the active model changes nothing.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await tx.serialize([MODEL_LOCK])
        before = await lock(tx, SCORING_MODELS, identifier, expected, KIND)
        if before.data["state"] == ModelState.ACTIVE:
            return tx.answer(before, "unchanged")
        if int(await tx.value(COUNT_SCORED, limit=MOST_RECLASSIFIED + 1)) > MOST_RECLASSIFIED:
            raise Conflict(f"More than {MOST_RECLASSIFIED} accounts have scores: too many to classify in one request")
        retired = await _retire(tx)
        active = {"state": ModelState.ACTIVE.value, "activated_at": tx.now}
        after = await change(tx, SCORING_MODELS, identifier, active)
        await remember_yardstick(tx, identifier)
        tx.emit(ScoringModelActivated.of(after.data, previous=retired))
        await _classify_all(tx)
        return tx.answer(after, "activated")


async def ensure_default_model(services: Services) -> None:
    """Give the programme a model to begin with: activates DEFAULT_MODEL unless a model is active already.

    One read when there is one. Processes that start at once wait for each other, so that there is one default.
    """
    async with services.database.reading() as reader:
        if await reader.value(_ACTIVE_ID) is not None:
            return
    ctx = system_context(services)
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await tx.serialize([MODEL_LOCK])
        if await tx.value(_ACTIVE_ID) is None:
            made = await _add(tx, DEFAULT_MODEL, state=ModelState.ACTIVE.value, activated_at=tx.now)
            await remember_yardstick(tx, made.id)


async def _add(tx: Transaction, model: ScoringModel, **values: Any) -> Resource:
    """Insert a model under the next number; those who add at once wait for each other."""
    await tx.serialize([_NUMBERS])
    definition = plain_numbers(model_to_dict(model))
    definition.pop("name")
    definition["warnings"] = [
        {"pointer": verdict.pointer, "code": verdict.code, "message": verdict.message}
        for verdict in model_warnings(model)
    ]
    number = int(await tx.value(_HIGHEST)) + 1
    draft = {"state": ModelState.DRAFT.value, "activated_at": None}
    stored = {"name": model.name, "number": number, "definition": definition}
    return await insert(tx, SCORING_MODELS, {**stored, **draft, **values})


async def _retire(tx: Transaction) -> dict[str, Any] | None:
    """Retire the active model; how the event names it."""
    identifier = await tx.value(_ACTIVE_ID)
    if identifier is None:
        return None
    retired = await change(tx, SCORING_MODELS, identifier, {"state": ModelState.RETIRED.value})
    return {name: retired.data[name] for name in ("id", "name", "number")}


async def _classify_all(tx: Transaction) -> None:
    """Classify the accounts that have scores in batches, each locked in the order of ids; events go out per batch."""
    last = _BEFORE_ALL
    while True:
        ids = await tx.column(NEXT_SCORED, after=last, limit=_BATCH)
        if not ids:
            return
        rows = await tx.all(ACCOUNTS.by_ids(lock=True), ids=ids)
        locked = [Resource(row["version"], row["document"].encode()) for row in rows]
        if locked:
            await settle_many(tx, await read_standings(tx, locked), "scoring_model")
            await tx.flush()
        last = ids[-1]
