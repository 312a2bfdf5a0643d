"""Find a text inside another whatever its case: both are compared by full case folding, the same on both databases.

Folding a text costs more than the rest of a search, so a row is folded only where that decides. It can't match when it
lacks the `rare_parts` of the needle, which few other texts fold to. It matches when it has the folded needle itself,
whatever the case of ASCII letters. A row in ASCII alone is decided then.
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

SHARED_OTHERS = (
    "åǆǉǌǳʼʾ\u0300\u0301\u0307\u0308\u030a\u030c\u0313\u0331\u0342άήαβεηθικμπρσυφωώвдостъѣեիխմնվւᎠ-Ᏽṡἀ-ἇἠ-ἧὠ-ὧὰὴὼꙋ"
)
"""The other characters, with ranges, that more fold to than themselves and their capital."""

_PLAIN = f"[^{SHARED_LETTERS}\x80-\U0010ffff]"
_RARE = re.compile(f"{_PLAIN}*[^\x00-\x7f{SHARED_OTHERS}]{_PLAIN}*|{_PLAIN}+")


_ESCAPE = "'\\'"


class _contains(FunctionElement[bool]):
    type = sa.Boolean()
    inherit_cache = False


def contains(column: ColumnElement[Any], name: str, *, either: bool = False) -> ColumnElement[bool]:
    """Return whether a column contains a text; the statement binds the values of `contains_binds` for this name.

    `either` says that the text has two rare parts.
    """
    parts = [bind(each, sa.Text()) for each in _parts_of(name)[: 2 if either else 1]]
    return _contains(column, bind(name, sa.Text()), *parts)


def contains_binds(name: str, text: str) -> dict[str, str]:
    """Return the values of `contains` for a text to find; there are three when it has two rare parts."""
    parts = zip(_parts_of(name), rare_parts(text), strict=False)
    return {name: _pattern(text), **{each: _pattern(part) for each, part in parts}}


def rare_parts(text: str) -> tuple[str, ...]:
    """Return a part of a folded text of which every text that folds to it has one of these spellings, but for the case
    of ASCII letters: the longest such part, with its letter that is not ASCII small and as a capital.
    """
    part = max(_RARE.findall(text.casefold()), key=len, default="")
    return tuple(dict.fromkeys((part, "".join(letter if letter < "\x80" else letter.upper() for letter in part))))


def _parts_of(name: str) -> tuple[str, str]:
    return f"part_{name}", f"capital_{name}"


def _pattern(text: str) -> str:
    """Return `%text%` for LIKE, where `%`, `_` and the backslash of the text itself are taken literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@compiles(_contains, "postgresql")
def _contains_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, needle, *parts = (compiler.process(each, **options) for each in element.clauses)
    # the needle is folded once, in a subquery; a function of a parameter would be called for every row
    folded = f"LIKE (SELECT {FOLD}({needle})) ESCAPE {_ESCAPE}"
    ascii_lower, wide = f'lower({column} COLLATE "C")', f"octet_length({column}) > length({column})"
    rare = " OR ".join(f"{ascii_lower} LIKE {part} ESCAPE {_ESCAPE}" for part in parts)
    return f"(({rare}) AND ({ascii_lower} {folded} OR ({wide} AND {FOLD}({column}) {folded})))"


@compiles(_contains, "sqlite")
def _contains_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, needle, *parts = (compiler.process(each, **options) for each in element.clauses)
    # LIKE ignores the case of ASCII letters; CASE does not look at its result when its condition fails, and AND would
    folded = f"LIKE {FOLD}({needle}) ESCAPE {_ESCAPE}"
    rare = " OR ".join(f"{column} LIKE {part} ESCAPE {_ESCAPE}" for part in parts)
    wide = f"length(CAST({column} AS BLOB)) > length({column})"
    return (
        f"CASE WHEN {rare} THEN CASE WHEN {column} {folded} THEN 1 "
        f"WHEN {wide} THEN {FOLD}({column}) {folded} ELSE 0 END END"
    )
