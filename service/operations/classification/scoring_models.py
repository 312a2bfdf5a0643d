"""Scoring models: drafts that may change until they are first activated, one active model, and those that were.

A model that has been active never changes, so that what it classified stays explained. Activating one classifies every
account anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.classification.scoring_models import (
    ModelState,
    ScoringModelClone,
    ScoringModelCreate,
    scoring_models,
)
from service.platform.errors import Invalid, ScoringModelUsed
from service.platform.types import Shape
from service.queries.classification.scoring_models import SCORING_MODELS
from service.records.classification.positions import plain_numbers
from service.records.classification.scoring_models import (
    EVER,
    MODEL_LOCK,
    document_of,
    judged_model,
    record_model_period,
)
from service.records.context import Context, Services, Transaction, operation, system_context
from service.records.rows import Expected, change, insert, lock, require
from service.rules.classification.classification import DEFAULT_MODEL
from service.rules.classification.factor_library import LIBRARY, SOURCES, FactorAxis, other_axis_warnings
from service.rules.classification.model_comparison import compare, comparison_to_dict
from service.rules.classification.scoring import ScoringModel, model_warnings
from service.rules.classification.scoring_documents import bands_to_list, model_from_dict, model_to_dict, with_changes

KIND = "scoring model"
MOST_RECLASSIFIED = 10_000
"""Accounts with scores up to which a model is activated in one transaction; beyond, it takes a job with progress."""

_BATCH = 200
_NUMBERS = "scoring model numbers"
_NAME_KEPT = 170
"""Characters of a name that a copy's name keeps, so that it stays within 200."""

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
    """Write a scoring model; it decides nothing until it is activated, and from then on its definition never changes.

    Raises Invalid with pointers for weights that do not sum to 100 within 0.01 (they are never normalised), bands with
    gaps or overlaps or against their direction, repeated factor keys, and cuts or limits out of range. What is allowed
    but unwise stands in `warnings`.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        return tx.answer(await _add(tx, judged_model(data.model_dump(by_alias=True))))


@operation
async def update_scoring_model(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change a draft: of cuts, limits and widths the members that were sent, its factors as a whole.

    Raises NotFound, StaleVersion, ScoringModelUsed for a model that has ever been active, and Invalid as for a new
    model. Without a difference nothing is written.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        before = await _lock_draft(tx, identifier, expected)
        model = judged_model(with_changes(document_of(before), patch.model_dump(by_alias=True, exclude_unset=True)))
        if model == model_from_dict(document_of(before)):
            return tx.answer(before, "unchanged")
        changes = {"name": model.name, "definition": _definition(model)}
        return tx.answer(await change(tx, SCORING_MODELS, identifier, changes))


@operation
async def delete_scoring_model(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Drop a draft; raises NotFound, StaleVersion, and ScoringModelUsed for a model that has ever been active."""
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await _lock_draft(tx, identifier, expected)
        return tx.answer(await change(tx, SCORING_MODELS, identifier, {"deleted_at": tx.now}), "deleted")


@operation
async def clone_scoring_model(ctx: Context, identifier: str, data: ScoringModelClone) -> Resource:
    """Make a new draft from any model, with changes as in a patch; raises NotFound, and Invalid as for a new model."""
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        original = await require(tx.reader, SCORING_MODELS, identifier, KIND)
        document = document_of(original)
        document["name"] = f"{document['name'][:_NAME_KEPT]} (from version {original.data['number']})"
        changes = data.model_dump(by_alias=True, exclude_unset=True).get("changes") or {}
        if data.name is not None:
            changes["name"] = data.name
        return tx.answer(await _add(tx, judged_model(with_changes(document, changes), "/changes")))


async def compare_scoring_models(ctx: Context, identifier: str, other: str) -> dict[str, Any]:
    """What another model changes: factors added, removed and changed, cut lines, limits, dead band, border widths.

    Raises NotFound for the model, and Invalid for the one it is compared with.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        before = await require(reader, SCORING_MODELS, identifier, KIND)
        after = await SCORING_MODELS.find(reader, other)
    if after is None:
        raise Invalid.parameter("with", "unknown_reference", f"There is no such {KIND}")
    models = (model_from_dict(document_of(before)), model_from_dict(document_of(after)))
    written: dict[str, Any] = plain_numbers(comparison_to_dict(compare(*models), *models))
    return {"before": _named(before), "after": _named(after), **written}


async def list_attractiveness_factors(ctx: Context, axis: FactorAxis | None = None) -> list[dict[str, Any]]:
    """The criteria that the sources name, ready to pick: each with its source, direction, axis, and bands if it has
    some. A weight is the programme's own decision.
    """
    ctx.require(Permission.CLASSIFICATION_READ)
    return [
        {
            "key": factor.key,
            "name": factor.name,
            "description": factor.description,
            "axis": factor.axis.value,
            "group": factor.group.value,
            "direction": factor.direction.value,
            "unit": factor.unit,
            "bands": plain_numbers(bands_to_list(factor.bands)),
            "source": SOURCES[factor.source],
            "source_key": factor.source.value,
        }
        for factor in LIBRARY
        if axis is None or factor.axis is axis
    ]


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
            await record_model_period(tx, made.id, since=EVER)


async def _add(tx: Transaction, model: ScoringModel, **values: Any) -> Resource:
    """Insert a model under the next number; those who add at once wait for each other."""
    await tx.serialize([_NUMBERS])
    number = int(await tx.value(_HIGHEST)) + 1
    draft = {"state": ModelState.DRAFT.value, "activated_at": None}
    stored = {"name": model.name, "number": number, "definition": _definition(model)}
    return await insert(tx, SCORING_MODELS, {**stored, **draft, **values})


def _definition(model: ScoringModel) -> dict[str, Any]:
    """A model as it is stored, with what is allowed but unwise in it."""
    definition: dict[str, Any] = plain_numbers(model_to_dict(model))
    definition.pop("name")
    definition["warnings"] = [
        {"pointer": verdict.pointer, "code": verdict.code, "message": verdict.message}
        for verdict in (*model_warnings(model), *other_axis_warnings(model))
    ]
    return definition


def _named(stored: Resource) -> dict[str, Any]:
    data = stored.data
    return {"id": data["id"], "name": data["name"], "version": data["number"], "state": data["state"]}


async def _lock_draft(tx: Transaction, identifier: str, expected: Expected) -> Resource:
    """A model that has never been active, locked; an activation waits for it, and the other way round."""
    before = await lock(tx, SCORING_MODELS, identifier, expected, KIND)
    if before.data["state"] != ModelState.DRAFT or before.data["activated_at"] is not None:
        raise ScoringModelUsed
    return before
