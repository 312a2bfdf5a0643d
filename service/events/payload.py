"""The shape of a payload, as an event class declares it: members in JSON Schema beside the account and the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """The members of an event's data beside its account and its record. `whole` names the members (previous, current)
    that hold a whole record, `part` those that hold only the members that changed; `more` and `optional` are further
    members.
    """

    whole: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    more: Mapping[str, Schema] = field(default_factory=dict)
    optional: Mapping[str, Schema] = field(default_factory=dict)


def text(description: str, *, null: bool = False, **more: Any) -> Schema:
    """Return the schema of a text."""
    return {"type": ["string", "null"] if null else "string", "description": description, **more}


def number(description: str) -> Schema:
    """Return the schema of a number or null."""
    return {"type": ["number", "null"], "description": description}


def obj(description: str, members: Mapping[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """Return the schema of an object; every member is required except the `optional` ones."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "description": description, "properties": dict(members), "required": required, **more}


def before_and_after(members: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return `previous` and `current` with the same members."""
    return {"previous": obj("What was", members), "current": obj("What is", members)}


CHANGED: Schema = {"type": "array", "items": {"type": "string"}, "description": "The members that changed"}
REASON = text("Why, in the words of the caller", null=True)
_DELETED_WITH_IT: Schema = {
    "type": "object",
    "additionalProperties": {"type": "integer"},
    "description": "How many records were deleted with it, by kind",
}

CREATED, DELETED = Payload(whole=("current",)), Payload(whole=("previous",))
CHANGE = Payload(part=("previous", "current"), more={"changed": CHANGED})
STEP = Payload(part=("previous", "current"), more={"changed": CHANGED, "reason": REASON})
DELETED_WITH_PARTS = Payload(whole=("previous",), more={"deleted_with_it": _DELETED_WITH_IT})
