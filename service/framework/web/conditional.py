"""Versions over HTTP: the strong ETag, If-None-Match on reads and If-Match on writes (RFC 9110, section 13)."""

import re

_TAG = re.compile(rb'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_OURS = re.compile(rb"v([1-9][0-9]{0,9})")


def etag(version: int) -> bytes:
    """Return the strong entity tag of a version, quotes included."""
    return b'"v%d"' % version


def is_unmodified(if_none_match: bytes, tag: bytes) -> bool:
    """Return whether the reader already holds the version with this tag (weak comparison: `W/` does not matter)."""
    if if_none_match == tag or if_none_match.strip() == b"*":
        return True
    return any(b'"%s"' % match.group(2) == tag for match in _TAG.finditer(if_none_match))


def expected_versions(if_match: bytes | None) -> tuple[int, ...] | None:
    """Return the versions that a write may replace; None when any will do (no header, or `*`).

    Comparison is strong: weak tags, foreign tags and text that is not a tag match nothing. The tuple may be empty, and
    the write is then always stale.
    """
    if if_match is None or if_match.strip() == b"*":
        return None
    return tuple(
        int(ours.group(1))
        for match in _TAG.finditer(if_match)
        if not match.group(1) and (ours := _OURS.fullmatch(match.group(2)))
    )
