"""Fields that run an operation: every mutation, and the queries that are more than rows. Declared as data, run by one
function.

What a field takes is validated by the same pydantic models as in REST, so the codes are the same; a pointer names the
argument and its members as the schema spells them (`/input/serviceLevel`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NewType, get_args

import orjson
from graphql import GraphQLInputObjectType, get_nullable_type, is_list_type
from pydantic import BaseModel, TypeAdapter, ValidationError

from service.framework.graph.names import snake
from service.framework.graph.pointers import point_into_arguments
from service.framework.web.strict_json import check_numbers
from service.platform import errors
from service.platform.errors import Invalid, KamError, NotFound
from service.platform.moments import Moment
from service.platform.pointers import field_errors, pointer, reasons
from service.platform.types import Id, Name, Slug

ID = NewType("ID", str)
"""The GraphQL scalar ID: Strawberry's own, without importing Strawberry."""

_CODES = {
    name: kind.code for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, KamError)
}
_ERROR = re.compile(rf"\b(?:{'|'.join(sorted(_CODES, key=len, reverse=True))})\b")
_RAISES = re.compile(r"\b[Rr]aises\b")

_ID: TypeAdapter[str] = TypeAdapter(Id)
_MOMENT: TypeAdapter[date | datetime] = TypeAdapter(Moment)


@dataclass(frozen=True, slots=True)
class Takes:
    """One argument: its name, its Python type, and how it becomes the operation's argument. An input object has a
    `model`, and `kind` is then the name of the GraphQL type that is made of it.
    """

    name: str
    kind: Any
    description: str
    convert: Callable[[Any, Any], Any]
    model: Any = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Gives:
    """One field of a payload: its name, its Python type (models stand for their GraphQL types), and how it is found in
    the operation's result.
    """

    name: str
    kind: Any
    value: Callable[[Any], Any]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A field that runs an operation: `run(ctx, *arguments)`, arguments in the order of `takes`.

    A mutation has several `gives` and so a payload type of its own; a query gives one value.
    """

    name: str
    run: Callable[..., Awaitable[Any]]
    takes: tuple[Takes, ...]
    gives: tuple[Gives, ...]

    @property
    def description(self) -> str:
        """The operation's docstring as a client reads it."""
        return description_of(self.run)

    async def resolve(self, ctx: Any, given: Mapping[str, Any], types: Mapping[str, Any]) -> Any:
        """Run the operation with the coerced arguments of the field, whose GraphQL arguments are `types`. The pointers
        of an error name members of these arguments.
        """
        try:
            return await self.run(ctx, *self.arguments(given, types))
        except KamError as error:
            point_into_arguments(error, types)
            raise

    @property
    def payload(self) -> str:
        """The name of the payload type."""
        return self.name[:1].upper() + self.name[1:] + "Payload"

    def arguments(self, given: Mapping[str, Any], types: Mapping[str, Any]) -> list[Any]:
        """Return the operation's arguments, made of the coerced arguments of the field; raises Invalid and NotFound.

        `types` are the field's GraphQL arguments by name. An argument without one has REST's member names already.
        """
        return [each.convert(given.get(each.name), getattr(types.get(each.name), "type", None)) for each in self.takes]


def description_of(run: Callable[..., Any]) -> str:
    """Return an operation's docstring as a client reads it: `Raises NotFound` becomes `Errors: not_found`."""
    text = " ".join((run.__doc__ or "").split())
    text = _RAISES.sub(lambda found: "Errors:" if found[0] == "Raises" else "errors:", text)
    return _ERROR.sub(lambda found: _CODES[found[0]], text)


class RecordId(str):
    """The id of a record that a payload shows and the operation did not return: it is read."""

    __slots__ = ()


def document(result: Any) -> Any:
    """Return the document of the resource that the operation returned."""
    return result.data


def gives(name: str, kind: Any) -> tuple[Gives, ...]:
    """The payload of most mutations: the record as it is now, and what was done to it."""
    done = "What was done: created, updated, unchanged, deleted, restored ..."
    return (
        Gives(name, kind, document, "The record as it is now"),
        Gives("outcome", str, lambda result: result.outcome, done),
    )


def identifier(name: str = "id", description: str = "The id, the same as in REST") -> Takes:
    """An id; text that is none names nothing."""
    return Takes(name, ID, description, lambda value, _: read_id(value))


def read_id(value: Any) -> str:
    """An id in the spelling used inside; raises NotFound, because text that is no id names nothing."""
    try:
        return _ID.validate_python(value)
    except ValidationError:
        raise NotFound from None


def read_moment(name: str, value: Any) -> date | datetime:
    """A day or an instant, as REST spells them; raises Invalid."""
    try:
        return _MOMENT.validate_python(value)
    except ValidationError as error:
        found = reasons(error)[0]
        raise Invalid.parameter(name, found["type"], found["msg"]) from None


def body(model: type[BaseModel], kind: str, shown: type[BaseModel] | None = None) -> Takes:
    """The input object, validated by the request model of REST; `shown` is what the schema says of it, if that is
    another model.
    """

    def convert(value: Any, declared: Any) -> Any:
        given = members(value, declared)
        try:
            return model.__pydantic_validator__.validate_json(_as_json(given))
        except ValidationError as error:
            raise _refused(error, given) from None

    return Takes("input", kind, "What REST takes as the body", convert, shown or model)


def optional_body(model: type[BaseModel], kind: str) -> Takes:
    """As `body`, for an input that may be left out: the operation then takes None."""
    taken = body(model, kind)

    def convert(value: Any, declared: Any) -> Any:
        return None if value is None else taken.convert(value, declared)

    return replace(taken, optional=True, convert=convert)


def scalar(annotation: Any, kind: Any, name: str, description: str, default: Any = None) -> Takes:
    """A plain argument, validated by a request scalar; an optional one that is absent or null is `default`."""
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    optional = type(None) in get_args(kind)

    def convert(value: Any, _: Any) -> Any:
        if value is None and optional:
            return default
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            found = reasons(error)[0]
            raise Invalid.parameter(name, found["type"], found["msg"]) from None

    return Takes(name, kind, description, convert)


def reference(what: str) -> tuple[Takes, Takes]:
    """The reference of a record in another system, as two arguments."""
    return (
        scalar(Slug, str, "system", "The other system, for example salesforce, hubspot or erp"),
        scalar(Name, str, "externalId", f"The {what}'s id there"),
    )


def if_version(*, creates: bool = False) -> Takes:
    """The version that a write may replace, as If-Match in REST; of a write that also `creates`, 0 for no record."""
    only = "; 0 only creates" if creates else ""
    return Takes(
        "ifVersion",
        int | None,
        f"Write only if this still is the version; otherwise the error is stale_version{only}",
        lambda value, _: None if value is None else (value,),
    )


def _refused(error: ValidationError, given: Any) -> Invalid:
    return Invalid(field_errors(reasons(error), given))


def members(value: Any, kind: Any) -> Any:
    """A coerced input as the document that REST takes: REST's names for the members of input objects; JSON scalars stay
    as they are.
    """
    kind = get_nullable_type(kind)
    if is_list_type(kind) and isinstance(value, list):
        return [members(part, kind.of_type) for part in value]
    if isinstance(kind, GraphQLInputObjectType) and isinstance(value, Mapping):
        return {snake(key): members(part, kind.fields[key].type) for key, part in value.items()}
    return value


def _as_json(given: Any, *place: str) -> bytes:
    """Return the input at `place` as JSON text; raises Invalid for a value that JSON cannot hold, as a document may
    spell one.
    """
    try:
        text = orjson.dumps(given)
    except TypeError:
        raise Invalid.at(pointer(place), "json_invalid", "The input holds a value that is not JSON") from None
    if b"null" in text:  # orjson writes it for an infinite number
        check_numbers(given, place)
    return text


def filter_tree(value: Any, declared: Any, model: type[BaseModel]) -> dict[str, Any]:
    """Return a filter argument as the tree that REST takes, validated by the same model; raises Invalid with pointers
    below `/filter`.
    """
    tree = members(value, declared)
    try:
        given = model.__pydantic_validator__.validate_json(_as_json(tree, "filter"))
    except ValidationError as error:
        found = field_errors(reasons(error), tree)
        raise Invalid([replace(each, pointer=f"/filter{each.pointer}") for each in found]) from None
    shown: dict[str, Any] = given.model_dump(by_alias=True, exclude_unset=True)
    return shown


def itself(result: Any) -> Any:
    """Return an operation's result unchanged."""
    return result


def shows(kind: Any, value: Any = document) -> tuple[Gives, ...]:
    """Return the one value of a query: by default the document of the resource that the operation returned."""
    return (Gives("value", kind, value),)
