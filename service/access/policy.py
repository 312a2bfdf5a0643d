"""The scope that each permission needs, as one map that reads like a policy.

Operations name a permission and keys carry scopes; nothing else decides. A scope is `resource:verb` with the verbs read
and write; `resource:*` grants both and `*` everything. Writing a resource includes reading it.
"""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """A permission that an operation requires. Its value is the scope that grants it."""

    ACCOUNT_READ = "accounts:read"
    ACCOUNT_WRITE = "accounts:write"
    CLASSIFICATION_READ = "classification:read"
    CLASSIFICATION_WRITE = "classification:write"
    STAGE_READ = "stages:read"
    STAGE_WRITE = "stages:write"
    STAKEHOLDER_READ = "stakeholders:read"
    STAKEHOLDER_WRITE = "stakeholders:write"
    PERSON_READ = "people:read"
    PERSON_WRITE = "people:write"
    PLAN_READ = "plans:read"
    PLAN_WRITE = "plans:write"
    PORTFOLIO_READ = "portfolio:read"
    EVENT_READ = "events:read"
    EVENT_WRITE = "events:write"
    WEBHOOK_READ = "webhooks:read"
    WEBHOOK_WRITE = "webhooks:write"
    JOB_READ = "jobs:read"
    JOB_WRITE = "jobs:write"
    API_KEY_READ = "api_keys:read"
    API_KEY_WRITE = "api_keys:write"


RESOURCES = frozenset(each.partition(":")[0] for each in Permission)


def covers(scope: str, needed: str) -> bool:
    """Return whether one scope grants another. For example `plans:*` grants `plans:read`."""
    if scope in ("*", needed):
        return True
    resource, _, verb = scope.partition(":")
    part, _, wanted = needed.partition(":")
    return part == resource and verb in ("*", "write", wanted)


def granted(scopes: Iterable[str]) -> frozenset[str]:
    """Return the permissions that a set of scopes grants, as their values. Unknown scopes grant nothing."""
    held = list(scopes)
    return frozenset(each.value for each in Permission if any(covers(scope, each.value) for scope in held))


def beyond(wanted: Iterable[str], held: frozenset[str]) -> list[str]:
    """Return the wanted scopes that grant more than `held` does, in their order. A key may not grant them to another
    key.
    """
    return [scope for scope in wanted if not granted([scope]) <= held]


def known_scope(scope: str) -> bool:
    """Return whether a scope is `*`, or names a resource and a verb."""
    resource, _, verb = scope.partition(":")
    return scope == "*" or (resource in RESOURCES and verb in ("read", "write", "*"))
