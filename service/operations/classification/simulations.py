"""Simulate another scoring model over the portfolio before it is activated. Nothing is written."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from service.access.policy import Permission
from service.framework.database.database import Reader
from service.framework.database.filters import Condition, read_filter
from service.platform.errors import FieldError, Invalid
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.classification.positions import SET_BASED, model_binds
from service.queries.classification.scoring_models import SCORING_MODELS
from service.queries.classification.simulations import NEAREST, RANGE_ALL, SIMULATE_ALL, SIMULATE_SOME, ids_where
from service.records.classification.position_sets import ClassifiedAccount, place_all
from service.records.classification.positions import plain_numbers
from service.records.classification.reclassifications import BEFORE_ALL, NONE, migration_of
from service.records.classification.scoring_models import active_model, document_of, judged_model
from service.records.context import Context
from service.rules.classification.quadrants import (
    BORDERLINE_RATIO,
    BORDERLINE_SCORE,
    Axis,
    CutRule,
    PortfolioRange,
    resolved_cuts,
)
from service.rules.classification.scoring import ScoringModel
from service.rules.classification.scoring_documents import with_changes
from service.rules.verdicts import shown
from service.rules.vocabulary import ClassificationStatus

_STREAMED = 500
_SHOWN = ("quadrant", "attractiveness", "business_strength", "relative_strength")
_DISTANCES = (Axis.ATTRACTIVENESS, Axis.RELATIVE_STRENGTH, Axis.ABSOLUTE_STRENGTH)


@dataclass(frozen=True)
class Trial:
    """The model to simulate with its cuts resolved, its name, whether the dead band holds, and supposed scores."""

    model: ScoringModel
    named: dict[str, Any]
    held: bool
    given: list[dict[str, Any]]

    @property
    def widths(self) -> tuple[Decimal, Decimal]:
        """Return the border widths that scale distances: the model's, or the usual ones where it has none."""
        width = self.model.border_width
        return width.attractiveness or BORDERLINE_SCORE, width.relative_strength or BORDERLINE_RATIO


@dataclass
class Found:
    """The result: counts by `from>to`, the next accounts that move, and those nearest to a border."""

    moves: Counter[str] = field(default_factory=Counter)
    incomplete: list[int] = field(default_factory=lambda: [0, 0])
    moved: list[dict[str, Any]] = field(default_factory=list)
    nearest: list[dict[str, Any]] = field(default_factory=list)


async def simulate_portfolio(ctx: Context, data: Any) -> dict[str, Any]:
    """Simulate another scoring model, stored or written out, with changes, and supposed scores, over all accounts or
    those that match a filter. Returns which accounts would move, how many from where to where, and which are nearest to
    a border.

    Writes nothing. Accounts are placed as an activation would place them; the dead band holds only when the model is
    the active one without changes. Raises Invalid as for a new model, and for an unknown model or factor.
    """
    ctx.require(Permission.PORTFOLIO_READ)
    ctx.require(Permission.CLASSIFICATION_READ)
    tree = None if data.filter is None else data.filter.model_dump(by_alias=True, exclude_unset=True)
    condition = read_filter(tree, ACCOUNTS.filters)
    async with _reading(ctx) as reader:
        trial = await _trial(reader, data)
        ids = await reader.column(ids_where(condition), **condition.binds) if condition.shape else None
        if ctx.services.database.kind == "postgresql":
            await reader.value(SET_BASED)
            trial = await _ranged_by_sets(reader, trial)
            found = await _find_by_sets(reader, trial, data, ids)
        else:
            everything = await reader.column(ids_where(Condition()))
            trial = await _ranged_by_rules(reader, trial, everything)
            found = await _find_by_rules(reader, trial, data, everything if ids is None else ids)
    return _answer(trial, found, data.limit)


def _reading(ctx: Context) -> AbstractAsyncContextManager[Reader]:
    """Return a transaction that only reads on PostgreSQL, where settings may hold for its length."""
    database = ctx.services.database
    return database.transaction() if database.kind == "postgresql" else database.reading()


# the model to simulate


async def _trial(reader: Reader, data: Any) -> Trial:
    if data.model_id is not None and data.definition is not None:
        raise Invalid.at("/definition", "one_model_only", "Give either model_id or definition, not both")
    active = await active_model(reader)
    named: dict[str, Any] = {"id": None, "version": None}
    if data.definition is not None:
        document = data.definition.model_dump(by_alias=True)
        judged_model(document, "/definition")
    else:
        stored = await SCORING_MODELS.find(reader, data.model_id or active.id)
        if stored is None:
            raise Invalid.at("/model_id", "unknown_reference", "There is no scoring model with this id")
        document = document_of(stored)
        named = {"id": stored.id, "version": stored.data["number"]}
    if data.changes is not None:
        document = with_changes(document, data.changes.model_dump(by_alias=True, exclude_unset=True))
        named["version"] = None
    model = judged_model(document, "/changes" if data.changes is not None else "")
    held = data.definition is None and data.changes is None and named["id"] == active.id
    model = active.rules if held else model
    return Trial(model, {**named, "name": model.name}, held, _given(data.scores, model))


def _given(scores: list[Any], model: ScoringModel) -> list[dict[str, Any]]:
    keys = {factor.key for factor in model.factors}
    seen: set[tuple[str, str]] = set()
    errors = []
    for place, score in enumerate(scores):
        if score.factor not in keys:
            message = f'The model has no factor "{score.factor}". It has {", ".join(sorted(keys))}.'
            errors.append(FieldError("unknown_factor", message, pointer=f"/scores/{place}/factor"))
        elif (score.account_id, score.factor) in seen:
            message = f"{score.factor} of this account is given twice. Give it once."
            errors.append(FieldError("factor_repeated", message, pointer=f"/scores/{place}"))
        seen.add((score.account_id, score.factor))
    if errors:
        raise Invalid(errors)
    return [{"account_id": each.account_id, "factor": each.factor, "score": f"{each.score:f}"} for each in scores]


def _resolved(trial: Trial, low: Decimal | None, high: Decimal | None) -> Trial:
    found = None if low is None or high is None else PortfolioRange(low, high)
    return replace(trial, model=replace(trial.model, cuts=resolved_cuts(trial.model.cuts, found)))


def _needs_range(trial: Trial) -> bool:
    return not trial.held and trial.model.cuts.attractiveness_rule is not CutRule.FIXED


# on PostgreSQL, by one statement over all accounts


async def _ranged_by_sets(reader: Reader, trial: Trial) -> Trial:
    if not _needs_range(trial):
        return trial
    row = await reader.one(RANGE_ALL, **model_binds(trial.model, held=False), given=trial.given)
    return trial if row is None else _resolved(trial, row["low"], row["high"])


async def _find_by_sets(reader: Reader, trial: Trial, data: Any, ids: list[str] | None) -> Found:
    width, ratio_width = trial.widths
    binds = {
        **model_binds(trial.model, held=trial.held),
        "first": data.after or BEFORE_ALL,
        "limit": data.limit + 1,
        "width": width,
        "ratio_width": ratio_width,
    }
    if trial.given:
        binds["given"] = trial.given
    if ids is not None:
        binds["ids"] = ids
    statement = (SIMULATE_ALL if ids is None else SIMULATE_SOME)[bool(trial.given)]
    row = await reader.one(statement, **binds) or {}
    found = Found(moved=row.get("moved") or [], nearest=row.get("nearest") or [])
    for each in row.get("moves") or []:
        found.moves[f"{each['previous'] or NONE}>{each['current'] or NONE}"] += each["accounts"]
        found.incomplete[0] += each["incomplete_before"]
        found.incomplete[1] += each["incomplete_after"]
    return found


# on SQLite, account by account by the rules


async def _ranged_by_rules(reader: Reader, trial: Trial, ids: list[str]) -> Trial:
    if not _needs_range(trial):
        return trial
    ends: list[Decimal] = []
    for chunk in _chunks(ids):
        placed = await place_all(reader, trial.model, chunk, held=False, given=_by_account(trial))
        scores = [
            each.position.columns["attractiveness"] for each in placed if each.position.outcome.quadrant is not None
        ]
        ends = [min([*ends[:1], *scores]), max([*ends[1:], *scores])] if scores or ends else []
    return _resolved(trial, *ends) if ends else trial


async def _find_by_rules(reader: Reader, trial: Trial, data: Any, ids: list[str]) -> Found:
    found, near = Found(), []
    for chunk in _chunks(ids):
        for each in await place_all(reader, trial.model, chunk, held=trial.held, given=_by_account(trial)):
            row, columns = each.row, each.position.columns
            found.moves[f"{row['quadrant'] or NONE}>{columns['quadrant'] or NONE}"] += 1
            for place, values in enumerate((row, columns)):
                found.incomplete[place] += values["classification_status"] == ClassificationStatus.INCOMPLETE
            moved = row["quadrant"] != columns["quadrant"] and row["id"] > (data.after or BEFORE_ALL)
            if moved and len(found.moved) <= data.limit:
                before, after = ({name: values[name] for name in _SHOWN} for values in (row, columns))
                found.moved.append(
                    plain_numbers({"id": row["id"], "name": row["name"], "before": before, "after": after})
                )
            if each.position.outcome.quadrant is not None:
                near.append((_nearness(each, trial), row["id"], each))
        near = heapq.nsmallest(NEAREST, near, key=lambda one: one[:2])
    found.nearest = [_bordering(each) for _, _, each in near]
    return found


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    return (ids[at : at + _STREAMED] for at in range(0, len(ids), _STREAMED))


def _by_account(trial: Trial) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for each in trial.given:
        out.setdefault(each["account_id"], {})[each["factor"]] = Decimal(each["score"])
    return out


def _nearness(each: ClassifiedAccount, trial: Trial) -> Fraction:
    width, ratio_width = trial.widths
    return min(
        abs(border.distance) / Fraction(ratio_width if border.axis is Axis.RELATIVE_STRENGTH else width)
        for border in each.position.outcome.borders
    )


def _bordering(each: ClassifiedAccount) -> dict[str, Any]:
    borders = {border.axis: border for border in each.position.outcome.borders}
    account: dict[str, Any] = {
        "id": each.row["id"],
        "name": each.row["name"],
        "quadrant": each.position.columns["quadrant"],
    }
    for axis in _DISTANCES:
        account[axis.value] = plain_numbers(shown(borders[axis].distance)) if axis in borders else None
    return account


# the answer


def _answer(trial: Trial, found: Found, limit: int) -> dict[str, Any]:
    cuts = trial.model.cuts
    lines: Mapping[str, Any] = plain_numbers(
        {
            "cuts": {"attractiveness": shown(cuts.attractiveness, 6), "relative_strength": cuts.relative_strength},
            "limits": asdict(trial.model.fiocca),
        }
    )
    more, listed, table = len(found.moved) > limit, found.moved[:limit], migration_of(found.moves)
    return {
        "model": {**trial.named, **lines},
        "accounts": found.moves.total(),
        "incomplete_before": found.incomplete[0],
        "incomplete_after": found.incomplete[1],
        "moved": sum(move["accounts"] for move in table["migration"] if move["from"] != move["to"]),
        **table,
        "moved_accounts": listed,
        "next_after": listed[-1]["id"] if more else None,
        "nearest": found.nearest,
    }
