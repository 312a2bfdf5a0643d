"""The grammar of scopes: `resource:verb` with the verbs read and write, `resource:*` is both, `*` is everything. Who
writes may read. What the resources are, access/policy.py says.
"""

from __future__ import annotations

from collections.abc import Iterable


def covers(scope: str, needed: str) -> bool:
    """Whether one scope grants what another names, for example `plans:*` the reading of `plans:read`."""
    if scope in ("*", needed):
        return True
    resource, _, verb = scope.partition(":")
    part, _, wanted = needed.partition(":")
    return part == resource and verb in ("*", "write", wanted)


def any_covers(scopes: Iterable[str], needed: str) -> bool:
    """Whether one of the scopes grants what is needed."""
    return any(covers(scope, needed) for scope in scopes)
