"""Movements between two instants: the accounts that moved, the history entries in between, the migration table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import orjson

from service.access.policy import Permission
from service.framework.database.database import Reader, Row
from service.framework.database.listing import PageRequest
from service.models.classification.movements import MovementChanges
from service.platform.clock import instant_text
from service.platform.errors import Invalid
from service.queries.classification.movements import CLASSIFIED_BETWEEN, MOVED_BETWEEN, MOVEMENTS, summary_statements
from service.records.classification.positions import differing_inputs, scores_of_inputs
from service.records.context import Context
from service.rules.verdicts import shown
from service.rules.vocabulary import Quadrant

_ORDER: dict[str | None, int] = {
    **{quadrant.value: place for place, quadrant in enumerate(Quadrant)},
    None: len(Quadrant),
}
_MOST_FACTORS = 50


async def list_movements(
    ctx: Context,
    request: PageRequest,
    changes: MovementChanges,
    first: date | datetime,
    second: date | datetime | None = None,
) -> bytes:
    """Return a page of the accounts that moved between two instants as JSON: their positions at both, the entries of
    their histories in between, and the inputs that changed. The first page also has the summary of all accounts.

    A day stands for its last moment; the second instant is now when it is left out. Stages count by when they were
    recorded. Three statements, five for the first page, however many accounts there are. Raises CursorInvalid, and
    Invalid for instants that are in the future or not in order.
    """
    start = ctx.past(first, "from")
    end = ctx.services.clock.now() if second is None else ctx.past(second, "to")
    if start >= end:
        raise Invalid.parameter("to", "not_after_from", f"{instant_text(end)} is not later than from")
    instants = (("from_at", start), ("to_at", end))
    async with ctx.reading(Permission.PORTFOLIO_READ) as reader:
        page = await MOVEMENTS[changes].page(reader, replace(request, instants=instants), ctx.cursors)
        items = [orjson.loads(item) for item in page.items]
        await _explain(reader, items, dict(instants))
        summary = None
        if request.after is None:
            summary = await _summary(reader, request, dict(instants))
    return orjson.dumps(
        {
            "from": instant_text(start),
            "to": instant_text(end),
            "changes": changes.value,
            "summary": summary,
            "items": items,
            "next_cursor": page.next_cursor,
            "has_more": page.has_more,
        }
    )


async def _explain(reader: Reader, items: Sequence[dict[str, Any]], instants: Mapping[str, datetime]) -> None:
    """Add the entries in between and the inputs that changed to each account."""
    ids = [item["account_id"] for item in items]
    classified: dict[str, list[Row]] = {}
    moved: dict[str, list[Row]] = {}
    if ids:
        for found, statement in ((classified, CLASSIFIED_BETWEEN), (moved, MOVED_BETWEEN)):
            for row in await reader.all(statement, ids=ids, **instants):
                found.setdefault(row["account_id"], []).append(row)
    for item in items:
        entries, steps = classified.get(item["account_id"], []), moved.get(item["account_id"], [])
        causes = [*map(_classification, entries), *map(_step, steps)]
        item["causes_count"] = sum(rows[0]["entries"] for rows in (entries, steps) if rows)
        item["causes"] = sorted(causes, key=lambda cause: str(cause["at"]))
        inputs = [each.pop("inputs", None) if each else None for each in (item["previous"], item["current"])]
        item["factors"] = [
            {**factor, "previous": _number(factor["previous"]), "current": _number(factor["current"])}
            for axis, read in (("attractiveness", _scores), ("business_strength", _ours))
            for factor in differing_inputs(axis, *map(read, inputs))
        ][:_MOST_FACTORS]


def _classification(row: Row) -> dict[str, Any]:
    return {
        "at": instant_text(row["classified_at"]),
        "cause": row["cause"],
        "previous": row["previous"],
        "current": row["quadrant"],
        "model_version": row["model_version"],
        "reason": row["reason"],
        "recorded_by": row["recorded_by"],
    }


def _step(row: Row) -> dict[str, Any]:
    return {
        "at": instant_text(row["recorded_at"]),
        "cause": "stage",
        "previous": row["previous"],
        "current": row["stage"],
        "model_version": None,
        "reason": row["reason"],
        "recorded_by": row["recorded_by"],
    }


def _scores(inputs: Any) -> Mapping[str, Fraction]:
    """Return the exact score of each factor: the mean of the raters that counted."""
    return {} if inputs is None else scores_of_inputs(inputs)


def _ours(inputs: Any) -> Mapping[str, Fraction]:
    """Return our score on each success factor; none for entries that hold totals only."""
    strength = None if inputs is None else inputs["strength"]
    factors = None if strength is None else strength.get("factors")
    return {factor["name"]: Fraction(str(factor["ours"])) for factor in factors or ()}


def _number(score: Fraction | None) -> float | None:
    return None if score is None else float(shown(score))


async def _summary(reader: Reader, request: PageRequest, instants: Mapping[str, datetime]) -> dict[str, Any]:
    """Return the summary of the movements of all accounts that match the filters."""
    counted, caused = summary_statements(request.condition)
    binds = {**request.condition.binds, **instants}
    rows = await reader.all(counted, **binds)
    rows.sort(key=lambda row: (_ORDER[row["previous"]], _ORDER[row["current"]]))
    causes = await reader.all(caused, **binds)
    causes.sort(key=lambda row: (-row["count"], row["cause"]))
    total = sum(row["count"] for row in rows)
    moved = sum(row["count"] for row in rows if row["previous"] != row["current"])
    return {
        "accounts": total,
        "moved": moved,
        "stayed": total - moved,
        "entered": sum(int(row["entered"]) for row in rows),
        "left": sum(int(row["left"]) for row in rows),
        "migrations": [{name: row[name] for name in ("previous", "current", "count")} for row in rows],
        "causes": [{"cause": row["cause"], "count": row["count"]} for row in causes],
    }
