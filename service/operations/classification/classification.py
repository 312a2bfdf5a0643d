"""An account's position: write its success factors and classify it in one transaction; read the position."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.columns import Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement, inserting
from service.models.classification.classification import BusinessStrengthPut, business_strengths
from service.platform.clock import instant_text
from service.platform.errors import NotFound
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.past import PAST_CLASSIFICATION_INPUTS
from service.queries.accounts.stakeholders import STAKEHOLDERS
from service.queries.classification.classification import CLASSIFICATION_INPUTS, CLASSIFICATIONS, STORED_STRENGTH
from service.records.classification.classification import lock_stored, store_classification, unchanged
from service.records.classification.positions import (
    differing_inputs,
    live,
    live_document,
    past_document,
    plain_numbers,
    rests_on_another_model,
    same_for_this_version,
    success_factors,
)
from service.records.classification.scoring_models import active_model, refused, stored_model
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, require, require_reference
from service.rules.classification.factor_library import SOURCES, SUCCESS_FACTORS
from service.rules.classification.ratings import exact_decimal
from service.rules.classification.strength import strength_points, validate_strength
from service.rules.vocabulary import ClassificationCause

KIND = "account"

_c = business_strengths.c
_ADD_STRENGTH = inserting(business_strengths)
_SET_STRENGTH = Statement(
    sa.update(business_strengths)
    .where(_c.account_id == bind("b_account_id", Uuid()))
    .values({column.name: bind(f"b_{column.name}", column) for column in _c if column.name != "account_id"})
)


@operation
async def put_business_strength(
    ctx: Context, identifier: str, data: BusinessStrengthPut, expected: Expected = None
) -> Resource:
    """Replace a customer's success factors with our scores and the competitors', classify the account, and return the
    classification.

    Weights sum to 100 within 0.01. Every competitor has a score on every factor. Without a competitor,
    `no_known_competitor` is needed. Sends account.classified, and account.quadrant_changed when the quadrant changed;
    writing what is stored already writes and sends nothing. Raises NotFound, StaleVersion, and Invalid with pointers.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        account = stored.account
        factors = plain_numbers([factor.model_dump() for factor in data.factors])
        verdicts = validate_strength(success_factors(factors), data.no_known_competitor)
        if verdicts:
            raise refused(verdicts)
        await _require_stakeholder(tx, account.id, data.confirmed_by_id)
        wanted = {
            "factors": factors,
            "no_known_competitor": data.no_known_competitor,
            "confirmed_by_id": data.confirmed_by_id,
        }
        before = stored.row
        if stored.latest is not None and all(before[name] == value for name, value in wanted.items()):
            return tx.answer(unchanged(tx, stored), "unchanged")
        values = {"account_id": account.id, **wanted, **_points(factors), "updated_at": tx.now}
        if before["strength_of"] is None:
            await tx.execute(_ADD_STRENGTH, **values)
        else:
            await tx.execute(_SET_STRENGTH, **{f"b_{name}": value for name, value in values.items()})
        old, new = ({factor["name"]: factor for factor in listed} for listed in (before["factors"] or [], factors))
        moved = differing_inputs("business_strength", old, new)
        stored.row = {**before, **wanted, "strength_at": tx.now}
        return tx.answer(await store_classification(tx, stored, moved, ClassificationCause.BUSINESS_STRENGTH))


async def list_success_factors(ctx: Context) -> list[dict[str, Any]]:
    """List success factors to begin with, each with its source, with a default set whose weights sum to 100."""
    ctx.require(Permission.CLASSIFICATION_READ)
    return [
        {
            "name": factor.name,
            "description": factor.description,
            "weight": plain_numbers(factor.weight),
            "source": SOURCES[factor.source],
            "source_key": factor.source.value,
        }
        for factor in SUCCESS_FACTORS
    ]


async def get_classification(ctx: Context, identifier: str) -> Resource:
    """Read an account's classification with its explanation. Raises NotFound.

    It is computed on each read by the active model. While a new model is being applied to the portfolio, an account
    that was not reached yet is explained by the model of its stored position. For an account without scores it names
    what is missing. The version is 0 when the answer depends on more than the account's version. The ages of the inputs
    are counted to today and do not change the version.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(CLASSIFICATION_INPUTS, id=identifier)
        if row is None:
            raise NotFound(KIND)
        stored = row["inputs"]
        active = model = await active_model(reader, stored["model_id"], stored["model_version"])
        position = live(stored, model)
        before = rests_on_another_model(stored, position, model)
        if before is not None:
            model = await stored_model(reader, before, stored["latest"]["model_version"])
            position = live(stored, model)
    version = stored["version"] if same_for_this_version(stored, active) else 0
    return Resource(version, orjson.dumps(live_document(stored, position, model, active, ctx.services.clock.now())))


async def get_past_classification(ctx: Context, identifier: str, as_of: date | datetime) -> Resource:
    """Read an account's classification as of an instant (or the last moment of a day), explained from the inputs and by
    the model of then. Raises NotFound when the account did not exist then, and Invalid for an instant in the future.
    """
    at = ctx.past(as_of)
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(PAST_CLASSIFICATION_INPUTS, id=identifier, as_of=at)
    if row is None:
        raise NotFound(KIND)
    return Resource(0, orjson.dumps({**past_document(row["inputs"], instant_text(at)), "as_of": instant_text(at)}))


async def list_classifications(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """List a page of an account's classification history, newest first. Raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await CLASSIFICATIONS.page(reader, request, ctx.cursors, where={"account_id": identifier})


async def get_business_strength(ctx: Context, identifier: str) -> Resource:
    """Read an account's success factors with our scores and the competitors'. Raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(STORED_STRENGTH, id=identifier)
    if row is None:
        raise NotFound(KIND)
    document = {
        "account_id": identifier,
        "version": row["version"],
        "factors": row["factors"] or [],
        "no_known_competitor": bool(row["no_known_competitor"]),
        "confirmed_by_id": row["confirmed_by_id"],
        "updated_at": None if row["strength_at"] is None else instant_text(row["strength_at"]),
    }
    return Resource(row["version"], orjson.dumps(document))


async def _require_stakeholder(tx: Transaction, account_id: str, identifier: str | None) -> None:
    """Raise Invalid unless the id is a stakeholder of this account: no one else may confirm its success factors."""
    pointer = "/confirmed_by_id"
    found = await require_reference(tx, STAKEHOLDERS, identifier, pointer, "stakeholder")
    if found is not None and found.data["account_id"] != account_id:
        raise refuse(pointer, "unknown_reference", "This account has no stakeholder with this id")


def _points(factors: list[Any]) -> dict[str, Decimal | None]:
    """Return the exact totals of success factors, before division by the sum of weights."""
    points = strength_points(success_factors(factors))
    return {
        "ours_points": exact_decimal(points.ours),
        "best_points": None if points.best is None else exact_decimal(points.best),
        "weight_sum": exact_decimal(points.weights),
    }
