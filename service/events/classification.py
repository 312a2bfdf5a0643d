"""Events about how accounts are classified, and about the scoring models."""

from collections.abc import Mapping
from typing import Any, Self

from service.access.policy import Permission
from service.events.event import AccountEvent, Event, RecordEvent
from service.events.payload import CHANGED, REASON, Payload, Schema, before_and_after, number, obj, text
from service.models.classification.scoring_models import ScoringModelRead

_MODEL: Schema = {"$ref": "#/$defs/ModelReference"}
_FACTORS: Schema = {
    "type": "array",
    "description": "The factors that moved, with what they were and are; null is no score",
    "items": obj(
        "A factor",
        {
            "axis": text("attractiveness or business_strength"),
            "factor": text("The factor's key or name"),
            "previous": {"type": ["object", "null"], "description": "What it was"},
            "current": {"type": ["object", "null"], "description": "What it is"},
        },
    ),
}
_AXES: Mapping[str, Schema] = {
    "quadrant": text("The quadrant; null while incomplete", null=True),
    "attractiveness": number("The account's attractiveness, 0 to 10"),
    "relative_strength": number("Our total divided by the best competitor's"),
}
_CLASSIFIED: Mapping[str, Schema] = {
    **_AXES,
    "status": text("complete or incomplete"),
    "raw_quadrant": text("The quadrant by the scores alone", null=True),
    "business_strength": number("Our total, 0 to 10"),
    "fiocca": {"type": ["object", "null"], "description": "The nine-cell position: attractiveness, position, verbs"},
    "missing": {"type": ["array", "null"], "items": {"type": "string"}, "description": "What is missing"},
}
_WHY: Mapping[str, Schema] = {
    "changed": CHANGED,
    "model": _MODEL,
    "factors": _FACTORS,
    "cause": text("What led to it: attractiveness, business_strength, scoring_model, override ..."),
}


_FORECAST = obj(
    "A forecast position",
    {
        **_AXES,
        "business_strength": number("Our total, 0 to 10, where no competitor is known"),
        "on": text("The day it is expected for, YYYY-MM-DD"),
        "reason": REASON,
        "author_id": text("Who expects it", null=True),
    },
    type=["object", "null"],
)


_AXIS = obj(
    "An axis",
    {
        "score": number("The mean of its factors, 0 to 10; null while one is missing"),
        "level": text("high or low", null=True),
        "factors": {"type": "array", "description": "Its factors", "items": {"$ref": "#/$defs/GeneralFactorRead"}},
    },
)
_CELLS = ["key_difficult", "key_easy", "non_key_difficult", "non_key_easy", None]
_GENERAL = obj(
    "How important and how difficult the account is",
    {
        "general_portfolio": text("The cell; null while a score is missing", null=True, enum=_CELLS),
        "strategic_importance": _AXIS,
        "difficulty": _AXIS,
        "author_id": text("Who judged", null=True),
    },
    type=["object", "null"],
)


def _counts(description: str, *members: str) -> Schema:
    boxes = {name: text(f"{name}: a quadrant, or none") for name in members if name in ("box", "from", "to")}
    numbers: dict[str, Schema] = {name: {"type": "integer"} for name in members if name not in boxes}
    return {"type": "array", "description": description, "items": obj("Accounts", {**boxes, **numbers})}


_RECLASSIFIED: Mapping[str, Schema] = {
    "model": _MODEL,
    "previous_model": {"anyOf": [_MODEL, {"type": "null"}], "description": "The model before; null if there was none"},
    "cause": text("scoring_model (another one was activated) or reclassification"),
    "reason": REASON,
    "attractiveness_cut": {"type": "number", "description": "High attractiveness from this score on"},
    "accounts": {"type": "integer", "description": "Accounts that were looked at"},
    "written": {"type": "integer", "description": "Accounts whose position differed"},
    "moved": {
        "type": "integer",
        "description": "Accounts whose quadrant changed; each has its own event before this one",
    },
    "boxes": _counts("Each box before and after", "box", "before", "after"),
    "migration": _counts("From where to where, those that stayed included", "from", "to", "accounts"),
    "superseded_by": text("The model that was activated meanwhile, so that the rest was left to it", null=True),
    "factors": _FACTORS,
}


class AccountClassified(AccountEvent):
    """An account was reclassified, and its scores, strength or position changed. With a dead band, no event is sent
    while an account moves inside it and its quadrant, Fiocca cell, status and missing inputs stay the same.
    """

    type = "account.classified"
    permission = Permission.CLASSIFICATION_READ
    payload = Payload(more={**before_and_after(_CLASSIFIED), **_WHY}, optional={"reason": REASON})


class AccountQuadrantChanged(AccountEvent):
    """An account moved to another quadrant of the four-box matrix, or to none; the first quadrant is a change from
    null.
    """

    type = "account.quadrant_changed"
    permission = Permission.CLASSIFICATION_READ
    payload = Payload(more={**before_and_after(_AXES), **_WHY}, optional={"reason": REASON})

    @classmethod
    def moved(
        cls, account: Mapping[str, Any], previous: Mapping[str, Any], current: Mapping[str, Any], **why: Any
    ) -> Self:
        """Return the event of an account whose position was `previous` and is `current`, both as JSON has them."""
        before, after = ({name: state[name] for name in _AXES} for state in (previous, current))
        changed = [name for name in _AXES if before[name] != after[name]]
        return cls.of(account, previous=before, current=after, changed=changed, **why)


class AccountForecastChanged(AccountEvent):
    """The forecast position of an account changed or was removed; the present position stays the same."""

    type = "account.forecast_changed"
    permission = Permission.CLASSIFICATION_READ
    payload = Payload(
        more={"previous": _FORECAST, "current": _FORECAST, "changed": CHANGED, "reason": REASON, "model": _MODEL}
    )


class AccountGeneralPortfolioChanged(AccountEvent):
    """The judgement of how important and how difficult an account is (the general portfolio of all accounts) changed or
    was removed; `general_portfolio` is the cell.
    """

    type = "account.general_portfolio_changed"
    permission = Permission.CLASSIFICATION_READ
    payload = Payload(more={"previous": _GENERAL, "current": _GENERAL, "changed": CHANGED, "reason": REASON})


class ScoringModelActivated(RecordEvent):
    """A scoring model became the active one."""

    type = "scoring_model.activated"
    permission = Permission.CLASSIFICATION_READ
    record = ScoringModelRead
    payload = Payload(
        more={
            "previous": obj(
                "The model before, if there was one",
                {"id": text("Its id"), "name": text("Its name"), "number": {"type": "integer"}},
                type=["object", "null"],
            )
        }
    )


class PortfolioReclassified(Event):
    """All accounts were reclassified. Names the scoring model and the one before, the reason, how many accounts changed
    and moved, the number of accounts in each box before and after, and how many moved from which box to which. Each
    account that moved has its own account.quadrant_changed before this event.
    """

    type = "portfolio.reclassified"
    permission = Permission.PORTFOLIO_READ
    also_needs = (Permission.CLASSIFICATION_READ,)  # `factors` and `model` are parts of scoring models
    payload = Payload(more=_RECLASSIFIED)
