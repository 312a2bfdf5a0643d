"""The grammar of scopes: `resource:verb` with the verbs read and write. `resource:*` grants both, `*` everything.

Writing a resource includes reading it. The resources are listed in `access/policy.py`.
"""

from __future__ import annotations

from collections.abc import Iterable


def covers(scope: str, needed: str) -> bool:
    """Return whether one scope grants another. For example `plans:*` grants `plans:read`."""
    if scope in ("*", needed):
        return True
    resource, _, verb = scope.partition(":")
    part, _, wanted = needed.partition(":")
    return part == resource and verb in ("*", "write", wanted)


def any_covers(scopes: Iterable[str], needed: str) -> bool:
    """Return whether any of the scopes grants the needed one."""
    return any(covers(scope, needed) for scope in scopes)
