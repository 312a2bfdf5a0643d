"""Versions over HTTP: the strong ETag, If-None-Match on reads, conditions of writes (RFC 9110, section 13)."""

import re
from collections.abc import Container

from service.platform.errors import FieldError, Invalid, MalformedRequest, StaleVersion

_TAG = re.compile(rb'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAGS = re.compile(rb"[ \t,]*%b(?:[ \t]*,[ \t]*(?:%b)?)*[ \t]*" % (_TAG.pattern, _TAG.pattern))
_OURS = re.compile(rb"v([1-9][0-9]{0,9})")

ANY_VERSION: Container[int] = range(1, 10**10)
"""The versions of a record that exists; `0` stands for a record that does not."""


def etag(version: int) -> bytes:
    """Return the strong entity tag of a version, quotes included."""
    return b'"v%d"' % version


def is_unmodified(if_none_match: bytes, tag: bytes) -> bool:
    """Return whether the reader already holds the version with this tag (weak comparison: `W/` does not matter)."""
    if if_none_match == tag or if_none_match.strip() == b"*":
        return True
    return any(b'"%s"' % match.group(2) == tag for match in _TAG.finditer(if_none_match))


def expected_versions(if_match: bytes | None) -> Container[int] | None:
    """Return the versions that a write may replace; None without the header, every version of a record for `*`.

    Comparison is strong: foreign tags match nothing, so that there may be no version, and the write is then always
    stale. Raises StaleVersion for tags that are all weak, and MalformedRequest for text that is not a list of tags.
    """
    if if_match is None:
        return None
    if if_match.strip() == b"*":
        return ANY_VERSION
    if not _TAGS.fullmatch(if_match):
        raise MalformedRequest('If-Match takes * or entity tags in quotes, such as "v3"')
    strong = [match.group(2) for match in _TAG.finditer(if_match) if not match.group(1)]
    if not strong:
        message = 'A weak tag matches no version. Send the ETag as it was answered, such as "v3"'
        raise StaleVersion(errors=[FieldError("weak_tag", message, parameter="If-Match")])
    return tuple(int(ours.group(1)) for tag in strong if (ours := _OURS.fullmatch(tag)))


def upserted_versions(if_match: bytes | None, if_none_match: bytes | None) -> Container[int] | None:
    """Return the versions that an upsert may replace; `If-None-Match: *` leaves 0 alone, so that it only creates.

    Raises Invalid for another If-None-Match, and what `expected_versions` raises.
    """
    expected = expected_versions(if_match)
    if if_none_match is None:
        return expected
    if if_none_match.strip() != b"*":
        raise Invalid.parameter("If-None-Match", "not_a_star", "An upsert takes only *: create, and change nothing")
    return (0,) if expected is None else ()
