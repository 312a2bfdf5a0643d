"""PostgreSQL folds the case of texts as Python and so SQLite do: fully, and whatever the locale of the database.

Before version 18 it cannot, so the function lowers a text by the best collation that the server has, and replaces the
characters that are folded to something else than their small letter: ß to ss, the final sigma to a sigma.
"""

import sqlalchemy as sa
from alembic import op

revision = "202611271510"
down_revision = "202611271420"
branch_labels = None
depends_on = None

LAST_CASED = 0x1E943
COLLATIONS = ("pg_c_utf8", "C.utf8", "und-x-icu")
"""Collations that know the small letter of every letter, the fastest first."""
COMMON = {"ß": "ss", "ẞ": "ss", "ς": "σ", "Σ": "σ"}
_HEAD = "CREATE FUNCTION {name}(value text) RETURNS text LANGUAGE {language} IMMUTABLE PARALLEL SAFE"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    version = int(connection.scalar(sa.text("SELECT current_setting('server_version_num')")))
    found = connection.scalars(
        sa.text("SELECT collname FROM pg_collation WHERE collname = ANY(:names) AND collencoding IN (-1, 6)"),
        {"names": list(COLLATIONS)},
    ).all()
    for statement in functions(version, next((name for name in COLLATIONS if name in found), None)):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION kam_fold(text)")
        op.execute("DROP FUNCTION IF EXISTS kam_fold_rare(text)")


def functions(version: int, collation: str | None) -> list[str]:
    """Return the statements that make the functions for a version of PostgreSQL and one of COLLATIONS, if it has one.

    Without a collation every capital is replaced: right as well, and slow for texts that are not ASCII.
    """
    if version >= 180000:
        return [_fold("casefold(value COLLATE pg_unicode_fast)")]
    small, replaced = _letters()
    lower = f'lower({{}} COLLATE "{collation}") COLLATE "C"'
    if collation is None:
        lower = f"translate({{}}, '{''.join(small)}', '{''.join(small.values())}')"
    # some collations lower this one letter to another text
    rare = _replaced(lower.format("replace(value, 'İ', 'i̇')"), replaced)
    special = {letter for letter in small if small[letter] in replaced} | replaced.keys() | COMMON.keys() | {"İ"}
    lowered = lower.format("value")
    return [
        # a function of its own, so that its many steps are not planned with every search
        f"{_HEAD.format(name='kam_fold_rare', language='plpgsql')} AS $fold$ BEGIN RETURN {rare}; END $fold$",
        _fold(
            f"CASE WHEN value COLLATE \"C\" !~ '{_one_of(special)}' THEN {lowered} "
            f"WHEN value COLLATE \"C\" !~ '{_one_of(special - COMMON.keys())}' THEN {_replaced(lowered, COMMON)} "
            'ELSE kam_fold_rare(value) COLLATE "C" END',
        ),
    ]


def _fold(body: str) -> str:
    return f'{_HEAD.format(name="kam_fold", language="sql")} RETURN ({body}) COLLATE "C"'


def _letters() -> tuple[dict[str, str], dict[str, str]]:
    """Return the small letter of each capital, and what the small letters are folded to that differ from that."""
    letters = [chr(code) for code in range(0x41, LAST_CASED + 1) if not 0xD800 <= code < 0xE000]
    small = {letter: letter.lower() for letter in letters if letter.lower() != letter and letter != "İ"}
    return small, {letter: letter.casefold() for letter in letters if letter.casefold() != letter == letter.lower()}


def _replaced(text: str, folded: dict[str, str]) -> str:
    """Return SQL for a text with letters replaced: one by one where a letter becomes several."""
    single = {letter: to for letter, to in folded.items() if len(to) == 1}
    for letter, to in folded.items():
        if len(to) > 1:
            text = f"replace({text}, '{letter}', '{to}')"
    return f"translate({text}, '{''.join(single)}', '{''.join(single.values())}')"


def _one_of(letters: set[str]) -> str:
    """Return a bracket expression for these letters, with ranges."""
    codes = sorted({ord(letter) for letter in letters})
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in ranges) + "]"
