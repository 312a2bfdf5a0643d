"""The portfolio matrix: every account in its box of the four boxes, the nine cells, the ten boxes or the general
portfolio.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson

from service.access.policy import Permission
from service.documents.matrix import draw_matrix
from service.models.classification.portfolio import MatrixView
from service.platform.clock import instant_text
from service.platform.errors import Invalid
from service.queries.classification.portfolio import MATRICES
from service.records.classification.positions import plain_numbers
from service.records.classification.scoring_models import ActiveModel, forecast_box, model_at
from service.records.context import Context
from service.rules.classification.fiocca import VERBS
from service.rules.classification.general_portfolio import CELLS
from service.rules.classification.ten_boxes import TEN_BOXES
from service.rules.vocabulary import QUADRANTS, Stage

_WITHOUT_PICTURE = {
    MatrixView.TEN_BOXES: "The ten boxes",
    MatrixView.GENERAL: "The general portfolio",
}
_NO_FORECAST = ',"forecast":null}'
_AXES = ("attractiveness", "relative_strength", "business_strength")


async def get_matrix(
    ctx: Context, view: MatrixView, limit: int, forecast: bool = False, as_of: date | datetime | None = None
) -> bytes:
    """Return all accounts by box as JSON: the number in each box, and up to `limit` accounts of each box, the largest
    by revenue first.

    Accounts in no box are counted as unclassified. `forecast` adds each account's forecast position beside its
    position. With `as_of` (an instant, or the last moment of a day) it is the matrix of then: the accounts that
    existed, their positions, and the model that was active; names and revenue are as today. Two statements, however
    many accounts there are. Raises Invalid for an instant in the future.
    """
    at = None if as_of is None else ctx.past(as_of)
    async with ctx.reading(Permission.PORTFOLIO_READ) as reader:
        model = await model_at(reader, at)
        binds = {} if at is None else {"as_of": at}
        rows = await reader.all(MATRICES[view, forecast, at is not None], limit=limit, **binds)
    sizes: dict[str | None, int] = {}
    listed: dict[str | None, list[Any]] = {}
    for row in rows:
        sizes[row["box"]] = row["size"]
        account = (
            _expected(row["document"], model) if forecast else orjson.Fragment(row["document"][:-1] + _NO_FORECAST)
        )
        listed.setdefault(row["box"], []).append(account)
    boxes = [
        {**box, "count": sizes.get(box["box"], 0), "accounts": listed.get(box["box"], [])} for box in _LAYOUTS[view]()
    ]
    unclassified, total = sizes.get(None, 0), sum(sizes.values())
    counts = {"classified": total - unclassified, "unclassified": unclassified, "total": total}
    head = {"view": view.value, "as_of": None if at is None else instant_text(at)}
    return orjson.dumps({**head, **_model_members(model), "boxes": boxes, **counts})


async def draw_portfolio(
    ctx: Context, view: MatrixView, limit: int, forecast: bool = False, as_of: date | datetime | None = None
) -> bytes:
    """Return the matrix as a picture (SVG): strength high on the left, attractiveness high at the top, bubbles by
    revenue, the lines with their values and borders, forecasts as arrows; up to `limit` accounts of each box.

    The same portfolio gives the same bytes. Raises Invalid for the ten boxes and the general portfolio, which have no
    picture.
    """
    if view in _WITHOUT_PICTURE:
        raise Invalid.parameter("view", "no_picture", f"{_WITHOUT_PICTURE[view]} can't be drawn. Leave format=svg out")
    return draw_matrix(orjson.loads(await get_matrix(ctx, view, limit, forecast, as_of)))


def _expected(document: str, model: ActiveModel) -> dict[str, Any]:
    """Return an account of the matrix with the box of its forecast by the matrix's own cuts."""
    account: dict[str, Any] = orjson.loads(document)
    stated = account["forecast"]
    if stated is not None:
        quadrant = forecast_box(stated, model)
        account["forecast"] = {**{name: stated[name] for name in _AXES}, "quadrant": quadrant, "on": stated["on"]}
    return account


def _model_members(model: ActiveModel) -> dict[str, Any]:
    cuts = model.rules.cuts
    lines: dict[str, Any] = plain_numbers(
        {
            "cuts": {"attractiveness": cuts.attractiveness, "relative_strength": cuts.relative_strength},
            "limits": asdict(model.rules.fiocca),
            "border_width": asdict(model.rules.border_width),
            "dead_band": model.rules.dead_band,
        }
    )
    return {"model": model.reference(), **lines}


def _box(key: str, name: str, attractiveness: str, strength: str, verbs: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "box": key,
        "name": name,
        "attractiveness": attractiveness,
        "strength": strength,
        "investment_strategy": None,
        "verbs": verbs,
    }


def _four_boxes() -> list[dict[str, Any]]:
    """Return the Cranfield boxes row by row, high strength first as in Cranfield drawings."""
    return [
        {
            **_box(quadrant, terms.name, terms.attractiveness, terms.strength),
            "investment_strategy": terms.investment_strategy,
        }
        for quadrant, terms in QUADRANTS.items()
    ]


def _ten_boxes() -> list[dict[str, Any]]:
    """Return McDonald's boxes row by row, the closest relationship first; uncoupling is apart, last."""
    placed = [(box.box, box.name, box.attractiveness, box.stage) for box in TEN_BOXES]
    apart = (Stage.UNCOUPLING_KAM, "Uncoupling, apart from the ten boxes", "any", Stage.UNCOUPLING_KAM)
    return [_box(*each) for each in (*placed, apart)]


def _nine_cells() -> list[dict[str, Any]]:
    """Return Fiocca's cells row by row, strong first."""
    return [
        _box(
            f"{attractiveness}_{position}",
            " / ".join(verb.replace("_", " ").capitalize() for verb in verbs),
            attractiveness,
            position,
            verbs,
        )
        for (attractiveness, position), verbs in VERBS.items()
    ]


def _general_cells() -> list[dict[str, Any]]:
    """Return the cells of the general portfolio row by row, difficult first."""
    return [
        _box(cell, cell.replace("_key_", "-key, ").replace("key_", "key, ").capitalize(), importance, difficulty)
        for (importance, difficulty), cell in CELLS.items()
    ]


_LAYOUTS = {
    MatrixView.FOUR_BOX: _four_boxes,
    MatrixView.FIOCCA: _nine_cells,
    MatrixView.TEN_BOXES: _ten_boxes,
    MatrixView.GENERAL: _general_cells,
}
