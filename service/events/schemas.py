"""What every event's bytes look like, as JSON Schema (2020-12): made from the same read models as the API, one per type
and version.

The published schemas are open: a receiver ignores members that it does not know, so that new ones break nobody.
`strict` closes them, which is how tests find a member that nobody wrote down. compatibility.py says which changes of a
schema break receivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.events.catalogue import AccountEvent, catalogue
from service.events.event import Event
from service.models.accounts.accounts import AccountRead
from service.models.accounts.people import PersonRead
from service.models.accounts.stakeholders import StakeholderRead
from service.models.classification.general_portfolios import GeneralFactorRead
from service.models.classification.results import FioccaResult, ModelReference
from service.models.classification.scoring_models import ScoringModelRead
from service.models.plans.actions import ActionRead
from service.models.plans.objectives import ObjectiveRead
from service.models.plans.plans import PlanRead
from service.models.shapes import JobRead, Reference
from service.models.webhooks.endpoints import DeliveryRead, WebhookEndpointRead

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
RECORDS: Mapping[str, type[BaseModel]] = {
    "action": ActionRead,
    "delivery": DeliveryRead,
    "job": JobRead,
    "objective": ObjectiveRead,
    "person": PersonRead,
    "plan": PlanRead,
    "scoring_model": ScoringModelRead,
    "stakeholder": StakeholderRead,
    "webhook_endpoint": WebhookEndpointRead,
}
"""The read model of what an event that is not about an account tells of, by the first part of its type."""

_OF_AN_ACCOUNT = frozenset({"stakeholder", "plan", "objective", "action"})
_MODELS: tuple[type[BaseModel], ...] = (
    *RECORDS.values(),
    AccountRead,
    FioccaResult,
    GeneralFactorRead,
    ModelReference,
    Reference,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What an event's data holds beside its account and its record. `whole` names the members (previous, current) that
    hold a whole record, `part` those that hold the members that changed; `more` and `optional` are further members.
    """

    whole: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    more: Mapping[str, Schema] = field(default_factory=dict)
    optional: Mapping[str, Schema] = field(default_factory=dict)


def _text(description: str, *, null: bool = False, **more: Any) -> Schema:
    return {"type": ["string", "null"] if null else "string", "description": description, **more}


def _number(description: str) -> Schema:
    return {"type": ["number", "null"], "description": description}


def _object(description: str, members: Mapping[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in members if name not in optional]
    return {"type": "object", "description": description, "properties": dict(members), "required": required, **more}


CHANGED: Schema = {"type": "array", "items": {"type": "string"}, "description": "The members that changed"}
_REASON = _text("Why, in the words of whoever did it", null=True)
_WITH_IT: Schema = {
    "type": "object",
    "additionalProperties": {"type": "integer"},
    "description": "How many records were deleted with it, by kind",
}
_MODEL: Schema = {"$ref": "#/$defs/ModelReference"}
_STAGE = _object(
    "A relationship stage by all of its names",
    {"stage": _text("The stage"), "name": _text("Its name"), "cranfield_name": _text("Cranfield's name for it")},
)
_TARGET = _object(
    "A target stage",
    {
        "target_stage": _text("The stage", null=True),
        "target_stage_name": _text("Its name", null=True),
        "target_stage_cranfield": _text("Cranfield's name for it", null=True),
        "target_stage_on": _text("By when", null=True),
        "target_stage_reason": _text("Why", null=True),
    },
)
_FACTORS: Schema = {
    "type": "array",
    "description": "The factors that moved, with what they were and are; null is no score",
    "items": _object(
        "A factor",
        {
            "axis": _text("attractiveness or business_strength"),
            "factor": _text("The factor's key or name"),
            "previous": {"type": ["object", "null"], "description": "What it was"},
            "current": {"type": ["object", "null"], "description": "What it is"},
        },
    ),
}
_AXES: Mapping[str, Schema] = {
    "quadrant": _text("The quadrant; null while incomplete", null=True),
    "attractiveness": _number("The account's attractiveness, 0 to 10"),
    "relative_strength": _number("Our total divided by the best competitor's"),
}
_STANDING: Mapping[str, Schema] = {
    **_AXES,
    "status": _text("complete or incomplete"),
    "raw_quadrant": _text("The quadrant by the scores alone", null=True),
    "business_strength": _number("Our total, 0 to 10"),
    "fiocca": {"type": ["object", "null"], "description": "The nine-cell position: attractiveness, position, verbs"},
    "missing": {"type": ["array", "null"], "items": {"type": "string"}, "description": "What is missing"},
}
_WHY: Mapping[str, Schema] = {
    "changed": CHANGED,
    "model": _MODEL,
    "factors": _FACTORS,
    "cause": _text("What led to it: attractiveness, business_strength, scoring_model, override ..."),
}


_FORECAST = _object(
    "A forecast position",
    {
        **_AXES,
        "business_strength": _number("Our total, 0 to 10, where no competitor is known"),
        "on": _text("The day it is expected for, YYYY-MM-DD"),
        "reason": _REASON,
        "author_id": _text("Who expects it", null=True),
    },
    type=["object", "null"],
)


_AXIS = _object(
    "An axis",
    {
        "score": _number("The mean of its factors, 0 to 10; null while one is missing"),
        "level": _text("high or low", null=True),
        "factors": {"type": "array", "description": "Its factors", "items": {"$ref": "#/$defs/GeneralFactorRead"}},
    },
)
_CELLS = ["key_difficult", "key_easy", "non_key_difficult", "non_key_easy", None]
_GENERAL = _object(
    "How important and how difficult the account is",
    {
        "general_portfolio": _text("The cell; null while a score is missing", null=True, enum=_CELLS),
        "strategic_importance": _AXIS,
        "difficulty": _AXIS,
        "author_id": _text("Who judged", null=True),
    },
    type=["object", "null"],
)


def _both(members: Mapping[str, Schema]) -> dict[str, Schema]:
    return {"previous": _object("What was", members), "current": _object("What is", members)}


def _counts(description: str, *members: str) -> Schema:
    boxes = {name: _text(f"{name}: a quadrant, or none") for name in members if name in ("box", "from", "to")}
    numbers: dict[str, Schema] = {name: {"type": "integer"} for name in members if name not in boxes}
    return {"type": "array", "description": description, "items": _object("Accounts", {**boxes, **numbers})}


_RECLASSIFIED: Mapping[str, Schema] = {
    "model": _MODEL,
    "previous_model": {"anyOf": [_MODEL, {"type": "null"}], "description": "The model before; null if there was none"},
    "cause": _text("scoring_model (another one was activated) or reclassification"),
    "reason": _REASON,
    "attractiveness_cut": {"type": "number", "description": "High attractiveness from this score on"},
    "accounts": {"type": "integer", "description": "Accounts that were looked at"},
    "written": {"type": "integer", "description": "Accounts whose position differed"},
    "moved": {"type": "integer", "description": "Accounts whose quadrant changed: so many events went before"},
    "boxes": _counts("Each box before and after", "box", "before", "after"),
    "migration": _counts("From where to where, those that stayed included", "from", "to", "accounts"),
    "superseded_by": _text("The model that was activated meanwhile, so that the rest was left to it", null=True),
    "factors": _FACTORS,
}

_CREATED, _DELETED = Told(whole=("current",)), Told(whole=("previous",))
_CHANGE = Told(part=("previous", "current"), more={"changed": CHANGED})
_DELETED_WITH = Told(whole=("previous",), more={"deleted_with_it": _WITH_IT})
_PLAIN = {"created": _CREATED, "updated": _CHANGE, "deleted": _DELETED}
_STEP = Told(part=("previous", "current"), more={"changed": CHANGED, "reason": _REASON})

TOLD: dict[str, Told] = {
    "account.created": _CREATED,
    "account.updated": _CHANGE,
    "account.deleted": _DELETED,
    "account.restored": _CREATED,
    "account.owner_changed": _CHANGE,
    "account.classified": Told(more={**_both(_STANDING), **_WHY}, optional={"reason": _REASON}),
    "account.quadrant_changed": Told(more={**_both(_AXES), **_WHY}, optional={"reason": _REASON}),
    "portfolio.reclassified": Told(more=_RECLASSIFIED),
    "account.stage_changed": Told(
        more={
            "previous": _STAGE,
            "current": _STAGE,
            "changed": CHANGED,
            "reason": _REASON,
            "evidence": _text("What it rests on", null=True),
            "effective_on": _text("The day it took effect, YYYY-MM-DD"),
        }
    ),
    "account.target_stage_changed": Told(
        more={"previous": _TARGET, "current": _TARGET, "changed": CHANGED, "reason": _REASON}
    ),
    "account.status_changed": Told(
        more={
            **_both({"status": _text("Where the account is on its path")}),
            "changed": CHANGED,
            "reason": _REASON,
            "evidence": _text("What it rests on", null=True),
            "agreement": {
                "type": ["object", "null"],
                "description": "With the step to agreed: who agreed for the customer, and when",
            },
        }
    ),
    "account.forecast_changed": Told(
        more={
            "previous": _FORECAST,
            "current": _FORECAST,
            "changed": CHANGED,
            "reason": _REASON,
            "model": _MODEL,
        }
    ),
    "webhook_endpoint.failing": Told(
        more={"percent": {"type": "integer", "description": "25, 50 or 75: how much of the time has passed"}}
    ),
    "webhook_endpoint.enabled": Told(optional={"held": _text("What became of what was held: resume, drop or replay")}),
    "account.general_portfolio_changed": Told(
        more={"previous": _GENERAL, "current": _GENERAL, "changed": CHANGED, "reason": _REASON}
    ),
    "webhook.test": Told(more={"webhook_endpoint": {"$ref": "#/$defs/WebhookEndpointRead"}}),
    "scoring_model.activated": Told(
        more={
            "previous": _object(
                "The model before, if there was one",
                {"id": _text("Its id"), "name": _text("Its name"), "number": {"type": "integer"}},
                type=["object", "null"],
            )
        }
    ),
    **{
        f"{kind}.{verb}": told
        for kind in ("stakeholder", "person", "plan", "objective", "action")
        for verb, told in (("created", _CREATED), ("updated", _CHANGE), ("deleted", _DELETED))
    },
    **{f"plan.{verb}": _STEP for verb in ("reopened", "submitted", "approved", "activated", "closed")},
    "objective.achieved": _CHANGE,
    "objective.missed": _CHANGE,
    "action.completed": _CHANGE,
    **{f"{kind}.deleted": _DELETED_WITH for kind in ("plan", "objective")},
}
"""By type; a type that is not here tells of its record and nothing more."""


@lru_cache(maxsize=1)
def definitions() -> Schema:
    """The read models that schemas refer to, as `$defs`."""
    models = [*_MODELS, *dict.fromkeys(kind.record for kind in catalogue().values() if kind.record is not None)]
    _, made = models_json_schema([(model, "serialization") for model in models], ref_template="#/$defs/{model}")
    found: Schema = made["$defs"]
    return found


def data_schema(kind: type[Event]) -> Schema:
    """The schema of an event's `data`, referring to `$defs`."""
    record, _, verb = kind.type.partition(".")
    told = TOLD.get(kind.type) or (_PLAIN[verb] if kind.record is not None else Told())
    about_account = issubclass(kind, AccountEvent)
    read = kind.record or RECORDS.get(record)
    members: dict[str, Schema] = {}
    if about_account or record in _OF_AN_ACCOUNT or kind.of_account:
        members["account"] = _account()
    if not about_account and read is not None:
        members[record] = {"$ref": f"#/$defs/{read.__name__}"}
    model = AccountRead if about_account else read
    for name in (*told.whole, *told.part):
        assert model is not None, kind.type  # noqa: S101 - a mistake of this file
        members[name] = _record(model, name, whole=name in told.whole)
    members |= told.more
    return _object("What it is about", {**members, **told.optional}, tuple(told.optional))


def schema(kind: type[Event]) -> Schema:
    """The schema of the whole event: the envelope of Standard Webhooks with what this type tells."""
    cause = _object(
        "Who or what brought it about",
        {
            "kind": _text("user, job, delivery, import ..."),
            "origin": _text("What brought it about, if that was not a caller", null=True),
            "key_id": _text("The API key of the caller", null=True),
            "request_id": _text("The request, as X-Request-Id said", null=True),
        },
        ("key_id", "request_id"),
        additionalProperties=True,
    )
    body = _object(
        " ".join((kind.__doc__ or "").split()),
        {
            "id": _text("The event's id, also the header webhook-id", format="uuid"),
            "type": {"const": kind.type, "description": "What happened"},
            "timestamp": _text("When it happened, RFC 3339 in UTC", format="date-time"),
            "data": data_schema(kind),
            "cause": cause,
        },
    )
    head = {"$schema": DIALECT, "$id": f"urn:kam:event:{kind.type}:{kind.version}", "title": kind.type}
    return {**head, **body, "$defs": _used(body)}


def strict(made: Schema) -> Schema:
    """The same schema, closed: a member that is not written down is refused."""
    return _closed(made)  # type: ignore[no-any-return]


def schemas() -> dict[str, Schema]:
    """Every event's schema, by type."""
    return {name: schema(kind) for name, kind in catalogue().items()}


def _account() -> Schema:
    return _object(
        "The account",
        {
            "id": _text("Its id", format="uuid"),
            "name": _text("Its name"),
            "version": {"type": "integer", "description": "Its version with this change; drop what is older"},
            "refs": {"type": "array", "items": {"$ref": "#/$defs/Reference"}, "description": "Its ids elsewhere"},
        },
    )


def _record(model: type[BaseModel], name: str, *, whole: bool) -> Schema:
    if whole:
        return {"$ref": f"#/$defs/{model.__name__}"}
    told = "was" if name == "previous" else "is"
    properties = definitions()[model.__name__]["properties"]
    return {"type": "object", "description": f"What each changed member {told}", "properties": properties}


def _used(body: Schema) -> Schema:
    """The definitions that a schema refers to, and those that they refer to."""
    used: Schema = {}
    waiting = list(_references(body))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions()[name]
            waiting += _references(used[name])
    return dict(sorted(used.items()))


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
        return own + [name for value in node.values() for name in _references(value)]
    return [name for value in node for name in _references(value)] if isinstance(node, list) else []


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    made = {name: _closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") in ("object", ["object", "null"]):
        made.setdefault("additionalProperties", False)
    return made
