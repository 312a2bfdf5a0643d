"""A route compiled once from its endpoint's signature: it reads the arguments of a request and runs the endpoint."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi.params import Body, Depends, Query
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator
from starlette.types import Receive

from service.framework.web.admission import admitted
from service.framework.web.answers import Answer, location
from service.framework.web.dispatch import unescape
from service.framework.web.intake import accepts, check_conditions, check_media, idempotency_of, read_body
from service.framework.web.request import RequestInfo, request_info
from service.framework.web.strict_json import read_json
from service.platform.errors import FieldError, Invalid, KamError, MalformedRequest, NotAcceptable, NotFound
from service.platform.pointers import field_errors, reasons
from service.platform.types import QUERY

JSON = ("application/json",)
_BODY_METHODS = frozenset(("POST", "PUT", "PATCH", "DELETE"))


@dataclass(frozen=True, slots=True)
class Declared:
    """What a route declares beyond FastAPI's own options; `Part` says what each means."""

    errors: tuple[type[KamError], ...] = ()
    takes: tuple[str, ...] = JSON
    produces: tuple[str, ...] = JSON
    location: str | None = None
    max_body: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    permission: Any = None


@dataclass(frozen=True, slots=True)
class PathArgument:
    """One path parameter: the number of its segment, and how its text becomes a value."""

    name: str
    at: int
    validate: Callable[..., Any]
    is_id: bool

    def read(self, segments: Sequence[str]) -> Any:
        """Return the value; raises NotFound for text that is not an id, and Invalid for other text that is refused."""
        try:
            return self.validate(segments[self.at], context=QUERY)
        except ValidationError as error:
            if self.is_id:
                raise NotFound from None
            raise _refused(error, self.name) from None


class QueryArgument:
    """The query shape: parameters are known by name, sent once, and their texts become values."""

    def __init__(self, name: str, model: type[BaseModel]) -> None:
        self.name = name
        self._validator = _validator_of(model)
        self._names = frozenset(info.alias or field for field, info in model.model_fields.items())
        self._lists = frozenset(
            info.alias or field for field, info in model.model_fields.items() if _is_list(info.annotation)
        )
        self._empty: Any = None

    def read(self, raw: bytes) -> Any:
        """Return the shape; raises Invalid naming each parameter at fault."""
        if not raw:
            if self._empty is None:
                self._empty = self._validate({})
            return self._empty
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
    """The body: JSON validated by a shape, or bytes as they came."""

    name: str
    validator: SchemaValidator | Any | None
    required: bool
    default: Any

    def read(self, raw: bytes) -> tuple[Any, Any]:
        """Return the parsed JSON (the bytes where there is none) and the value; raises MalformedRequest or Invalid with
        JSON pointers.
        """
        if self.validator is None:
            return raw, raw
        if not raw:
            if self.required:
                raise MalformedRequest("This request needs a JSON body")
            return raw, self.default
        parsed = read_json(raw)
        try:
            return parsed, self.validator.validate_python(parsed)
        except ValidationError:  # of parsed values, pydantic's messages name Python's types and classes
            return parsed, _validate_json(self.validator, raw, parsed)


def _validate_json(validator: SchemaValidator | Any, raw: bytes, parsed: Any) -> Any:
    """Return the value, or raise Invalid with JSON pointers and pydantic's messages about JSON."""
    try:
        return validator.validate_json(raw)
    except ValidationError as error:
        found = reasons(error)
        raise Invalid(field_errors(found, parsed)) from None


class CompiledRoute:
    """A route ready to run: its endpoint, its arguments and what it declares.

    `dependencies` are the annotations of the arguments that FastAPI's dependencies give. `direct` says that the
    caller's context and the request are the only ones, so that the edge can give them itself.
    """

    def __init__(self, endpoint: Callable[..., Any], declared: Declared, template: str, *, direct: bool = True) -> None:
        self.endpoint = endpoint
        self.template = template
        self.declared = declared
        self.direct = direct
        self.context: str | None = None
        self.info: str | None = None
        self.query: QueryArgument | None = None
        self.body: BodyArgument | None = None
        self.dependencies: dict[str, Any] = {}
        places = {part[1:-1]: at for at, part in enumerate(template.split("/")[1:]) if part.startswith("{")}
        path: list[PathArgument] = []
        hints = get_type_hints(endpoint, include_extras=True)
        for name, parameter in inspect.signature(endpoint).parameters.items():
            annotation = hints[name]
            base, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
            if name in places:
                path.append(_path_argument(name, places[name], annotation))
            elif calls := [mark.dependency for mark in marks if isinstance(mark, Depends)]:
                self._add_dependency(name, annotation, calls[0])
            elif any(isinstance(mark, Query) for mark in marks):
                self.query = QueryArgument(name, base)
            elif base is bytes or any(isinstance(mark, Body) for mark in marks) or _is_model(base):
                self.body = _body_argument(name, annotation, base, parameter)
            else:
                raise TypeError(f"{endpoint.__qualname__}: cannot tell where its argument {name} comes from")
        if missing := places.keys() - {argument.name for argument in path}:
            raise TypeError(f"{endpoint.__qualname__}: does not take {sorted(missing)} of its path")
        self.path = tuple(path)

    @property
    def public(self) -> bool:
        """Whether the route needs no key."""
        return self.context is None

    async def run(
        self, info: RequestInfo, segments: Sequence[str], receive: Receive, given: dict[str, Any], max_body: int
    ) -> Answer:
        """Answer a request: check permission, Accept and conditions, read the arguments and the body, run the endpoint.

        `given` holds the arguments that dependencies give; `max_body` bounds the body of a route without a limit of its
        own. Raises KamError.
        """
        declared, headers = self.declared, info.headers
        if declared.permission is not None and self.context is not None:
            given[self.context].require(declared.permission)
        accept = headers.get(b"accept")
        if accept is not None and accept != b"*/*" and declared.produces and not accepts(accept, declared.produces):
            raise NotAcceptable(f"This path answers with {' or '.join(declared.produces)}")
        if b"if-match" in headers or b"if-none-match" in headers:
            check_conditions(headers)
        for argument in self.path:
            given[argument.name] = argument.read(segments)
        if self.query is not None:
            given[self.query.name] = self.query.read(info.query)
        elif info.query:
            read_query(info.query, frozenset())
        if info.method in _BODY_METHODS:
            parsed: Any = b""
            if self.body is not None:
                check_media(headers, declared.takes, info.method, required=self.body.required)
                body = await read_body(headers, receive, declared.max_body or max_body)
                parsed, given[self.body.name] = self.body.read(body)
            if self.context is not None and (key := headers.get(b"idempotency-key")) is not None:
                given[self.context] = given[self.context].with_idempotency(idempotency_of(key, info, parsed))
        answer: Answer = await self.endpoint(**given)
        if answer.status == 201 and declared.location is not None:
            answer.headers = (*answer.headers, (b"location", location(declared.location, answer.body, given)))
        return answer

    def _add_dependency(self, name: str, annotation: Any, call: Callable[..., Any] | None) -> None:
        """Note an argument that a dependency gives."""
        self.dependencies[name] = annotation
        if call is admitted:
            self.context = name
        elif call is request_info:
            self.info = name
        else:
            self.direct = False


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
        raise Invalid(errors)
    return texts


def _parameter_error(name: str, code: str, message: str) -> FieldError:
    return FieldError(code=code, message=message, parameter=name[:200])


def _refused(error: ValidationError, parameter: str | None) -> KamError:
    """Return pydantic's refusal of a parameter as ours."""
    found = reasons(error)
    if parameter is None:
        return Invalid(field_errors(found, parameter=True))
    return Invalid([FieldError(code=each["type"], message=each["msg"], parameter=parameter) for each in found[:1]])


def _path_argument(name: str, at: int, annotation: Any) -> PathArgument:
    """Compile one path parameter."""
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    is_id = adapter.json_schema().get("format") == "uuid"
    return PathArgument(name, at, adapter.validator.validate_python, is_id)


def _body_argument(name: str, annotation: Any, base: Any, parameter: inspect.Parameter) -> BodyArgument:
    """Compile the body."""
    required = parameter.default is inspect.Parameter.empty
    default = None if required else parameter.default
    if base is bytes:
        return BodyArgument(name, None, required, default)
    validator = _validator_of(base) if _is_model(base) else TypeAdapter(annotation).validator
    return BodyArgument(name, validator, required, default)


def _validator_of(model: type[BaseModel]) -> SchemaValidator | Any:
    """Return a model's validator, built: before that, pydantic's attribute is a slow stand-in."""
    model.model_rebuild()
    return model.__pydantic_validator__


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_list(annotation: Any) -> bool:
    """Return whether a query parameter is a list, written with commas."""
    if get_origin(annotation) is list:
        return True
    return any(_is_list(inner) for inner in get_args(annotation))
