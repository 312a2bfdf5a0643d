"""The arguments of connections: page sizes, cursors, filters and orders, read with the same grammar, bounds and error
codes as REST's lists.

What they mean for the text of a statement is its `Form` (hashable); the values are bound. A cursor of a list in REST is
a cursor of the same list here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.framework.database.filters import Shaped, read_filter
from service.framework.database.listing import Listing, Sort, typed_value
from service.framework.database.pagination import Cursors
from service.framework.graph.calls import filter_tree
from service.framework.graph.edges import Graph
from service.framework.graph.limits import Limits
from service.framework.graph.pointers import point_into_arguments
from service.framework.graph.selection import Connection
from service.platform.errors import FieldError, Invalid
from service.platform.types import BIGGEST

_USUAL_SIZES = frozenset((*range(11), 20, 25, 50, 100, 200))
"""Page sizes written into the statement: PostgreSQL plans a bound LIMIT again at every run, which costs as much
as reading a small answer. Others are bound, so that statements stay few.
"""


@dataclass(frozen=True, slots=True)
class Form:
    """What the arguments of one connection mean for the text of the statement."""

    sort: tuple[Sort, ...]
    filter: Shaped = ()
    after: bool = False
    before: bool = False
    backward: bool = False
    rows: int | None = None
    """How many rows are read, where that stands in the text."""
    changed: bool = False
    """Whether the rows that changed after a position are read, in the order of their changes."""
    deleted: bool = False
    """Whether deleted rows are read too."""

    def listing_of(self, listing: Listing) -> Listing:
        """Return the listing that is read: of the present, with deleted rows, or in the order of changes."""
        if self.changed:
            return listing.changes  # type: ignore[no-any-return]
        return listing.with_deleted if self.deleted and listing.with_deleted is not None else listing


@dataclass(slots=True)
class PageArguments:
    """The arguments of one connection, read: the form, the page size, the values to bind (named for the connection's
    slot).
    """

    form: Form
    size: int
    listing: str
    binds: dict[str, Any] = field(default_factory=dict)


class Paging:
    """Reads the arguments of connections."""

    def __init__(self, graph: Graph, cursors: Cursors, limits: Limits) -> None:
        self._graph = graph
        self._cursors = cursors
        self._limits = limits

    def ask(
        self, connection: Connection, arguments: Mapping[str, Any], *, nested: bool, as_of: datetime | None = None
    ) -> PageArguments:
        """The meaning of a connection's arguments; raises Invalid and CursorInvalid with the parameter at fault.

        Cursors of what is looked back to (`as_of`) are bound to that instant, as in REST.
        """
        target = self._graph.types[connection.many.target]
        changed_after = arguments.get("changedAfter")
        deleted = bool(arguments.get("includeDeleted"))
        if changed_after is not None:
            _check_changed_after(changed_after, arguments, as_of)
        elif deleted and as_of is not None:
            message = "Not with asOf, which lists what existed then"
            raise Invalid.parameter("includeDeleted", "not_with_as_of", message)
        listing = target.listing if changed_after is None else target.listing.changes
        instants = () if as_of is None or target.past is None else (("as_of", as_of),)
        slot = connection.slot
        size, backward = self._size(arguments, nested)
        sort = self._sort(arguments.get("orderBy"), listing) or connection.many.sort or listing.default_sort
        name = listing.cursor_name(sort, instants)
        rows = size if connection.plain else size + 1
        usual = size in _USUAL_SIZES
        binds: dict[str, Any] = {} if usual else {f"n{slot}": rows}
        if changed_after is not None:
            binds[f"p{slot}"] = changed_after
        shape: Shaped = ()
        if arguments.get("filter") and target.filter is not None:
            types = connection.arguments.definition.args
            try:
                tree = filter_tree(arguments["filter"], types["filter"].type, target.filter)
                condition = read_filter(tree, listing.filters)
            except Invalid as error:
                point_into_arguments(error, types)
                raise
            shape = _renamed(condition.shape, slot)
            binds.update((f"{key}_{slot}", value) for key, value in condition.binds.items())
        after, before = arguments.get("after"), arguments.get("before")
        for parameter, prefix, cursor in (("after", "a", after), ("before", "b", before)):
            if cursor is not None:
                values = self._cursors.decode(name, cursor, parameter)
                for index, (value, (key, _)) in enumerate(zip(values, listing.keys(sort), strict=True)):
                    binds[f"{prefix}{slot}_{index}"] = typed_value(value, key.type)
        form = Form(
            sort, shape, after is not None, before is not None, backward, rows if usual else None,
            changed_after is not None, deleted,
        )  # fmt: skip
        return PageArguments(form, size, name, binds)

    def cursor(self, asked: PageArguments, values: Mapping[str, Any]) -> str:
        """The cursor of a row, from its sort values as the database wrote them."""
        plain = [str(value) if isinstance(value, float | int) else value for value in values.values()]
        return self._cursors.encode(asked.listing, plain)

    def _size(self, arguments: Mapping[str, Any], nested: bool) -> tuple[int, bool]:
        first, last = arguments.get("first"), arguments.get("last")
        if first is not None and last is not None:
            raise Invalid.parameter("last", "first_and_last", "Give first or last, not both")
        parameter, asked = ("last", last) if last is not None else ("first", first)
        if asked is None:
            return (self._limits.nested_page if nested else self._limits.default_page), False
        if not 0 <= asked <= self._limits.page:
            raise Invalid.parameter(parameter, "page_size", f"Must lie between 0 and {self._limits.page}")
        return asked, last is not None

    def _sort(self, order: Any, listing: Listing) -> tuple[Sort, ...]:
        keys = tuple(Sort(str(key["field"]), key.get("direction") == "desc") for key in order or ())
        if len({key.name for key in keys}) != len(keys):
            raise Invalid.parameter("orderBy", "duplicate_sort", "Name each sort key once")
        return keys


def _check_changed_after(position: Any, arguments: Mapping[str, Any], as_of: datetime | None) -> None:
    """Raise Invalid unless this is a position, and for what does not go with it: a row that leaves a filter would not
    be sent.
    """
    if type(position) is not int or not 0 <= position <= BIGGEST:
        raise Invalid.parameter("changedAfter", "position", f"Must be a whole number from 0 to {BIGGEST}")
    others = [name for name in ("filter", "orderBy") if arguments.get(name)]
    others += [] if as_of is None else ["asOf"]
    if others:
        message = "Not with changedAfter, which lists every record that changed in the order of the changes"
        raise Invalid([FieldError("not_with_changed_after", message, parameter=name) for name in others])


def _renamed(shape: Any, slot: int) -> Any:
    """A filter's form with its bind names made unique to a connection."""
    if not shape:
        return shape
    head = shape[0]
    if head in ("and", "or"):
        return (head, tuple(_renamed(part, slot) for part in shape[1]))
    if head == "not":
        return (head, _renamed(shape[1], slot))
    return shape if shape[1] == "is_null" else (head, shape[1], f"{shape[2]}_{slot}")
