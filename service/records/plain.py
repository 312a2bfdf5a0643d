"""Plain records: one declaration gives the operations of a kind of record; REST and GraphQL are derived from it.

    SITE_VISIT = PlainRecord(
        "site visit", "site visits", SITE_VISITS,
        create=SiteVisitCreate, patch=SiteVisitPatch, read=SiteVisitRead,
        reads=Permission.ACCOUNT_READ, writes=Permission.ACCOUNT_WRITE, events=SITE_VISIT_EVENTS, parent=ACCOUNT,
    )

Each operation is one transaction with one permission, and emits its events inside it. Members that name another record
(foreign keys of the table) must name a live one, of the same account where it belongs to one. A rule of the record's
own is a small function given as a `Rule`; whatever does not fit is an operation beside the declaration.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import orjson
from pydantic import BaseModel, Field, create_model

from service.access.policy import Permission
from service.events.event import AnyRecordEvent, RecordEvents
from service.framework.database.database import Page, Resource
from service.framework.database.filters import filter_model
from service.framework.database.listing import Listing, PageRequest
from service.platform.errors import NotFound, RecordDeleted, ReferenceTaken
from service.platform.types import Id, Shape
from service.queries.accounts.refs import FIND
from service.records.batches import Batch, BatchShapes, Rows, batch_shapes
from service.records.changes import changed_page, listed
from service.records.context import Context, Transaction, operation, refuse
from service.records.kinds import ACCOUNT, NO_RULE, Kind, Members, Place, Rule
from service.records.links import links_of, require_links
from service.records.patching import patch_at_once
from service.records.refs import merged_refs, plain_refs, set_refs_live, upserted_refs, without_ref
from service.records.restoring import Found, find_by_ref, restore_below, take_refs_back
from service.records.rows import (
    Expected,
    add,
    change,
    check_version,
    delete_below,
    differing,
    lock,
    lock_account,
    lock_accounts,
    lock_owned,
    require,
    require_live,
    revise,
)
from service.records.words import Nouns, OperationText, words_of
from service.rules.vocabulary import OnDeleted


@dataclass(frozen=True, eq=False)
class PlainRecord(Kind):
    """A plain record: what it is called, its shapes, who may read and write it, its rules, and its operations."""

    _: KW_ONLY
    create: type[BaseModel]
    patch: type[Shape]
    read: type[BaseModel]
    reads: Permission
    writes: Permission
    events: RecordEvents
    parent: Kind | None = None
    """The kind it is created under; None for one that stands alone. A parent other than ACCOUNT has an account."""
    whole_list_first: bool = False
    """Whether `list_<names>` names the list of all records, and not the list of a parent."""
    creating: Rule = NO_RULE
    changing: Rule = NO_RULE
    deleting: Rule = NO_RULE
    restoring: Rule = NO_RULE
    checked_links: tuple[str, ...] = ()
    """Members that name another record, and that the record's own rules check."""
    deletes: Sequence[tuple[Listing, str]] = ()
    """What is deleted with it: listings, each with the column that names a record deleted in the step before."""
    also_emits: Callable[[Members, Members], Iterable[type[AnyRecordEvent]]] = lambda before, after: ()
    """The events of a change besides `updated`, of the documents before and after: of members that its rule checks."""

    @cached_property
    def filter(self) -> type[Shape]:
        """The nested filter of its lists."""
        return filter_model(f"{self.type_name}Filter", self.listing.filters)

    @cached_property
    def batch(self) -> BatchShapes:
        """The shapes of its batch; a row's record names its parent."""
        record = self.create
        if self.parent is not None:
            parent: Any = (Id, Field(description=f"The {self.parent.singular}"))
            record = create_model(
                f"{self.type_name}Upsert", __base__=record, __doc__=f"{self.one.capitalize()} to upsert.",
                **{self.parent.column: parent},
            )  # fmt: skip
        name = self.type_name
        return batch_shapes(
            self.singular, self.plural, self.name, record, body=f"{name}BatchUpsert", row=f"{name}BatchRow"
        )

    @cached_property
    def _links(self) -> Members:
        """The members that name other records, with the tables of those."""
        links = links_of(self.listing.table, self.create.model_fields)
        return {name: table for name, table in links.items() if name not in self.checked_links}

    @cached_property
    def words(self) -> Mapping[str, OperationText]:
        """The titles and descriptions of its operations, for REST and GraphQL."""
        above = () if self.parent is None else (self.parent.one, self.parent.plural)
        nouns = Nouns(self.one, self.singular, self.plural, self.name, *above)
        return words_of(nouns, creating=self.creating.says, changing=self.changing.says, deleting=self.deleting.says)

    # -- reading

    async def get(self, ctx: Context, identifier: str) -> Resource:
        """Return one record by id; raises NotFound."""
        async with ctx.reading(self.reads) as reader:
            return await require(reader, self.listing, identifier, self.name)

    async def get_by_ref(self, ctx: Context, system: str, external_id: str, parent_id: str | None = None) -> Resource:
        """Return one record of the parent by its reference in another system; raises NotFound."""
        async with ctx.reading(self.reads) as reader:
            identifier = await reader.value(FIND, kind=self.name, system=system, external_id=external_id)
            record = None if identifier is None else await self.listing.find(reader, identifier)
            if record is None or not self._is_under(record, parent_id):
                raise NotFound(self.name)
            return record

    async def list(self, ctx: Context, request: PageRequest, parent_id: str | None = None) -> Page:
        """Return a page of the records of a parent, or of all, or of those that changed after a position. Raises
        NotFound for a parent that is not live, CursorInvalid, and CursorExpired for a position beyond the last one.
        """
        if request.changed_after is not None:
            return await changed_page(ctx, self.reads, self.listing, request)
        listing = listed(self.listing, request)
        async with ctx.reading(self.reads) as reader:
            if parent_id is None or self.parent is None:
                return await listing.page(reader, request, ctx.cursors)
            await require_live(reader, self.parent.listing, parent_id, self.parent.name)
            return await listing.page(reader, request, ctx.cursors, where={self.parent.column: parent_id})

    # -- writing

    @operation
    async def add(self, ctx: Context, data: Any, parent_id: str | None = None) -> Resource:
        """Add a record. Raises NotFound for its parent, ReferenceTaken, Invalid, and what its rule refuses."""
        async with ctx.transaction(self.writes) as tx:
            place = await self._lock_place(tx, parent_id)
            return tx.answer(await self._add(tx, place, data, plain_refs(data.refs)))

    @operation
    async def change(self, ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
        """Change the members that were sent. Raises NotFound, StaleVersion, ReferenceTaken, Invalid, and what its rule
        refuses. Without a difference nothing is written and no event is emitted.
        """
        values = patch.given()
        if ctx.idempotency is None and self.is_free(values):
            async with ctx.single(self.writes) as tx:
                emits = self.events.updated.between
                record = await patch_at_once(tx, self.listing, identifier, values, expected, emits, self.name)
            if record is not None:
                return record
        async with ctx.transaction(self.writes) as tx:
            await self._begin(tx, [values])
            before, place = await self._lock(tx, identifier, expected)
            refs = merged_refs(before.data["refs"], plain_refs(values.pop("refs", ())))
            return tx.answer(await self._revise(tx, place, before, values, refs))

    @operation
    async def put_ref(
        self, ctx: Context, identifier: str, system: str, external_id: str, expected: Expected = None
    ) -> Resource:
        """Set a record's reference in one system; others stay. Raises NotFound, StaleVersion, ReferenceTaken, and
        Invalid for more than 20 references.
        """
        given = [{"system": system, "external_id": external_id}]
        async with ctx.transaction(self.writes) as tx:
            before, place = await self._lock(tx, identifier, expected)
            refs = merged_refs(before.data["refs"], given, "/external_id")
            return tx.answer(await self._revise(tx, place, before, {}, refs))

    @operation
    async def remove_ref(self, ctx: Context, identifier: str, system: str, expected: Expected = None) -> Resource:
        """Remove a record's reference in one system; others stay. Raises NotFound, also for a record without a
        reference there, and StaleVersion.
        """
        async with ctx.transaction(self.writes) as tx:
            before, place = await self._lock(tx, identifier, expected)
            return tx.answer(await self._revise(tx, place, before, {}, without_ref(before.data["refs"], system)))

    @operation
    async def upsert(
        self,
        ctx: Context,
        system: str,
        external_id: str,
        data: Any,
        parent_id: str | None = None,
        expected: Expected = None,
        on_deleted: OnDeleted = OnDeleted.RESTORE,
    ) -> Resource:
        """Create the parent's record with this reference, or change it: members that were not sent stay as they are.
        The outcome is created, restored, updated or unchanged; unchanged writes nothing and emits nothing. `expected`
        holds 0 where it may create or restore. Raises NotFound for the parent, ReferenceTaken when a record of another
        parent has the reference, StaleVersion, and RecordDeleted when a deleted record has it and is to stay so.
        """
        async with ctx.transaction(self.writes) as tx:
            await self._begin(tx, [data.model_dump(include=data.model_fields_set)])
            place = await self._lock_place(tx, parent_id)
            if self.parent is None:
                await tx.serialize([f"{self.name}/{system}/{external_id}"])
            alone = self.parent is None
            found = await find_by_ref(tx, self.listing, self.name, system, external_id, lock=alone)
            own = {"system": system, "external_id": external_id}
            return tx.answer(await self._upsert(tx, place, found, own, data, expected, on_deleted))

    @operation
    async def batch_upsert(self, ctx: Context, batch: Batch) -> Resource:
        """Upsert records by their references; each row has a result, and a row that is refused changes nothing."""
        async with ctx.transaction(self.writes) as tx:
            return tx.answer(await self.upserted(tx, batch.items, on_deleted=batch.on_deleted))

    @operation
    async def delete(self, ctx: Context, identifier: str, expected: Expected = None) -> Resource:
        """Mark a record as deleted, with the records below it; the event counts those. Raises NotFound, StaleVersion,
        and what its rule refuses.
        """
        async with ctx.transaction(self.writes) as tx:
            before, place = await self._lock(tx, identifier, expected)
            if self.deleting.check is not None:
                await self.deleting.check(tx, before.data, place)
            ids, below, counts = [identifier], [identifier], {}
            for listing, column in self.deletes:
                below = await delete_below(tx, listing.table, column, below)
                counts[listing.name] = len(below)
                ids += below
            await set_refs_live(tx, ids, False)
            after = await change(tx, self.listing, identifier, {"deleted_at": tx.now})
            counted = {"deleted_with_it": counts} if self.deletes else {}
            tx.emit(self.events.deleted.of(after.data, *place.owner, previous=before.data, **counted))
            return tx.answer(after, "deleted")

    # -- inside a transaction

    async def upserted(
        self,
        tx: Transaction,
        items: Sequence[dict[str, Any]],
        beside: Callable[[Any, Members], Any] | None = None,
        on_deleted: OnDeleted = OnDeleted.RESTORE,
    ) -> Resource:
        """Upsert the rows of a batch and return its result. `beside` returns the body of a row as it is to be written
        beside the present members of its record (none of a new one); it raises Invalid.
        """
        places: dict[str, Place] = {}
        parent = self.parent
        await self._begin(tx, [body for row in items for body in row.values() if isinstance(body, dict)])

        async def lock_places(bodies: Sequence[Any]) -> None:
            if parent is not None:
                places.update(await _lock_places(tx, parent, {getattr(body, parent.column) for body in bodies}))

        async def upsert(found: Found | None, own: dict[str, str], body: Any) -> Resource:
            if beside is not None:
                body = beside(body, {} if found is None else found.record.data)
            if parent is None:
                return await self._upsert(tx, Place(), found, own, body, on_deleted=on_deleted)
            place = places.get(getattr(body, parent.column))
            if place is None:
                raise refuse(f"/{parent.column}", "unknown_reference", f"There is no such {parent.singular}")
            return await self._upsert(tx, place, found, own, body, on_deleted=on_deleted)

        rows = Rows(self.listing, self.name, self.batch.row, lock_places if parent else None, upsert)
        return await rows.upserted(tx, items)

    async def _begin(self, tx: Transaction, given: Sequence[Members]) -> None:
        """Take locks that have to be taken before those of rows, for changes to these members; most kinds need none."""

    def is_free(self, values: Members) -> bool:
        """Return whether a change of these members depends on no rule and on no other record."""
        linked = not values.keys().isdisjoint((*self._links, *self.checked_links))
        return not linked and (self.changing.check is None or not self.changing.concerns(values))

    def _is_under(self, record: Resource, parent_id: str | None) -> bool:
        return self.parent is None or record.data[self.parent.column] == parent_id

    async def _lock(self, tx: Transaction, identifier: str, expected: Expected) -> tuple[Resource, Place]:
        """Return a record with its account, locked: the account where it has one, else the record itself."""
        if self.parent is None:
            return await lock(tx, self.listing, identifier, expected, self.name), Place()
        record, account = await lock_owned(tx, self.listing, identifier, expected, self.name)
        return record, Place(account=account)

    async def _lock_place(self, tx: Transaction, parent_id: str | None) -> Place:
        """Lock the account that the parent belongs to (or is); raises NotFound."""
        if self.parent is None:
            return Place()
        if parent_id is None:
            raise NotFound(self.parent.name)
        if self.parent is ACCOUNT:
            account = await lock_account(tx, parent_id)
            return Place(account, account)
        parent, account = await lock_owned(tx, self.parent.listing, parent_id, None, self.parent.name)
        return Place(parent.data, account)

    async def _add(self, tx: Transaction, place: Place, data: Any, refs: Sequence[Members]) -> Resource:
        values = data.model_dump(exclude={"refs"})
        if self.parent is not None and place.account is not None:
            values |= {"account_id": place.account["id"], self.parent.column: place.parent["id"]}
        if self.creating.check is not None:
            await self.creating.check(tx, place, values)
        await require_links(tx, self._links, values, values.get("account_id"))
        record = await add(tx, self.listing, self.name, values, refs)
        tx.emit(self.events.created.of(record.data, *place.owner, current=record.data))
        return record

    async def _revise(
        self, tx: Transaction, place: Place, before: Resource, values: Members, refs: Sequence[Members] | None
    ) -> Resource:
        changes = differing(before.data, values)
        if changes:
            if self.changing.check is not None and self.changing.concerns(changes):
                await self.changing.check(tx, before.data, changes)
            await require_links(tx, self._links, changes, before.data.get("account_id"))
        after = await revise(tx, self.listing, self.name, before, changes, refs)
        if after is not before:
            for event in (self.events.updated, *self.also_emits(before.data, after.data)):
                tx.emit(event.between(before.data, after.data, *place.owner))
        return after

    async def _upsert(
        self,
        tx: Transaction,
        place: Place,
        found: Found | None,
        own: dict[str, str],
        data: Any,
        expected: Expected = None,
        on_deleted: OnDeleted = OnDeleted.RESTORE,
    ) -> Resource:
        before = None if found is None else found.live
        under = found is not None and self._is_under(found.record, place.parent.get("id"))
        if before is not None and not under:
            raise ReferenceTaken("", before.id)
        check_version(before, expected)
        restored = found is not None and before is None and under and on_deleted != OnDeleted.CREATE
        if restored and found is not None:
            if on_deleted == OnDeleted.REFUSE:
                raise RecordDeleted(found.record.id)
            before = await self.restore(tx, place, found)
        refs = upserted_refs([] if before is None else before.data["refs"], own, plain_refs(data.refs))
        if before is None:
            return await self._add(tx, place, data, refs)
        values = {name: getattr(data, name) for name in data.model_fields_set & self.create.model_fields.keys()}
        values.pop("refs", None)
        after = await self._revise(tx, place, before, values, refs)
        after.outcome = "restored" if restored else after.outcome
        return after

    async def restore(self, tx: Transaction, place: Place, found: Found) -> Resource:
        """Bring a deleted record back, with what was deleted with it. Raises ReferenceTaken, and what its rule does."""
        identifier, mark = found.record.id, found.deleted_at
        if mark is None:
            raise ValueError("the record is not deleted")
        changes: dict[str, Any] = {"deleted_at": None}
        if self.restoring.check is not None:
            await self.restoring.check(tx, found.record.data, changes)
        ids, below = [identifier], [identifier]
        for listing, column in self.deletes:
            below = await restore_below(tx, listing.table, column, below, mark)
            ids += below
        await take_refs_back(tx, ids)
        after = await change(tx, self.listing, identifier, changes)
        tx.emit(self.events.restored.of(after.data, *place.owner, current=after.data))
        return after


async def _lock_places(tx: Transaction, parent: Kind, ids: Collection[str]) -> dict[str, Place]:
    """Lock the accounts of many parents; parents without a live account are missing from the answer."""
    if parent is ACCOUNT:
        return {key: Place(account, account) for key, account in (await lock_accounts(tx, ids)).items()}
    accounts = await lock_accounts(tx, {each["account_id"] for each in await _documents(tx, parent, ids)})
    read = await _documents(tx, parent, ids)  # as they are now that their accounts are locked
    return {each["id"]: Place(each, accounts[each["account_id"]]) for each in read if each["account_id"] in accounts}


async def _documents(tx: Transaction, kind: Kind, ids: Collection[str]) -> Sequence[Members]:
    """Return the live records with these ids, as they read."""
    return [orjson.loads(row["document"]) for row in await tx.all(kind.listing.by_ids(), ids=sorted(ids))]
