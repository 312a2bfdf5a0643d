"""Where an account stands: its inputs are written, and in the same transaction it is classified and that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.models.classification import (
    AttractivenessPut,
    BusinessStrengthPut,
    attractiveness_scores,
    business_strengths,
)
from service.operations.classification_records import (
    classification_of,
    plain_numbers,
    read_standings,
    refused,
    result_document,
    settle,
    success_factors,
)
from service.operations.context import Context, Transaction, operation, refuse
from service.operations.records import Expected, lock, require, require_reference
from service.operations.scoring_model_records import MODEL_LOCK, active_model
from service.platform.clock import instant_text
from service.platform.columns import Uuid
from service.platform.database import Page, Resource, Row
from service.platform.dialects import one_of
from service.platform.errors import FieldError, Invalid, NotFound
from service.platform.statements import Statement
from service.queries.accounts import ACCOUNTS
from service.queries.classification import CLASSIFICATIONS, RESULT, STORED_SCORES, STORED_STRENGTH
from service.queries.listing import PageRequest
from service.queries.people import PEOPLE
from service.queries.stakeholders import STAKEHOLDERS
from service.rules.classification import classify
from service.rules.scoring import GivenScore, ScoringModel, read_scores
from service.rules.strength import validate_strength

KIND = "account"

_s, _b = attractiveness_scores.c, business_strengths.c
_FORGET_SCORES = Statement(
    sa.delete(attractiveness_scores).where(
        _s.account_id == sa.bindparam("account_id", type_=Uuid()), one_of(_s.factor, "factors")
    )
)
_ADD_SCORE = Statement(
    sa.insert(attractiveness_scores).values(
        {column.name: sa.bindparam(column.name, type_=column.type) for column in _s}
    )
)
_ADD_STRENGTH = Statement(
    sa.insert(business_strengths).values({column.name: sa.bindparam(column.name, type_=column.type) for column in _b})
)
_SET_STRENGTH = Statement(
    sa.update(business_strengths)
    .where(_b.account_id == sa.bindparam("b_account_id", type_=Uuid()))
    .values(
        {
            column.name: sa.bindparam(f"b_{column.name}", type_=column.type)
            for column in _b
            if column.name != "account_id"
        }
    )
)


@operation
async def put_attractiveness(
    ctx: Context, identifier: str, data: AttractivenessPut, expected: Expected = None
) -> Resource:
    """Replace an account's scores on the active model and classify it; answers with the classification.

    A score is 0 to 10, or a metric in the factor's own unit that its bands turn into one; factors that are left out
    lose theirs, and those that the active model lacks keep theirs. Raises NotFound, StaleVersion, and Invalid with a
    pointer for an unknown factor, both or none of score and metric, and a metric without a band. Writing what is
    stored already writes and sends nothing.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await tx.serialize([MODEL_LOCK], shared=True)
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        standing = (await read_standings(tx, [account]))[0]
        rows = _score_rows(standing.model.rules, data, account.id, tx)
        await _require_raters(tx, data)
        known = {factor.key for factor in standing.model.rules.factors}
        stored = {row["factor"]: row for row in standing.scores if row["factor"] in known}
        written = [row for factor, row in rows.items() if not _same_score(stored.get(factor), row)]
        gone = [factor for factor in stored if factor not in rows]
        if standing.latest is not None and not written and not gone:
            return tx.answer(classification_of(account.id, account.version, standing.latest), "unchanged")
        replaced = [*gone, *(row["factor"] for row in written if row["factor"] in stored)]
        if replaced:
            await tx.execute(_FORGET_SCORES, account_id=account.id, factors=replaced)
        if written:
            await tx.many(_ADD_SCORE, written)
        changed = {row["factor"]: row for row in written}
        kept = [row for row in standing.scores if row["factor"] not in changed and row["factor"] not in gone]
        standing.scores = [*kept, *written]
        return tx.answer(await settle(tx, standing, (), "attractiveness"))


@operation
async def put_business_strength(
    ctx: Context, identifier: str, data: BusinessStrengthPut, expected: Expected = None
) -> Resource:
    """Replace a customer's success factors with everybody's scores and classify the account; answers with the
    classification.

    Weights sum to 100 within 0.01, every competitor is scored on every factor, and there is at least one or none is
    known. Raises NotFound, StaleVersion, and Invalid with pointers. Writing what is stored already writes and sends
    nothing.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await tx.serialize([MODEL_LOCK], shared=True)
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        standing = (await read_standings(tx, [account]))[0]
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
        before = standing.strength
        if standing.latest is not None and all(before[name] == value for name, value in wanted.items()):
            return tx.answer(classification_of(account.id, account.version, standing.latest), "unchanged")
        values = {"account_id": account.id, **wanted, "updated_at": tx.now}
        if before["strength_of"] is None:
            await tx.execute(_ADD_STRENGTH, **values)
        else:
            await tx.execute(_SET_STRENGTH, **{f"b_{name}": value for name, value in values.items()})
        moved = _moved_factors(before["factors"] or [], factors)
        standing.strength = {**before, **wanted}
        return tx.answer(await settle(tx, standing, moved, "business_strength"))


async def get_classification(ctx: Context, identifier: str) -> Resource:
    """An account's classification as it was last computed; raises NotFound.

    For an account that nobody has scored it says by the active model what is missing; that answer has version 0,
    because it changes with the model and not with the account.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(RESULT, id=identifier)
        if row is None:
            raise NotFound(KIND)
        if row["latest"] is not None:
            return classification_of(identifier, row["version"], row["latest"])
        model = await active_model(reader)
        result = result_document(classify(model.rules, {}, None), model, None)
        unscored = classification_of(identifier, row["version"], result)
        return Resource(0, unscored.body)


async def list_classifications(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """A page of an account's classification history, newest first; raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await CLASSIFICATIONS.page(reader, request, ctx.cursors, where={"account_id": identifier})


async def get_attractiveness(ctx: Context, identifier: str) -> Resource:
    """An account's stored scores; raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        rows = await reader.all(STORED_SCORES, id=identifier)
    if not rows:
        raise NotFound(KIND)
    scores = [
        {
            "factor": row["factor"],
            "score": plain_numbers(row["score"]),
            "metric": None if row["metric"] is None else orjson.loads(row["metric"]),
            "evidence": row["evidence"],
            "rater_id": row["rater_id"],
            "scored_at": instant_text(row["scored_at"]),
        }
        for row in rows
        if row["factor"] is not None
    ]
    version = rows[0]["version"]
    return Resource(version, orjson.dumps({"account_id": identifier, "version": version, "scores": scores}))


async def get_business_strength(ctx: Context, identifier: str) -> Resource:
    """An account's stored success factors; raises NotFound."""
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


def _score_rows(model: ScoringModel, data: AttractivenessPut, account_id: str, tx: Transaction) -> dict[str, Row]:
    """The rows to store by factor; raises Invalid with the rules' verdicts."""
    given = [GivenScore(one.factor, one.score, one.metric) for one in data.scores]
    read = read_scores(model, given)
    if read.verdicts:
        raise refused(read.verdicts)
    return {
        one.factor: {
            "account_id": account_id,
            "factor": one.factor,
            "rater_id": one.rater_id,
            "score": read.scores[one.factor],
            "metric": None if one.metric is None else str(plain_numbers(one.metric)),
            "evidence": one.evidence,
            "scored_at": tx.now,
        }
        for one in data.scores
    }


def _same_score(stored: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    return stored is not None and all(stored[name] == row[name] for name in ("rater_id", "score", "metric", "evidence"))


async def _require_raters(tx: Transaction, data: AttractivenessPut) -> None:
    """Raters are live people; one statement for all of them."""
    raters = sorted({one.rater_id for one in data.scores if one.rater_id is not None})
    if not raters:
        return
    found = {row["id"] for row in await tx.all(PEOPLE.by_ids(), ids=raters)}
    unknown = [
        FieldError("unknown_reference", "There is no such person", pointer=f"/scores/{index}/rater_id")
        for index, one in enumerate(data.scores)
        if one.rater_id is not None and one.rater_id not in found
    ]
    if unknown:
        raise Invalid(unknown)


async def _require_stakeholder(tx: Transaction, account_id: str, identifier: str | None) -> None:
    """Only a stakeholder of this account can confirm its success factors."""
    pointer = "/confirmed_by_id"
    found = await require_reference(tx, STAKEHOLDERS, identifier, pointer, "stakeholder")
    if found is not None and found.data["account_id"] != account_id:
        raise refuse(pointer, "unknown_reference", "This account has no such stakeholder")


def _moved_factors(before: list[Any], after: list[Any]) -> list[dict[str, Any]]:
    """The success factors that changed, with what they were and are."""
    old = {factor["name"]: factor for factor in before}
    new = {factor["name"]: factor for factor in after}
    return [
        {"axis": "business_strength", "factor": name, "previous": old.get(name), "current": new.get(name)}
        for name in [*new, *(name for name in old if name not in new)]
        if old.get(name) != new.get(name)
    ]
