"""Scoring models: drafts, one active model, and retired ones.

A draft may change until it is activated. A model that has been active never changes, so that its classifications stay
explained. Activating a model reclassifies every account.
"""

from dataclasses import asdict
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
_NUMBERS = "scoring model numbers"
_NAME_KEPT = 170
"""The number of characters of a name that a copy keeps, so that with the suffix it stays within 200."""

_c = scoring_models.c
_ACTIVE_ID = Statement(sa.select(_c.id).where(_c.state == sa.literal_column("'active'")))
_HIGHEST = Statement(sa.select(sa.func.coalesce(sa.func.max(_c.number), sa.literal_column("0"))))


async def list_scoring_models(ctx: Context, request: PageRequest) -> Page:
    """List a page of scoring models, newest first."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        return await SCORING_MODELS.page(reader, request, ctx.cursors)


async def get_scoring_model(ctx: Context, identifier: str) -> Resource:
    """Read a scoring model. Raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        return await require(reader, SCORING_MODELS, identifier, KIND)


@operation
async def create_scoring_model(ctx: Context, data: ScoringModelCreate) -> Resource:
    """Create a scoring model. It has no effect until it is activated; from then on its definition never changes.

    What is allowed but unwise is named in `warnings`. Raises Invalid with pointers for weights that do not sum to 100
    within 0.01 (they are never normalised), bands with gaps or overlaps or against their direction, repeated factor
    keys, and cuts or limits out of range.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        return tx.answer(await _add(tx, judged_model(data.model_dump(by_alias=True))))


@operation
async def update_scoring_model(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change a draft: the given members of `cuts`, `fiocca` and `border_width`, and `factors` as a whole.

    Without a difference nothing is written. Raises NotFound, StaleVersion, ScoringModelUsed for a model that has been
    active (clone it), and Invalid as for a new model.
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
    """Delete a draft. Raises NotFound, StaleVersion, and ScoringModelUsed for a model that has been active."""
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await _lock_draft(tx, identifier, expected)
        return tx.answer(await change(tx, SCORING_MODELS, identifier, {"deleted_at": tx.now}), "deleted")


@operation
async def clone_scoring_model(ctx: Context, identifier: str, data: ScoringModelClone) -> Resource:
    """Create a draft from any model, with `changes` as in a patch: so an active model is changed. Raises NotFound, and
    Invalid as for a new model.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        original = await require(tx.reader, SCORING_MODELS, identifier, KIND)
        document = document_of(original)
        document["name"] = f"{document['name'][:_NAME_KEPT]} (from version {original.data['number']})"
        changes = data.model_dump(by_alias=True, exclude_unset=True).get("changes") or {}
        if data.name is not None:
            changes["name"] = data.name
        return tx.answer(await _add(tx, judged_model(with_changes(document, changes), "/changes")))


async def compare_scoring_models(ctx: Context, identifier: str, other: str) -> dict[str, Any]:
    """Compare two scoring models: the factors that the other one adds, removes and changes, and the cut lines, limits,
    dead band and border widths that differ.

    Raises NotFound for the first model, and Invalid for the other one.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        before = await require(reader, SCORING_MODELS, identifier, KIND)
        after = await SCORING_MODELS.find(reader, other)
    if after is None:
        raise Invalid.parameter("with", "unknown_reference", f"There is no {KIND} with this id")
    models = (model_from_dict(document_of(before)), model_from_dict(document_of(after)))
    written: dict[str, Any] = plain_numbers(comparison_to_dict(compare(*models), *models))
    return {"before": _named(before), "after": _named(after), **written}


async def list_attractiveness_factors(ctx: Context, axis: FactorAxis | None = None) -> list[dict[str, Any]]:
    """List the criteria that the sources name, each with its source, direction, axis, and bands if it has some. Weights
    are the programme's own decision.
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
    """Activate DEFAULT_MODEL unless a model is active already.

    One read when there is one. Processes that start at the same time wait for each other, so only one of them inserts
    it.
    """
    async with services.database.reading() as reader:
        if await reader.value(_ACTIVE_ID) is not None:
            return
    ctx = system_context(services)
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await tx.serialize([MODEL_LOCK])
        if await tx.value(_ACTIVE_ID) is None:
            model = await _add(tx, DEFAULT_MODEL, state=ModelState.ACTIVE.value, activated_at=tx.now)
            await record_model_period(tx, model.id, since=EVER)


async def _add(tx: Transaction, model: ScoringModel, **values: Any) -> Resource:
    """Insert a model under the next number. Concurrent inserts wait for each other."""
    await tx.serialize([_NUMBERS])
    number = int(await tx.value(_HIGHEST)) + 1
    draft = {"state": ModelState.DRAFT.value, "activated_at": None}
    stored = {"name": model.name, "number": number, "definition": _definition(model)}
    return await insert(tx, SCORING_MODELS, {**stored, **draft, **values})


def _definition(model: ScoringModel) -> dict[str, Any]:
    """Return a model's stored definition with its warnings."""
    definition: dict[str, Any] = plain_numbers(model_to_dict(model))
    definition.pop("name")
    definition["warnings"] = [asdict(verdict) for verdict in (*model_warnings(model), *other_axis_warnings(model))]
    return definition


def _named(stored: Resource) -> dict[str, Any]:
    data = stored.data
    return {"id": data["id"], "name": data["name"], "version": data["number"], "state": data["state"]}


async def _lock_draft(tx: Transaction, identifier: str, expected: Expected) -> Resource:
    """Lock and return a model that has never been active; raises ScoringModelUsed for others. The lock makes a
    concurrent activation wait.
    """
    before = await lock(tx, SCORING_MODELS, identifier, expected, KIND)
    if before.data["state"] != ModelState.DRAFT or before.data["activated_at"] is not None:
        raise ScoringModelUsed
    return before
