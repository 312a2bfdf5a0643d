"""People on our side: who owns accounts, plans and actions; by our id and by theirs."""

from __future__ import annotations

from typing import Any

from service.access.policy import Permission
from service.events.accounts import PERSON
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.models.accounts.people import PersonCreate
from service.platform.errors import Conflict, NotFound
from service.platform.types import Shape
from service.queries.accounts import refs as references
from service.queries.accounts.people import OWNED, PEOPLE
from service.records.context import Context, Transaction, operation
from service.records.rows import (
    Expected,
    add,
    change,
    differing,
    find_locked,
    lock,
    merged_refs,
    plain_refs,
    require,
    revise,
    set_refs_live,
)

KIND = "person"
_WORDS = {"accounts": ("account", "accounts"), "plans": ("open plan", "open plans"), "actions": ("action", "actions")}


async def get_person(ctx: Context, identifier: str) -> Resource:
    """One person by id; raises NotFound."""
    async with ctx.reading(Permission.PERSON_READ) as reader:
        return await require(reader, PEOPLE, identifier, KIND)


async def get_person_by_ref(ctx: Context, system: str, external_id: str) -> Resource:
    """One person by the reference in another system; raises NotFound."""
    async with ctx.reading(Permission.PERSON_READ) as reader:
        identifier = await reader.value(references.FIND, kind=KIND, system=system, external_id=external_id)
        if identifier is None:
            raise NotFound(KIND)
        return await require(reader, PEOPLE, identifier, KIND)


async def list_people(ctx: Context, request: PageRequest) -> Page:
    """A page of people."""
    async with ctx.reading(Permission.PERSON_READ) as reader:
        return await PEOPLE.page(reader, request, ctx.cursors)


@operation
async def create_person(ctx: Context, data: PersonCreate) -> Resource:
    """Add a person; raises ReferenceTaken."""
    async with ctx.transaction(Permission.PERSON_WRITE) as tx:
        return tx.answer(await _create(tx, data, plain_refs(data.refs)))


@operation
async def update_person(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent; raises NotFound, StaleVersion, ReferenceTaken. Without a difference nothing is written or
    told.
    """
    async with ctx.transaction(Permission.PERSON_WRITE) as tx:
        before = await lock(tx, PEOPLE, identifier, expected, KIND)
        values = patch.given()
        wanted = plain_refs(values.pop("refs")) if "refs" in values else None
        return tx.answer(await _revise(tx, before, values, wanted))


@operation
async def upsert_person(ctx: Context, system: str, external_id: str, data: PersonCreate) -> Resource:
    """Create the person with this reference, or bring it up to date: members that were not sent stay as they are. The
    outcome is created, updated or unchanged; unchanged writes and sends nothing.
    """
    own = {"system": system, "external_id": external_id}
    async with ctx.transaction(Permission.PERSON_WRITE) as tx:
        await tx.serialize([f"{KIND}/{system}/{external_id}"])
        identifier = await tx.value(references.FIND, kind=KIND, **own)
        before = None if identifier is None else await find_locked(tx, PEOPLE, identifier)
        had = [] if before is None else before.data["refs"]
        wanted = merged_refs(had, own, plain_refs(data.refs))
        if before is None:
            return tx.answer(await _create(tx, data, wanted))
        values = {name: getattr(data, name) for name in data.model_fields_set if name != "refs"}
        return tx.answer(await _revise(tx, before, values, wanted))


@operation
async def delete_person(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Mark a person as deleted; raises Conflict, with the numbers, while the person owns live accounts, plans that are
    not closed, or actions that are not done. Closed plans and done actions keep naming the person.
    """
    async with ctx.transaction(Permission.PERSON_WRITE) as tx:
        before = await lock(tx, PEOPLE, identifier, expected, KIND)
        owned = {name: count for name, count in ((await tx.one(OWNED, id=identifier)) or {}).items() if count}
        if owned:
            told = " and ".join(f"{count} {_WORDS[name][count > 1]}" for name, count in owned.items())
            raise Conflict(f"The person still owns {told}; give them to another first", members={"owned": owned})
        await set_refs_live(tx, [identifier], False)
        after = await change(tx, PEOPLE, identifier, {"deleted_at": tx.now})
        tx.emit(PERSON.deleted.of(after.data, previous=before.data))
        return tx.answer(after, "deleted")


async def _create(tx: Transaction, data: PersonCreate, refs: list[Any]) -> Resource:
    person = await add(tx, PEOPLE, KIND, data.model_dump(exclude={"refs"}), refs)
    tx.emit(PERSON.created.of(person.data, current=person.data))
    return person


async def _revise(tx: Transaction, before: Resource, values: dict[str, Any], refs: list[Any] | None) -> Resource:
    after = await revise(tx, PEOPLE, KIND, before, differing(before.data, values), refs)
    if after is not before:
        tx.emit(PERSON.updated.between(before.data, after.data))
    return after
