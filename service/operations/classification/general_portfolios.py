"""The general portfolio of all accounts (Fiocca's step 1): set, replace and delete an account's scores."""

from collections.abc import Mapping
from typing import Any

import orjson

from service.access.policy import Permission
from service.events.classification import AccountGeneralPortfolioChanged
from service.framework.database.database import Resource
from service.models.classification.general_portfolios import GeneralPortfolioPut, general_portfolios
from service.platform.clock import instant_text
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.classification.general_portfolios import GENERAL_PORTFOLIO
from service.records.classification.judgements import KIND, Judgements
from service.records.classification.positions import plain_numbers
from service.records.classification.scoring_models import refused
from service.records.context import Context, Transaction, operation
from service.records.rows import Expected, change, lock, require_person
from service.rules.classification.factor_library import FactorAxis
from service.rules.classification.general_portfolio import (
    AXES,
    NAMES,
    AxisMean,
    GeneralScore,
    axis_mean,
    general_cell,
    validate_axis,
)
from service.rules.verdicts import exact, shown

_GIVEN = ("strategic_importance", "difficulty", "reason", "author_id")
_JUDGEMENTS = Judgements(general_portfolios, GENERAL_PORTFOLIO, "general portfolio")


async def get_general_portfolio(ctx: Context, identifier: str) -> Resource:
    """Read an account's strategic importance and difficulty with its cell in the general portfolio and the scores
    behind it. Raises NotFound for an unknown account and for one without scores.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await _JUDGEMENTS.standing(reader, identifier)
    return _resource(identifier, row)


@operation
async def put_general_portfolio(
    ctx: Context, identifier: str, data: GeneralPortfolioPut, expected: Expected = None
) -> Resource:
    """Score an account's strategic importance and the difficulty of managing it, each by factors from 0 to 10. The cell
    is key_difficult, key_easy, non_key_difficult or non_key_easy; from 5.0 an axis is high.

    Replaces the previous scores, which are kept in the history. While a factor is missing the account has no cell.
    Writing what is stored already writes and sends nothing. Raises NotFound, StaleVersion, and Invalid for unknown or
    repeated factors, weights that do not sum to 100 within 0.01 or are given for some factors only, and an unknown
    author.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        wanted = plain_numbers(data.model_dump())
        verdicts = [one for axis in AXES for one in validate_axis(axis, _scores(wanted[axis.value]), f"/{axis.value}")]
        if verdicts:
            raise refused(verdicts)
        before = await _JUDGEMENTS.stored(tx.reader, identifier)
        present = before["judgement_id"] is not None
        if present and all(before[name] == wanted[name] for name in _GIVEN):
            return tx.answer(_resource(identifier, before), "unchanged")
        await require_person(tx, data.author_id, "/author_id")
        row = {**wanted, "recorded_by": ctx.principal.id, "recorded_at": tx.now}
        cell = _document("", {"version": 0, **row})["cell"]
        await _JUDGEMENTS.state(tx, identifier, before, {**row, "cell": cell})
        after = await change(tx, ACCOUNTS, account.id, {"general_portfolio": cell})
        _emit_changed(tx, after, before if present else None, row, data.reason)
        return tx.answer(_resource(identifier, {**row, "version": after.version}), "updated" if present else "created")


@operation
async def delete_general_portfolio(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Delete an account's scores for the general portfolio and return them; the account is in no cell, and the scores
    are kept in the history. Raises NotFound, also when there are none, and StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        before = await _JUDGEMENTS.standing(tx.reader, identifier)
        await _JUDGEMENTS.take_back(tx, identifier)
        after = await change(tx, ACCOUNTS, account.id, {"general_portfolio": None})
        _emit_changed(tx, after, before, None, None)
        return tx.answer(_resource(identifier, {**before, "version": after.version}), "deleted")


def _emit_changed(
    tx: Transaction, account: Resource, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None,
    reason: str | None,
) -> None:  # fmt: skip
    """Emit the change of an account's scores; `changed` names the members that differ."""
    previous, current = _payload(before), _payload(after)
    either = previous or current or {}
    changed = [name for name in either if (previous or {}).get(name) != (current or {}).get(name)]
    tx.emit(
        AccountGeneralPortfolioChanged.of(
            account.data, previous=previous, current=current, changed=changed, reason=reason
        )
    )


def _payload(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return scores as events hold them."""
    if row is None:
        return None
    read = _document("", {"version": 0, **row})
    axes = {axis.value: {name: read[axis.value][name] for name in ("score", "level", "factors")} for axis in AXES}
    return {"general_portfolio": read["cell"], **axes, "author_id": read["author_id"]}


def _scores(stored: list[Mapping[str, Any]]) -> list[GeneralScore]:
    def number(value: Any) -> Any:
        return None if value is None else exact(value)

    return [GeneralScore(one["factor"], number(one["score"]), number(one["weight"])) for one in stored]


def _axis(axis: FactorAxis, mean: AxisMean, stored: list[Mapping[str, Any]]) -> dict[str, Any]:
    given = {one["factor"]: one for one in stored}
    nothing = {"score": None, "evidence": None}
    return {
        "score": None if mean.score is None else plain_numbers(shown(mean.score)),
        "level": mean.level,
        "borderline": mean.borderline,
        "missing": list(mean.missing),
        "factors": [
            {
                "factor": factor,
                "name": NAMES[factor],
                "score": given.get(factor, nothing)["score"],
                "weight": plain_numbers(shown(weight)),
                "evidence": given.get(factor, nothing)["evidence"],
            }
            for factor, weight in mean.weights.items()
        ],
    }


def _document(identifier: str, row: Mapping[str, Any]) -> dict[str, Any]:
    means = {axis: axis_mean(axis, _scores(row[axis.value])) for axis in AXES}
    at = row["recorded_at"]
    return {
        "account_id": identifier,
        "version": row["version"],
        "cell": general_cell(*means.values()),
        **{axis.value: _axis(axis, mean, row[axis.value]) for axis, mean in means.items()},
        "reason": row["reason"],
        "author_id": row["author_id"],
        "recorded_by": row["recorded_by"],
        "recorded_at": at if isinstance(at, str) else instant_text(at),
    }


def general_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of stored scores; its version is the account's."""
    return _document(row["account_id"], row)


def _resource(identifier: str, row: Mapping[str, Any]) -> Resource:
    return Resource(row["version"], orjson.dumps(_document(identifier, row)))
