"""The one error tree: every code that REST, GraphQL and the command line answer with. `/v1/errors` lists it.

Operations raise these and know nothing of HTTP; REST makes problem+json of them, GraphQL `extensions`. An error never
carries what the caller sent: values may be secret, or not printable at all. Only names of members are repeated.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong member: a JSON `pointer` into the body, or the name of a query, path or header `parameter`."""

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None

    def members(self) -> dict[str, str]:
        """Return the JSON form, in which exactly one of `pointer` and `parameter` is present."""
        where = {"parameter": self.parameter} if self.parameter is not None else {"pointer": self.pointer or ""}
        return {**where, "code": self.code, "message": self.message}


MOST_ERRORS = 100


class KamError(Exception):
    """The root of every error that a client sees. `detail` is for a person; `errors` name the members at fault, the
    first 100 of them; `members` are extra JSON members that help a program to continue (for example `allowed`);
    `headers` go onto an HTTP answer.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 500
    title: ClassVar[str] = ""
    says: ClassVar[str | None] = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.detail = detail or self.says
        super().__init__(self.detail or self.title)
        self.errors = tuple(errors[:MOST_ERRORS])
        self.headers: dict[str, str] = dict(headers or {})
        self.members: dict[str, Any] = dict(members or {})

    def extensions(self) -> dict[str, Any]:
        """Return the content of `extensions` in GraphQL: code, status, extra members, and errors if there are any."""
        errors = {"errors": [error.members() for error in self.errors]} if self.errors else {}
        return {"code": self.code, "status": self.status, **self.members, **errors}


class MalformedRequest(KamError):
    """The request cannot be read: bad JSON, a URL that is not UTF-8, or a parameter that is given twice."""

    code, status, title = "malformed_request", 400, "Malformed request"


class CursorInvalid(KamError):
    """The page cursor was not issued by this list with this sort and these filters, or it was changed."""

    code, status, title = "cursor_invalid", 400, "Invalid cursor"

    def __init__(self, parameter: str = "after") -> None:
        message = "This cursor was not issued for this list. Read the list again without a cursor."
        super().__init__(message, errors=[FieldError(code=self.code, message=message, parameter=parameter)])


class CursorExpired(KamError):
    """Events after this cursor are no longer kept. `oldest` is the cursor before the oldest event that is kept."""

    code, status, title = "cursor_expired", 410, "Cursor expired"

    def __init__(self, oldest: str, parameter: str = "after") -> None:
        message = "Events after this cursor are no longer kept. Read your data again, then continue from `oldest`."
        super().__init__(message, errors=[FieldError(self.code, message, None, parameter)], members={"oldest": oldest})

    @classmethod
    def beyond_end(cls, end: int, parameter: str = "changed_after") -> "CursorExpired":
        """Return the error for a position of a change that lies beyond the last one."""
        expired = cls("0", parameter)
        message = f"The last change has position {end}: the database was restored, or the position is from elsewhere. "
        message += "Read your data again, from `oldest`."
        expired.detail, expired.errors = message, (FieldError(cls.code, message, None, parameter),)
        return expired


class GraphqlSyntax(KamError):
    """The GraphQL document has a syntax error."""

    code, status, title = "graphql_syntax", 400, "GraphQL syntax error"


class GraphqlInvalid(KamError):
    """The GraphQL document does not fit the schema."""

    code, status, title = "graphql_invalid", 400, "Invalid GraphQL document"


class QueryTooComplex(KamError):
    """The GraphQL document exceeds a limit: depth, aliases, tokens or cost."""

    code, status, title = "query_too_complex", 400, "Query too complex"


class MethodNotAllowed(KamError):
    """The path does not take this method. The `Allow` header lists the methods that it takes."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__("This path does not take this method", headers={"Allow": ", ".join(allowed)})


class NotAcceptable(KamError):
    """The path cannot answer with any media type of the `Accept` header."""

    code, status, title = "not_acceptable", 406, "Not acceptable"


class RequestTimeout(KamError):
    """The request did not arrive in time: 10 seconds for its head, 60 for its body."""

    code, status, title = "request_timeout", 408, "Request timeout"


class BodyTooLarge(KamError):
    """The body is larger than the path allows."""

    code, status, title = "body_too_large", 413, "Body too large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body may have at most {limit} bytes", members={"limit": limit})


class UnsupportedMediaType(KamError):
    """The path does not read this media type or charset."""

    code, status, title = "unsupported_media_type", 415, "Unsupported media type"


class Invalid(KamError):
    """The request was read, but members of it break a rule. `errors` names each of them."""

    code, status, title = "invalid_request", 422, "Invalid request"

    def __init__(self, errors: Sequence[FieldError] = (), detail: str | None = None) -> None:
        super().__init__(detail, errors=errors)

    @classmethod
    def at(cls, pointer: str, code: str, message: str) -> "Invalid":
        """Return the error for one member of the body, as in `Invalid.at("/period_end", "before_start", "...")`."""
        return cls([FieldError(pointer=pointer, code=code, message=message)])

    @classmethod
    def parameter(cls, parameter: str, code: str, message: str) -> "Invalid":
        """Return the error for one query, path or header parameter."""
        return cls([FieldError(parameter=parameter, code=code, message=message)])


class HeadersTooLarge(KamError):
    """The request has too many headers, or its headers are too large."""

    code, status, title = "headers_too_large", 431, "Request headers too large"


class Unauthenticated(KamError):
    """No key was sent, or the key is unknown, expired or revoked."""

    code, status, title = "unauthenticated", 401, "Authentication required"

    def __init__(self, detail: str | None = None) -> None:
        detail = detail or "Send a valid API key as 'Authorization: Bearer kam_...'"
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="kam"'})


class Forbidden(KamError):
    """The key is valid but lacks the scope that this operation needs. `required_scope` names it."""

    code, status, title = "insufficient_scope", 403, "Insufficient scope"

    def __init__(self, scope: str | None = None, detail: str | None = None) -> None:
        detail = detail or (f"This key lacks the scope {scope}" if scope else "This key may not do that")
        super().__init__(detail, members={"required_scope": scope} if scope else None)


class RateLimited(KamError):
    """The key has used up its requests for now. `Retry-After` gives the seconds until the next request is allowed."""

    code, status, title = "rate_limited", 429, "Too many requests"

    def __init__(self, retry_after: int = 1) -> None:
        detail = f"Too many requests with this key; try again in {retry_after} s"
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class TooManyStreams(KamError):
    """This process already has as many open event streams as its operator allows (KAM_EVENT_STREAMS)."""

    code, status, title = "too_many_streams", 429, "Too many streams"

    def __init__(self) -> None:
        super().__init__("As many event streams are open as the service allows", headers={"Retry-After": "5"})


class NotFound(KamError):
    """The resource does not exist, or the caller may not see it."""

    code, status, title = "not_found", 404, "Not found"

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"There is no such {what}")


class Conflict(KamError):
    """The change contradicts the present state of the data."""

    code, status, title = "conflict", 409, "Conflict"


class RecordDeleted(Conflict):
    """The record with this reference was deleted, and the upsert says to refuse then (`on_deleted`)."""

    code, status, title = "record_deleted", 409, "Record deleted"

    def __init__(self, identifier: str) -> None:
        message = "The record with this reference was deleted. Send on_deleted restore or create to go on"
        super().__init__(message, members={"deleted_id": identifier})


class ReferenceTaken(Conflict):
    """Another live record already has this external reference, which must be unique per system."""

    code, status, title = "reference_taken", 409, "Reference taken"

    def __init__(self, pointer: str = "/refs", holder_id: str | None = None) -> None:
        message = "Another live record has this reference"
        error = FieldError(pointer=pointer, code=self.code, message=message)
        super().__init__(message, errors=[error], members={"holder_id": holder_id} if holder_id else None)


class ScoringModelUsed(Conflict):
    """A scoring model that has classified accounts cannot be changed. Clone it and change the copy."""

    code, status, title = "scoring_model_used", 409, "Scoring model used"
    says = "This model has been active and cannot be changed. Clone it and change the copy."


class NameTaken(Conflict):
    """Another live record already has this name, which must be unique."""

    code, status, title = "name_taken", 409, "Name taken"

    def __init__(self, pointer: str = "/name") -> None:
        message = "Another live record has this name"
        super().__init__(message, errors=[FieldError(pointer=pointer, code=self.code, message=message)])


class ConsumerLeased(Conflict):
    """Another reader has the lease of this consumer. `Retry-After` gives the seconds until the lease ends."""

    code, status, title = "consumer_leased", 409, "Consumer leased"

    def __init__(self, seconds: float = 1.0) -> None:
        message = "Another reader has the lease of this consumer"
        super().__init__(message, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


class ConsumerLeaseLost(Conflict):
    """The lease has ended or another reader has taken it. Events that were read under it may be read again."""

    code, status, title = "consumer_lease_lost", 409, "Consumer lease lost"
    says = "The lease has ended. Poll again."


class StageTransitionNotAllowed(Conflict):
    """The method does not allow this movement between relationship stages. `allowed` lists the stages that are open."""

    code, status, title = "stage_transition_not_allowed", 409, "Stage transition not allowed"

    def __init__(self, allowed: Iterable[str], detail: str | None = None, *, pointer: str = "/to") -> None:
        message = detail or "The account cannot move to this stage from where it stands"
        super().__init__(message, errors=[FieldError(self.code, message, pointer)], members={"allowed": list(allowed)})


class StateTransitionNotAllowed(Conflict):
    """This record cannot change to this state. `allowed` lists the open states, `missing` what a step still needs."""

    code, status, title = "state_transition_not_allowed", 409, "State transition not allowed"

    def __init__(
        self, allowed: Iterable[str], detail: str | None = None, *, pointer: str = "/to", missing: Any = None
    ) -> None:
        message = detail or "This state cannot be reached from the present one"
        members = {"allowed": list(allowed), **({} if missing is None else {"missing": missing})}
        super().__init__(message, errors=[FieldError(self.code, message, pointer)], members=members)


class NothingToConfirm(Conflict):
    """The dead band does not hold this account: its quadrant is the one that its scores give."""

    code, status, title = "nothing_to_confirm", 409, "Nothing to confirm"


class IdempotencyKeyInProgress(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code, status, title = "idempotency_key_in_progress", 409, "Request still in progress"

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still running", headers={"Retry-After": "1"})


class IdempotencyKeyReused(KamError):
    """The Idempotency-Key was used within 24 hours for a different request."""

    code, status, title = "idempotency_key_reused", 422, "Idempotency-Key reused"

    def __init__(self) -> None:
        message = "This Idempotency-Key belongs to a different request"
        super().__init__(message, errors=[FieldError(code=self.code, message=message, parameter="Idempotency-Key")])


class StaleVersion(KamError):
    """The version in `If-Match` (in GraphQL, `ifVersion`) is not the current one: the resource was changed."""

    code, status, title = "stale_version", 412, "Stale version"
    says = "The resource has changed since it was read. Read it again and repeat the change."

    def __init__(
        self, current: int | None = None, detail: str | None = None, *, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(detail, errors=errors, members=None if current is None else {"current_version": current})


class InternalError(KamError):
    """The service failed unexpectedly. The request id finds the failure in the log."""

    code, status, title = "internal_error", 500, "Internal error"


class Unavailable(KamError):
    """The service or its database cannot answer now. Send the same request again later."""

    code, status, title = "unavailable", 503, "Service unavailable"

    def __init__(self, detail: str | None = None, retry_after: int = 1, *, in_conflict: bool = False) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
        self.in_conflict = in_conflict
        """Whether the database ended a transaction in favour of another one, so that it can be tried again at once."""


def catalogue() -> list[dict[str, Any]]:
    """Return every code with status, title and description, sorted by status and code (served at /v1/errors)."""
    kinds = sorted((kind for kind in _family(KamError) if kind.code), key=lambda kind: (kind.status, kind.code))
    return [
        {"code": kind.code, "status": kind.status, "title": kind.title, "description": (kind.__doc__ or "").strip()}
        for kind in kinds
    ]


def _family(kind: type[KamError]) -> Iterator[type[KamError]]:
    """Yield the subclasses of `kind`, at any depth."""
    for child in kind.__subclasses__():
        yield child
        yield from _family(child)
