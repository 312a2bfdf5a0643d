"""Which headers a caller may have sent along with webhooks: none that the message, its signature, its format or the
connection itself is made of.
"""

from __future__ import annotations

_OURS = frozenset(
    (
        "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "date",
        "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
        "via",
    )
)  # fmt: skip
_FAMILIES = ("webhook-", "ce-", "proxy-", "sec-")


def is_reserved(name: str) -> bool:
    """Whether a header, by its name in lower case, may not be set by a caller."""
    return name in _OURS or name.startswith(_FAMILIES)
