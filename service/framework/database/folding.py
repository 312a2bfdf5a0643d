"""Find a text inside another whatever its case: both are compared by full case folding, the same on both databases.

Folding a text costs more than the rest of a search, so a row is folded only where that decides. It can't match when it
lacks the `rare_part` of the needle, whose characters only ASCII letters fold to. It matches when it has the folded
needle itself, whatever the case of ASCII letters. A row in ASCII alone is decided then.
"""

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from service.framework.database.columns import bind

FOLD = "kam_fold"
"""The function of both databases: a migration makes it on PostgreSQL, every connection to SQLite has it."""

SHARED_LETTERS = "afhijklnstwy"
"""The ASCII letters that other characters fold to, alone or as a part: ß to ss, the Kelvin sign to k."""

_UNSHARED = re.compile(f"[^{SHARED_LETTERS}\x80-\U0010ffff]+")


class _contains(FunctionElement[bool]):
    type = sa.Boolean()
    inherit_cache = False


def contains(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return whether a column contains a text; the statement binds the values of `contains_binds` for this name."""
    return _contains(column, bind(name, sa.Text()), bind(_part_of(name), sa.Text()))


def contains_binds(name: str, text: str) -> dict[str, str]:
    """Return the values of `contains` for a text to find."""
    return {name: _pattern(text), _part_of(name): _pattern(rare_part(text))}


def rare_part(text: str) -> str:
    """Return the longest part of a folded text that stands in ASCII characters alone which only they fold to."""
    return max(_UNSHARED.findall(text.casefold()), key=len, default="")


def _part_of(name: str) -> str:
    return f"part_{name}"


def _pattern(text: str) -> str:
    """Return `%text%` for LIKE, where `%`, `_` and the backslash of the text itself are taken literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@compiles(_contains, "postgresql")
def _contains_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, needle, part = (compiler.process(each, **options) for each in element.clauses)
    # the needle is folded once, in a subquery; a function of a parameter would be called for every row
    folded = f"LIKE (SELECT {FOLD}({needle})) ESCAPE '\\'"
    ascii_lower, wide = f'lower({column} COLLATE "C")', f"octet_length({column}) > length({column})"
    return (
        f"({ascii_lower} LIKE {part} ESCAPE '\\' "
        f"AND ({ascii_lower} {folded} OR ({wide} AND {FOLD}({column}) {folded})))"
    )


@compiles(_contains, "sqlite")
def _contains_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, needle, part = (compiler.process(each, **options) for each in element.clauses)
    # LIKE ignores the case of ASCII letters; CASE does not look at its result when its condition fails, and AND would
    folded = f"LIKE {FOLD}({needle}) ESCAPE '\\'"
    wide = f"length(CAST({column} AS BLOB)) > length({column})"
    return (
        f"CASE WHEN {column} LIKE {part} ESCAPE '\\' THEN CASE WHEN {column} {folded} THEN 1 "
        f"WHEN {wide} THEN {FOLD}({column}) {folded} ELSE 0 END END"
    )
