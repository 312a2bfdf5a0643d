"""Arguments of the REST API's endpoints: the caller's context, and list queries derived from a listing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BaseModel, Field, StringConstraints, create_model

from service.framework.database.filters import flat_parameters, flat_tree, read_filter
from service.framework.database.listing import Listing, PageRequest, read_sort
from service.framework.web.admission import admitted
from service.platform.errors import FieldError, Invalid
from service.platform.moments import Moment
from service.platform.patterns import list_of
from service.platform.types import COMPOSED, CURSOR, NOT_BLANK, SLUG, BigCount, Flag, Limit, Search, Shape
from service.records.context import Context

Caller = Annotated[Context, Depends(admitted)]
"""The caller's context, made from the key; replace `admitted` in `app.dependency_overrides` to give another."""

Cursor = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=CURSOR)]
System = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=SLUG)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NOT_BLANK), COMPOSED]


_COUNT: Any = (
    Literal["exact", "estimated"] | None,
    Field(default=None, description="Count all records: exact, or estimated (10,000 where there are more)"),
)


_WITH_CHANGED_AFTER = frozenset(("changed_after", "include_deleted", "limit", "after", "count"))


class PageQuery(Shape):
    """Query of a list without filters."""

    limit: Limit = Field(default=50, description="Items per page, 1 to 200")
    after: Cursor | None = Field(default=None, description="The `next_cursor` of the previous page; opaque")


AS_OF: Mapping[str, Any] = {
    "as_of": (
        Moment | None,
        Field(
            default=None,
            description="Read as of an instant, or of a day (its last moment). Position and stage are as of then; "
            "members without a history are as today",
        ),
    )
}


CHANGED_AFTER: Mapping[str, Any] = {
    "changed_after": (
        BigCount | None,
        Field(
            default=None,
            description="For syncs: the records that changed after this position, in the order of their changes, "
            "deleted ones too, each with `changed_position` and `deleted_at`. 0 gives every record; then ask with the "
            "greatest `changed_position` that you have. Not with filters, `sort`, `q` or `as_of`",
        ),
    )
}
INCLUDE_DELETED: Mapping[str, Any] = {
    "include_deleted": (
        Flag,
        Field(default=False, description="Whether deleted records are listed too; every record shows `deleted_at`"),
    )
}


class AsOfQuery(Shape):
    """Query of a record that can be read as of an earlier instant."""

    as_of: Moment | None = AS_OF["as_of"][1]


def looked_back(query: Any) -> date | datetime | None:
    """Return the moment that a list's query or a search's body looks back to, if any."""
    moment: date | datetime | None = query.as_of
    return moment


def list_query(
    name: str, listing: Listing, *, without: Collection[str] = (), more: Mapping[str, Any] | None = None
) -> type[Shape]:
    """Return the query shape of a list: page, sort, count, text search and a parameter for each filter of the listing.

    `without` names filters that the path already sets, and `more` gives further members.
    """
    sorts = f"(?:{'|'.join(f'-?{key}' for key in listing.sorts)})"
    keys = f"a sort key, one of {', '.join(listing.sorts)}, with a leading - to reverse it"
    members: dict[str, Any] = {**({} if "count" in without else {"count": _COUNT}), **(more or {})}
    if listing.sorts:
        members["sort"] = (
            Annotated[str, StringConstraints(max_length=200, pattern=list_of(sorts, keys))] | None,
            Field(default=None, description="Sort keys, comma-separated; a leading - reverses; null sorts lowest"),
        )
    if "name" in listing.filters:
        members["q"] = (
            Search | None,
            Field(default=None, description="Text that the name contains, whatever its case: `strasse` finds `Straße`"),
        )
    return create_model(
        name,
        __base__=PageQuery,
        __doc__=f"Query of the list of {listing.name}.",
        **members,
        **flat_parameters({key: item for key, item in listing.filters.items() if key not in without}),
    )


def page_request(query: BaseModel, listing: Listing) -> PageRequest:
    """Return the page that a list's query asks for; raises Invalid."""
    values: Mapping[str, Any] = {name: getattr(query, name) for name in query.model_fields_set}
    if values.get("changed_after") is not None:
        require_alone(values)
    if values.get("include_deleted") and values.get("as_of") is not None:
        message = "Not with as_of, which lists the accounts that existed then"
        raise Invalid.parameter("include_deleted", "not_with_as_of", message)
    tree = flat_tree(values, listing.filters)
    if values.get("q") is not None:
        tree.setdefault("name", {})["contains"] = values["q"]
    return PageRequest(
        limit=values.get("limit", 50),
        after=values.get("after"),
        sort=read_sort(values.get("sort"), listing),
        condition=read_filter(tree, listing.filters),
        count=values.get("count"),
        changed_after=values.get("changed_after"),
        include_deleted=values.get("include_deleted", False),
    )


def require_alone(values: Mapping[str, Any]) -> None:
    """Raise Invalid for what a list in the order of changes does not take beside its position: a record that leaves a
    filter would not be sent, so a sync would keep it as it was.
    """
    message = "Not with changed_after, which lists every record that changed in the order of the changes"
    others = [name for name, value in values.items() if value is not None and name not in _WITH_CHANGED_AFTER]
    if others:
        raise Invalid([FieldError("not_with_changed_after", message, parameter=name) for name in others])


def search_shape(
    name: str, listing: Listing, filter_type: type[Shape], *, more: Mapping[str, Any] | None = None
) -> type[Shape]:
    """Return the body of a search: the nested filter grammar with page, sort, count and `more` members."""
    keys: Any = Literal[tuple(f"{sign}{key}" for key in listing.sorts for sign in ("", "-"))]
    members: dict[str, Any] = {
        "filter": (filter_type | None, Field(default=None, description="The filter")),
        "sort": (
            Annotated[list[keys], Field(max_length=5)],
            Field(default_factory=list, description="Sort keys; a leading - reverses"),
        ),
        "count": _COUNT,
    }
    return create_model(
        name,
        __base__=PageQuery,
        __doc__=f"A search of {listing.name} with the nested filter grammar.",
        **members,
        **(more or {}),
    )


def search_request(body: Any, listing: Listing) -> PageRequest:
    """Return the page that a search's body asks for; raises Invalid."""
    tree = None if body.filter is None else body.filter.model_dump(by_alias=True, exclude_unset=True)
    return PageRequest(
        limit=body.limit,
        after=body.after,
        sort=read_sort(",".join(body.sort), listing),
        condition=read_filter(tree, listing.filters),
        count=body.count,
    )


def page_of(name: str, item: type[BaseModel]) -> type[Shape]:
    """Return the documented shape of a page of items."""
    listed: Any = Annotated[list[item], Field(max_length=200)]  # type: ignore[valid-type]
    members: dict[str, Any] = {
        "items": (listed, Field(description="The records of this page")),
        "next_cursor": (Cursor | None, Field(description="Pass as `after` to go on; null on the last page")),
        "has_more": (bool, Field(description="Whether there are more records")),
        "count": (
            BigCount | None,
            Field(default=None, description="The number of records in all, if counted"),
        ),
    }
    return create_model(name, __base__=Shape, __doc__=f"One page of a list of {item.__name__}.", **members)
