"""What an event is: a fact about one record, with what it says of the account and of the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel

from service.access.policy import Permission
from service.events.content import content_of

Model = type[BaseModel]


@dataclass(frozen=True)
class Event:
    """A fact about one record. `data` is what the envelope carries; `account` orders deliveries: events of one
    account go out in order.
    """

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1
    record: ClassVar[Model | None] = None
    """How the record reads that a plain record's event is about."""
    reader: ClassVar[Permission | None] = None
    """Who may read it, where the event's class says so."""
    of_account: ClassVar[bool] = False

    subject_id: str
    subject_version: int
    data: dict[str, Any] = field(default_factory=dict)
    account_id: str | None = None
    content: dict[str, list[str]] | None = None
    """What subscriptions filter by; see content.py."""

    @property
    def subject_kind(self) -> str:
        """What the event is about: the part of its name before the dot."""
        return self.type.partition(".")[0]


def account_summary(account: Mapping[str, Any]) -> dict[str, Any]:
    """What every event says of its account: id, name, version, refs."""
    return {name: account[name] for name in ("id", "name", "version", "refs")}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """`previous`, `current` and `changed` of two documents of the same record; what every write changes (version,
    updated_at) is left out.
    """
    changed = [name for name in after if name not in ("version", "updated_at") and before.get(name) != after[name]]
    return {
        "previous": {name: before.get(name) for name in changed},
        "current": {name: after[name] for name in changed},
        "changed": changed,
    }


class RecordEvent(Event):
    """An event about a record that may belong to an account: `data.account` sums the account up (its id alone when no
    summary is given), `data.<kind>` is the record.
    """

    @classmethod
    def of(cls, record: Mapping[str, Any], account: Mapping[str, Any] | None = None, **data: Any) -> Event:
        """The event about a record as it is now."""
        kind = cls.type.partition(".")[0]
        account_id = record.get("account_id")
        head: dict[str, Any] = {"account": {"id": account_id}} if account_id else {}
        if account is not None:
            head = {"account": account_summary(account)}
        told = {**head, kind: dict(record), **data}
        return cls(record["id"], record["version"], told, account_id, content_of(account, data.get("changed")))

    @classmethod
    def between(
        cls, before: Mapping[str, Any], after: Mapping[str, Any], account: Mapping[str, Any] | None = None, **data: Any
    ) -> Event:
        """The event about a record's change."""
        return cls.of(after, account, **difference(before, after), **data)


class RecordEvents(NamedTuple):
    """The events of a kind of record's own changes."""

    created: type[RecordEvent]
    updated: type[RecordEvent]
    deleted: type[RecordEvent]


def record_events(
    kind: str, model: type[BaseModel], permission: Permission, *, of_account: bool = True
) -> RecordEvents:
    """Return the events `<kind>.created`, `.updated` and `.deleted` of a plain record: `model` is how it reads,
    `permission` who may read its events.
    """
    noun = kind.replace("_", " ")
    one = f"{'An' if noun[0] in 'aeio' else 'A'} {noun}"
    says = {
        "created": f"{one} was added.",
        "updated": f"Fields of {one.lower()} changed.",
        "deleted": f"{one} was removed.",
    }
    stem = kind.title().replace("_", "")
    made = [
        type(
            f"{stem}{verb.title()}",
            (RecordEvent,),
            {
                "__doc__": says[verb], "__module__": __name__, "type": f"{kind}.{verb}", "record": model,
                "reader": permission, "of_account": of_account,
            },
        )
        for verb in RecordEvents._fields
    ]  # fmt: skip
    return RecordEvents(*made)
