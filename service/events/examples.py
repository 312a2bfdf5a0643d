"""An example of every type of event: a whole envelope as receivers get it, made from the type's own schema.

Made and not written down, so that there is one for every type and none that has become untrue; the values come from
one table, so that the parts of an example fit each other. Ids and times are fixed: a document that shows an example
does not change by itself.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from service.events.catalogue import catalogue
from service.events.payload import Schema
from service.events.schemas import schema

AT = "2026-03-16T09:30:00.000000Z"


def _id(number: int) -> str:
    return f"019cf62c-1840-7000-8000-{number:012d}"


_ACCOUNT, _OWNER = _id(1), _id(2)
_NAMED: Mapping[str, Any] = {
    "account_id": _ACCOUNT, "owner_id": _OWNER, "parent_id": None, "event_id": _id(3), "endpoint_id": _id(4),
    "plan_id": _id(5), "objective_id": _id(6), "key_id": _id(7), "created_by": _id(7), "request_id": "a902c0e6eefd0001",
    "reports_to_id": None, "order_key": _ACCOUNT, "author_id": _OWNER, "recorded_by": _id(7), "origin": None,
    "name": "Aurelia Robotics", "title": "Grow the service business", "description": "Events for the data warehouse",
    "industry": "Industrial automation", "country": "DE", "currency": "EUR", "revenue": "1250000.00",
    "website": "https://aurelia.example", "url": "https://example.com/hooks/kam", "email": "kim@example.com",
    "phone": "+49 30 1234567", "function": "Purchasing", "system": "erp", "external_id": "ALFKI", "tags": ["key"],
    "attributes": {}, "quadrant": "strategic", "raw_quadrant": "strategic", "quadrant_source": "computed",
    "classification_status": "complete", "attractiveness": 7.25, "business_strength": 6.8, "relative_strength": 1.36,
    "status": "customer", "stage": "early_kam", "stage_cranfield": "Exploratory KAM",
    "cranfield_name": "Exploratory KAM", "target_stage": "mid_kam", "target_stage_name": "Mid-KAM",
    "target_stage_cranfield": "Basic KAM", "target_stage_on": "2027-06-30", "effective_on": "2026-03-16",
    "on": "2027-06-30", "reason": "A framework contract was signed", "target_stage_reason": "Potential",
    "evidence": "Minutes of the board meeting", "axis": "attractiveness", "factor": "growth", "missing": [],
    "verbs": ["invest"], "state": None, "event_types": ["account.*"], "event_type": "account.quadrant_changed",
    "body_map": None, "success": None, "auth": None, "headers": {}, "consent": None, "client_certificate": None,
    "summary": "Where we stand and what we want to reach",
    "expected_result": "A signed agreement", "metric": "share_of_wallet", "unit": "percent", "closed_on": None,
    "period_start": "2026-01-01", "period_end": "2026-12-31", "phone_number": None,
    "percent": 50, "held": "resume", "kind": "user", "changed": None, "filter": None, "error": None,
    "disabled_reason": None, "last_error_class": None, "number": 2, "version": 3, "deleted_with_it": {"objectives": 2},
}  # fmt: skip
"""Values by the names of members; a None that the schema does not take stands for "whatever fits"."""
_BEFORE: Mapping[str, Any] = {
    "general_portfolio": "non_key_easy",
    "quadrant": "star", "raw_quadrant": "star", "relative_strength": 0.94, "stage": "pre_kam", "title": "Grow",
    "stage_cranfield": "Pre-KAM", "cranfield_name": "Pre-KAM", "name": "Aurelia", "industry": "Automation",
    "status": "candidate", "owner_id": _id(8), "state": "draft",
}  # fmt: skip
"""What was before, where that is not the same."""
_CHANGING: Mapping[str, tuple[str, ...]] = {
    "account.owner_changed": ("owner_id",),
    "account.quadrant_changed": ("quadrant", "relative_strength"),
    "account.classified": ("quadrant", "relative_strength"),
    "account.stage_changed": ("stage",),
    "account.target_stage_changed": ("target_stage", "target_stage_on"),
    "account.updated": ("industry",),
    "account.status_changed": ("status",),
}
_WITHIN: Mapping[str, Mapping[str, Any]] = {
    "person": {"name": "Kim Berger"},
    "stakeholder": {"name": "Robin Vogt", "title": "Head of Purchasing", "email": "robin@example.com"},
    "scoring_model": {"name": "Default"},
    "model": {"name": "Default", "version": 1},
    "webhook_endpoint": {"description": "CRM", "state": "enabled"},
    "delivery": {"state": "dead", "last_error_class": "http"},
    "action": {"title": "Agree on the service levels"},
}
"""Values of members within a record of a kind."""
_STATES: Mapping[str, tuple[str, str]] = {
    "submitted": ("draft", "submitted"), "approved": ("submitted", "approved"), "activated": ("approved", "active"),
    "closed": ("active", "closed"), "reopened": ("submitted", "draft"), "achieved": ("open", "achieved"),
    "missed": ("open", "missed"), "completed": ("open", "completed"),
}  # fmt: skip
"""The state before and after an event, by what it says happened."""
_PLACED: Mapping[tuple[str, str], Any] = {
    ("account.stage_changed", "previous.name"): "Pre-KAM",
    ("account.stage_changed", "current.name"): "Early KAM",
    ("account.classified", "previous.status"): "complete",
    ("account.classified", "current.status"): "complete",
    ("account.classified", "cause"): "attractiveness",
    ("account.quadrant_changed", "cause"): "attractiveness",
    ("account.classified", "factors.previous"): {"score": 5},
    ("account.classified", "factors.current"): {"score": 8},
    ("account.quadrant_changed", "factors.previous"): {"score": 5},
    ("account.quadrant_changed", "factors.current"): {"score": 8},
}
"""Values at one place of one type."""


def example(event_type: str) -> dict[str, Any]:
    """The example of a type; raises KeyError for one that does not exist."""
    return _Maker(event_type).envelope()


@lru_cache(maxsize=1)
def examples() -> dict[str, dict[str, Any]]:
    """An example of every type, by its name."""
    return {name: example(name) for name in catalogue()}


class _Maker:
    """Makes one example, member by member."""

    def __init__(self, event_type: str) -> None:
        self._type = event_type
        self._kind = event_type.partition(".")[0]
        self._schema = schema(catalogue()[event_type])
        self._changed: tuple[str, ...] = ()
        self._made = 100

    def envelope(self) -> dict[str, Any]:
        parts = self._schema["properties"]
        self._changed = self._changing(parts["data"]["properties"])
        return {
            "id": _id(99),
            "type": self._type,
            "timestamp": AT,
            "data": self._object(parts["data"], (), whole=True),
            "cause": {"kind": "user", "origin": None, "key_id": _id(7), "request_id": "a902c0e6eefd0001"},
        }

    def _changing(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        """The members that the example changes."""
        if self._type in _CHANGING:
            return _CHANGING[self._type]
        known = data.get("current", {}).get("properties", {})
        if self._type.endswith(".updated"):
            return tuple(name for name in ("title", "name") if name in known)[:1] or tuple(known)[:1]
        return ("state",) if "state" in known else tuple(known)[:1]

    def _value(self, node: Schema, path: tuple[str, ...]) -> Any:
        node = self._resolved(node)
        if "const" in node:
            return node["const"]
        fitting = self._named(node, path)
        if fitting is not None:
            return fitting
        if self._takes_null(node) and self._null_by_name(path):
            return None
        for several in ("anyOf", "oneOf"):
            if several in node:
                return self._value(next(one for one in node[several] if one.get("type") != "null"), path)
        if "allOf" in node:
            return self._value(node["allOf"][0], path)
        if "enum" in node:
            return next(value for value in node["enum"] if value is not None)
        if node.get("examples"):
            return node["examples"][0]
        kind = node.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), None)
        if kind == "object" or "properties" in node:
            return self._object(node, path)
        if kind == "array":
            return [self._value(node.get("items", {}), path)] if node.get("minItems", 0) or "items" in node else []
        return self._scalar(str(kind), node, path)

    def _object(self, node: Schema, path: tuple[str, ...], *, whole: bool = False) -> dict[str, Any]:
        members = node.get("properties", {})
        names = list(members)
        if not whole and not node.get("required") and path and path[-1] in ("previous", "current"):
            names = [name for name in names if name in self._changed]
        return {name: self._value(members[name], (*path, name)) for name in names}

    def _scalar(self, kind: str, node: Schema, path: tuple[str, ...]) -> Any:
        if kind == "boolean":
            return bool(node.get("default", True))
        if kind in ("integer", "number"):
            return max(node.get("minimum", 1), node.get("exclusiveMinimum", 0) + 1 if kind == "integer" else 0, 1)
        if node.get("format") == "date-time":
            return AT
        if node.get("format") == "date":
            return "2026-12-31"
        if node.get("format") == "uuid":
            self._made += 1
            return _id(self._made)
        found = re.fullmatch(r"\^\(?(?:\?:)?([a-z0-9_]+)(?:\|.*)?\)?\$", node.get("pattern", ""))
        return found[1] if found else path[-1].replace("_", " ")

    def _named(self, node: Schema, path: tuple[str, ...]) -> Any:
        """The table's value for a member, if the schema takes it; None if not."""
        name = path[-1] if path else ""
        if name == "changed" and len(path) == 1:
            return list(self._changed)
        if name == "id" and "account" in path[-2:-1]:
            return _ACCOUNT
        if name == "id" and path in (("previous", "id"), ("current", "id")) and self._kind == "account":
            return _ACCOUNT
        placed = _PLACED.get((self._type, ".".join(path)))
        if placed is not None:
            return placed
        before = bool(path) and path[0] == "previous"
        within = self._kind if path[:1] in (("previous",), ("current",)) else path[-2] if len(path) > 1 else ""
        states = _STATES.get(self._type.partition(".")[2])
        state: Mapping[str, Any] = {"state": states[0 if before else 1]} if states else {}
        tables = (state, _BEFORE if before else {}, _WITHIN.get(within, {}), _NAMED)
        for table in tables:
            value = table.get(name)
            if value is not None and self._fits(node, value):
                return value
        return None

    def _null_by_name(self, path: tuple[str, ...]) -> bool:
        return bool(path) and path[-1] in _NAMED and _NAMED[path[-1]] is None

    def _takes_null(self, node: Schema) -> bool:
        kinds = node.get("type")
        return (
            kinds == "null"
            or (isinstance(kinds, list) and "null" in kinds)
            or any(one.get("type") == "null" for one in node.get("anyOf", ()))
        )

    def _fits(self, node: Schema, value: Any) -> bool:
        """Whether a schema takes a value, as far as the table needs it."""
        node = self._resolved(node)
        if "anyOf" in node:
            return any(self._fits(one, value) for one in node["anyOf"])
        if "enum" in node:
            return value in node["enum"]
        kinds = node.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        names = {
            "str": ["string"],
            "int": ["integer", "number"],
            "float": ["number"],
            "list": ["array"],
            "dict": ["object"],
        }
        if not set(names.get(type(value).__name__, ())) & set(kinds):
            return False
        if isinstance(value, int | float):
            return bool(node.get("minimum", value) <= value <= node.get("maximum", value))
        if isinstance(value, str):
            return re.search(node.get("pattern", ""), value) is not None
        if isinstance(value, list):
            return all(self._fits(node.get("items", {"type": "string"}), each) for each in value)
        return True

    def _resolved(self, node: Schema) -> Schema:
        while "$ref" in node:
            node = self._schema["$defs"][node["$ref"].rpartition("/")[2]]
        return node
