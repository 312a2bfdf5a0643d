"""Find a text inside another whatever its case: both are compared by full case folding, the same on both databases.

Folding a text costs more than the rest of a search, so each row is first looked at without: `rare_part` of the needle
consists of characters that no other character folds to, so a row that lacks it in ASCII's upper and lower case can't
match.
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
    return (
        f"(lower({column} COLLATE \"C\") LIKE {part} ESCAPE '\\' "
        f"AND {FOLD}({column}) LIKE (SELECT {FOLD}({needle})) ESCAPE '\\')"
    )


@compiles(_contains, "sqlite")
def _contains_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, needle, part = (compiler.process(each, **options) for each in element.clauses)
    # LIKE ignores the case of ASCII letters, so a text of one byte per character needs no folding
    folded = f"CASE WHEN length(CAST({column} AS BLOB)) > length({column}) THEN {FOLD}({column}) ELSE {column} END"
    return f"({column} LIKE {part} ESCAPE '\\' AND {folded} LIKE {FOLD}({needle}) ESCAPE '\\')"
