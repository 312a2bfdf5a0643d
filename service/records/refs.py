"""References to other systems inside a transaction, by one rule: a system that is named is set, others stay."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.database import ConstraintViolated
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.accounts.refs import refs
from service.platform.errors import NotFound
from service.records.context import Transaction, refuse, violated

MOST_REFS = 20
Ref = Mapping[str, Any]
"""A reference: `system` and `external_id`."""

_r = refs.c
_REMOVE_REFS = Statement(
    sa.delete(refs).where(_r.entity_id == bind("entity_id", _r.entity_id), one_of(_r.system, "systems"))
)
_ADD_REF = Statement(
    sa.insert(refs).values(
        {
            **{name: bind(name, _r[name]) for name in ("entity_id", "system", "external_id", "kind")},
            "live": sa.true(),
        }
    )
)
_SET_REFS_LIVE = Statement(sa.update(refs).where(one_of(_r.entity_id, "ids")).values(live=bind("live", sa.Boolean())))


def plain_refs(given: Iterable[Any]) -> list[Ref]:
    """Return reference models as plain values, ordered by system as documents show them. Raises Invalid unless each
    system is named once.
    """
    listed = [{"system": ref.system, "external_id": ref.external_id} for ref in given]
    if len({ref["system"] for ref in listed}) != len(listed):
        raise refuse("/refs", "duplicate_system", "Name each system once")
    return sorted(listed, key=lambda ref: ref["system"])


def merged_refs(had: Collection[Ref], given: Iterable[Ref], pointer: str = "/refs") -> list[Ref]:
    """Return the references of a record after a write: each system that is given is set, others stay. Raises Invalid at
    the pointer for more than 20.
    """
    merged = {ref["system"]: ref for ref in (*had, *given)}
    if len(merged) > max(MOST_REFS, len(had)):
        raise refuse(pointer, "too_many_references", f"A record has at most {MOST_REFS} references")
    return [merged[system] for system in sorted(merged)]


def upserted_refs(had: Collection[Ref], own: Ref, given: Sequence[Ref]) -> list[Ref]:
    """Return the references of a record after an upsert by the reference `own`. Raises Invalid when the body names
    another one in its system.
    """
    if any(ref["system"] == own["system"] and ref != own for ref in given):
        raise refuse("/refs", "contradicting_reference", f"The reference in {own['system']} is another one")
    return merged_refs(had, [*given, own])


def without_ref(had: Iterable[Ref], system: str) -> list[Ref]:
    """Return the references of a record without the one in a system; raises NotFound when it has none there."""
    left = [ref for ref in had if ref["system"] != system]
    if left == list(had):
        raise NotFound("reference")
    return left


async def set_refs(tx: Transaction, kind: str, entity_id: str, had: Iterable[Ref], wanted: Sequence[Ref]) -> None:
    """Write the difference between the references that a record has and those wanted; raises ReferenceTaken."""
    had = list(had)
    gone = [ref["system"] for ref in had if ref not in wanted]
    if gone:
        await tx.execute(_REMOVE_REFS, entity_id=entity_id, systems=gone)
    await add_refs(tx, kind, [(entity_id, ref) for ref in wanted if ref not in had])


async def add_refs(tx: Transaction, kind: str, pairs: Iterable[tuple[str, Ref]]) -> None:
    """Add references to records that have none of those systems yet; raises ReferenceTaken."""
    rows = [
        {"entity_id": entity_id, "system": ref["system"], "external_id": ref["external_id"], "kind": kind}
        for entity_id, ref in pairs
    ]
    try:
        if len(rows) == 1:
            await tx.execute(_ADD_REF, **rows[0])
        elif rows:
            await tx.many(_ADD_REF, rows)
    except ConstraintViolated as error:
        raise violated(error) from None


async def set_refs_live(tx: Transaction, ids: list[str], live: bool) -> None:
    """Free the references of deleted records for others, or take them back; raises ReferenceTaken."""
    try:
        await tx.execute(_SET_REFS_LIVE, ids=ids, live=live)
    except ConstraintViolated as error:
        raise violated(error) from None
