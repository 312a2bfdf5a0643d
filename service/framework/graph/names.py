"""The two spellings of a name: `owner_id` in REST, the database and the events, `ownerId` in GraphQL."""

from __future__ import annotations


def camel(name: str) -> str:
    """`owner_id` as GraphQL writes it: `ownerId`."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def snake(name: str) -> str:
    """`ownerId` as REST writes it: `owner_id`."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
