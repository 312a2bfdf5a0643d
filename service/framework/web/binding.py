"""From a request to an endpoint's arguments, compiled once per route from its signature."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi.params import Body, Depends, Query
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from service.framework.web.dispatch import unescape
from service.framework.web.router import Asked, Declared, LeanRoute
from service.framework.web.strict_json import read_json
from service.platform.errors import FieldError, Invalid, KamError, MalformedRequest, NotFound
from service.platform.pointers import field_errors
from service.platform.types import QUERY


@dataclass(frozen=True, slots=True)
class PathArgument:
    """One path parameter: where its text stands and how it becomes a value."""

    name: str
    at: int
    validate: Callable[..., Any]
    is_id: bool

    def read(self, segments: Sequence[str]) -> Any:
        """Return the value; an id that is none names nothing (404), other text that does not fit is a 422."""
        try:
            return self.validate(segments[self.at], context=QUERY)
        except ValidationError as error:
            if self.is_id:
                raise NotFound from None
            raise _refused(error, self.name) from None


class QueryArgument:
    """The query shape: every parameter known by name, sent once, texts turned into values."""

    def __init__(self, name: str, model: type[BaseModel]) -> None:
        self.name = name
        self._validator = _validator_of(model)
        self._names = frozenset(info.alias or field for field, info in model.model_fields.items())
        self._lists = frozenset(
            info.alias or field for field, info in model.model_fields.items() if _is_list(info.annotation)
        )
        self._nothing: Any = None

    def read(self, raw: bytes) -> Any:
        """Return the shape; raises Invalid naming each parameter at fault."""
        if not raw:
            if self._nothing is None:
                self._nothing = self._validate({})
            return self._nothing
        texts = read_query(raw, self._names)
        values: dict[str, Any] = {
            name: text.split(",") if name in self._lists else text for name, text in texts.items()
        }
        return self._validate(values)

    def _validate(self, values: dict[str, Any]) -> Any:
        try:
            return self._validator.validate_python(values, context=QUERY)
        except ValidationError as error:
            raise _refused(error, None) from None


@dataclass(frozen=True, slots=True)
class BodyArgument:
    """The body: JSON against a shape, or the bytes as they are."""

    name: str
    validator: SchemaValidator | Any | None
    takes: tuple[str, ...]
    required: bool
    default: Any

    def read(self, raw: bytes) -> Any:
        """Return the value; raises MalformedRequest or Invalid with JSON pointers."""
        if self.validator is None:
            return raw
        if not raw:
            if self.required:
                raise MalformedRequest("This request needs a JSON body")
            return self.default
        parsed = read_json(raw)
        try:
            return self.validator.validate_json(raw)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            if found[0]["type"] == "json_invalid":
                raise MalformedRequest("The body is not JSON, or nested too deeply") from None
            raise Invalid(field_errors(found, parsed)) from None


class Lean:
    """A route ready to run: its endpoint, its arguments and what it declares."""

    __slots__ = ("asked", "body", "context", "declared", "endpoint", "path", "public", "query", "template")

    def __init__(self, route: LeanRoute, template: str) -> None:
        self.endpoint: Callable[..., Any] = route.endpoint
        self.template = template
        self.declared: Declared = route.declared
        self.context: str | None = None
        self.asked: str | None = None
        self.query: QueryArgument | None = None
        self.body: BodyArgument | None = None
        places = {part[1:-1]: at for at, part in enumerate(template.split("/")[1:]) if part.startswith("{")}
        path: list[PathArgument] = []
        hints = get_type_hints(route.endpoint, include_extras=True)
        for name, parameter in inspect.signature(route.endpoint).parameters.items():
            annotation = hints[name]
            base, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
            if name in places:
                path.append(_path_argument(name, places[name], annotation))
            elif any(isinstance(mark, Depends) for mark in marks):
                if base is Asked:
                    self.asked = name
                else:
                    self.context = name
            elif any(isinstance(mark, Query) for mark in marks):
                self.query = QueryArgument(name, base)
            elif base is bytes or any(isinstance(mark, Body) for mark in marks) or _is_model(base):
                self.body = _body_argument(name, annotation, base, parameter, self.declared)
            else:
                raise TypeError(f"{route.endpoint.__qualname__}: cannot tell where its argument {name} comes from")
        if missing := places.keys() - {argument.name for argument in path}:
            raise TypeError(f"{route.endpoint.__qualname__}: does not take {sorted(missing)} of its path")
        self.path = tuple(path)
        self.public = self.context is None

    def arguments(self, segments: Sequence[str], query: bytes) -> dict[str, Any]:
        """Return the arguments from the path and the query; the edge adds context and body."""
        arguments = {argument.name: argument.read(segments) for argument in self.path}
        if self.query is not None:
            arguments[self.query.name] = self.query.read(query)
        elif query:
            read_query(query, frozenset())
        return arguments


def read_query(raw: bytes, known: frozenset[str]) -> dict[str, str]:
    """Return the parameters of a query string.

    Raises Invalid naming those that are unknown or sent twice, MalformedRequest on bad escapes, NUL or bad UTF-8.
    """
    texts: dict[str, str] = {}
    errors: list[FieldError] = []
    for pair in raw.split(b"&"):
        if not pair:
            continue
        left, _, right = pair.partition(b"=")
        name = unescape(left.replace(b"+", b" "))
        if name not in known:
            errors.append(_parameter_error(name, "unknown_parameter", "This path has no such parameter"))
        elif name in texts:
            errors.append(_parameter_error(name, "duplicate_parameter", "This parameter is sent more than once"))
        else:
            texts[name] = unescape(right.replace(b"+", b" "))
    if errors:
        raise Invalid(errors[:50])
    return texts


def _parameter_error(name: str, code: str, message: str) -> FieldError:
    return FieldError(code=code, message=message, parameter=name[:200])


def _refused(error: ValidationError, parameter: str | None) -> KamError:
    """Return pydantic's refusal of a parameter as ours."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if parameter is None:
        return Invalid(field_errors(found, parameter=True))
    return Invalid([FieldError(code=each["type"], message=each["msg"], parameter=parameter) for each in found[:1]])


def _path_argument(name: str, at: int, annotation: Any) -> PathArgument:
    """Compile one path parameter."""
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    is_id = adapter.json_schema().get("format") == "uuid"
    return PathArgument(name, at, adapter.validator.validate_python, is_id)


def _body_argument(
    name: str, annotation: Any, base: Any, parameter: inspect.Parameter, declared: Declared
) -> BodyArgument:
    """Compile the body."""
    required = parameter.default is inspect.Parameter.empty
    default = None if required else parameter.default
    if base is bytes:
        return BodyArgument(name, None, declared.takes, required, default)
    validator = _validator_of(base) if _is_model(base) else TypeAdapter(annotation).validator
    return BodyArgument(name, validator, declared.takes, required, default)


def _validator_of(model: type[BaseModel]) -> SchemaValidator | Any:
    """Return the validator itself: before a shape is built, the attribute holds a stand-in that looks every time."""
    model.model_rebuild()
    return model.__pydantic_validator__


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_list(annotation: Any) -> bool:
    """Return whether a query parameter is a list, written with commas."""
    if get_origin(annotation) is list:
        return True
    return any(_is_list(inner) for inner in get_args(annotation))
