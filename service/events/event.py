"""An event: a fact about one record, declared once as a class with its type, version, payload, facets and reader.

Import declarations from the file of their subject; `catalogue` knows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from service.access.policy import Permission
from service.events.content import FACETS, content_of
from service.events.payload import CHANGE, CREATED, DELETED, Payload

ReadModel = type[BaseModel]
DECLARED: dict[str, type[Event]] = {}
"""Every event class by its type, in the order in which the classes were defined."""


@dataclass(frozen=True)
class Event:
    """A fact about one record. `data` is the payload; deliveries of one `account_id` keep their order.

    A subclass declares `type` and `permission`, or says `abstract=True`; anything else fails with TypeError when the
    class is defined, so no event can be readable by default.
    """

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1
    permission: ClassVar[Permission]
    """What a key must hold to receive the event: the permission of the operation that reads the same data."""
    also_needs: ClassVar[tuple[Permission, ...]] = ()
    """Further permissions, all of them needed, where that operation asks for several."""
    payload: ClassVar[Payload] = Payload()
    """Members of `data` beside the account and the record."""
    record: ClassVar[ReadModel | None] = None
    """The read model of the record in `data`; for an event about an account, of its previous and current members."""
    of_account: ClassVar[bool] = False
    """Whether `data.account` names the account."""
    facets: ClassVar[tuple[str, ...]] = ()
    """Members of the account by which a subscription can filter the event."""

    subject_id: str
    subject_version: int
    data: dict[str, Any] = field(default_factory=dict)
    account_id: str | None = None
    content: dict[str, list[str]] | None = None
    """Values that subscriptions filter by; see content.py."""

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        super().__init_subclass__()
        if abstract:
            return
        missing = [name for name in ("type", "permission") if name not in cls.__dict__]
        if missing:
            raise TypeError(f"{cls.__name__} must declare {' and '.join(missing)}")
        if cls.type in DECLARED:
            raise TypeError(f"{cls.__name__} declares {cls.type} a second time")
        DECLARED[cls.type] = cls

    @property
    def subject_kind(self) -> str:
        """The kind of record that the event is about: the part of its type before the dot."""
        return self.kind()

    @classmethod
    def kind(cls) -> str:
        """The part of the type before the dot."""
        return cls.type.partition(".")[0]

    @classmethod
    def permissions(cls) -> tuple[Permission, ...]:
        """Every permission that a key must hold to receive the event."""
        return (cls.permission, *cls.also_needs)

    @classmethod
    def description(cls) -> str:
        """What the event says, for readers of the API: the docstring on one line."""
        return " ".join((cls.__doc__ or "").split())


def account_summary(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account as every payload names it: id, name, version, refs."""
    return {name: account[name] for name in ("id", "name", "version", "refs")}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return `previous`, `current` and `changed` of two documents of the same record. `version` and `updated_at`, which
    every write changes, are left out.
    """
    changed = [name for name in after if name not in ("version", "updated_at") and before.get(name) != after[name]]
    return {
        "previous": {name: before.get(name) for name in changed},
        "current": {name: after[name] for name in changed},
        "changed": changed,
    }


class AccountEvent(Event, abstract=True):
    """An event whose subject is an account."""

    of_account = True
    facets = FACETS

    @classmethod
    def of(cls, account: Mapping[str, Any], **data: Any) -> Self:
        """Return the event about an account as it is now."""
        payload = {"account": account_summary(account), **data}
        content = content_of(account, data.get("changed"), data.get("previous"), data.get("current"), facets=cls.facets)
        return cls(account["id"], account["version"], payload, account["id"], content)

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any], **data: Any) -> Self:
        """Return the event about the change of an account from one document to another."""
        return cls.of(after, **difference(before, after), **data)


class RecordEvent(Event, abstract=True):
    """An event about a record, which may belong to an account. `data.account` is the account's summary, or its id alone
    when no account is given; `data.<kind>` is the record.
    """

    @classmethod
    def of(cls, record: Mapping[str, Any], account: Mapping[str, Any] | None = None, **data: Any) -> Self:
        """Return the event about a record as it is now."""
        account_id = record.get("account_id")
        head: dict[str, Any] = {"account": {"id": account_id}} if account_id else {}
        if account is not None:
            head = {"account": account_summary(account)}
        payload = {**head, cls.kind(): dict(record), **data}
        content = content_of(account, data.get("changed"), facets=cls.facets)
        return cls(record["id"], record["version"], payload, account_id, content)

    @classmethod
    def between(
        cls, before: Mapping[str, Any], after: Mapping[str, Any], account: Mapping[str, Any] | None = None, **data: Any
    ) -> Self:
        """Return the event about the change of a record from one document to another."""
        return cls.of(after, account, **difference(before, after), **data)


AnyRecordEvent = AccountEvent | RecordEvent


@dataclass(frozen=True)
class RecordEvents:
    """The events of a plain record."""

    created: type[AnyRecordEvent]
    updated: type[AnyRecordEvent]
    deleted: type[AnyRecordEvent]
    restored: type[AnyRecordEvent]


def record_events(
    kind: str, model: type[BaseModel], permission: Permission, *, of_account: bool = True, deleted: Payload = DELETED
) -> RecordEvents:
    """Declare the events `<kind>.created`, `.updated`, `.deleted` and `.restored` of a plain record. `model` is its
    read model; `of_account` says whether the record belongs to an account, `deleted` what the event of a deletion
    carries.
    """
    name = kind.replace("_", " ")
    article = "An" if name[0] in "aeiou" else "A"
    return RecordEvents(
        record_event(f"{kind}.created", model, permission, f"{article} {name} was created.", CREATED, of_account),
        record_event(f"{kind}.updated", model, permission, f"Fields of {article.lower()} {name} changed.", CHANGE,
                     of_account),
        record_event(f"{kind}.deleted", model, permission, f"{article} {name} was deleted.", deleted, of_account),
        record_event(f"{kind}.restored", model, permission, f"A deleted {name} was restored.", CREATED, of_account),
    )  # fmt: skip


def record_event(
    event_type: str,
    model: type[BaseModel],
    permission: Permission,
    description: str,
    payload: Payload,
    of_account: bool = True,
) -> type[RecordEvent]:
    """Declare one event about a record; see `record_events`."""
    name = "".join(part.title() for part in event_type.replace(".", "_").split("_"))
    declared: dict[str, Any] = {
        "__doc__": description,
        "__module__": __name__,
        "type": event_type,
        "permission": permission,
        "payload": payload,
        "record": model,
        "of_account": of_account,
        "facets": FACETS if of_account else (),
    }
    return type(name, (RecordEvent,), declared)
