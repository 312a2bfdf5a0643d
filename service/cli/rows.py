"""Read an import file into the rows of a batch: `{system, external_id, account}`, each with its line number.

A row that cannot be read fails alone. A file that cannot be read as a whole (no id, two equal headings) is a Problem.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson

from service.cli import cells
from service.cli.console import MISUSED, Problem
from service.models.accounts.accounts import AccountCreate

MEMBERS = frozenset(AccountCreate.model_fields)
WHOLE = frozenset({"service_level", "perception_level"})
NUMBERS = WHOLE | {"revenue"}
EMPTY: Mapping[str, Any] = {"tags": [], "attributes": {}}
"""What `--clear-empty` sets where null is no value."""
KINDS = ("text", "number", "boolean")
LONGEST_ROW = 1_000_000  # characters
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.DOTALL)
_WRONG_BYTE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Reading:
    """How a file is read. `system` and `id_column` give the reference of a row: the other system, and the column that
    holds the account's id there. `renamed` gives members for headings; `decimal` is the decimal sign, `.` or `,`.
    """

    system: str | None = None
    id_column: str = "external_id"
    skip_unknown: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    decimal: str = "."
    clear_empty: bool = False

    @property
    def id_name(self) -> str:
        """The name of the account's id in the other system: a column, or a member that `--map` gives to one."""
        return "external_id" if "external_id" in self.renamed.values() else self.id_column


@dataclass(frozen=True)
class Row:
    """A row with its line in the file and its cells by member. `errors` say why it cannot be sent: a member (empty for
    the row itself), its value, a code and a message.
    """

    line: int
    item: dict[str, Any] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table: the member that it fills, and the kind of an attribute where the heading states it."""

    member: str
    kind: str | None = None

    @property
    def attribute(self) -> str | None:
        """The name of the attribute that the column fills, if it fills one."""
        prefix, _, name = self.member.partition(".")
        return name if prefix == "attributes" and name else None


class Table:
    """The rows of a CSV table. Its columns are known once the header is read, which making it does."""

    def __init__(self, source: BinaryIO, reading: Reading) -> None:
        self._reading = reading
        self._lines = _Lines(source, reading.encoding)
        self._separator, header = self._header()
        self._columns = _columns(header, reading)
        attributes = {column.attribute: column.kind for column in self._columns if column and column.attribute}
        self.attributes: frozenset[str] = frozenset(name for name in attributes if name)
        """The attributes that have a column."""
        self.untyped = frozenset(name for name, kind in attributes.items() if name and kind is None)
        """Those whose heading states no kind: an attribute keeps the kind that it has."""

    def __iter__(self) -> Iterator[Row]:
        """Yield every row that is not empty."""
        while (found := self._lines.record(self._separator)) is not None:
            line, values, error = found
            if error is not None:
                yield unread(line, error)
            elif any(value.strip() for value in values):
                yield self._row(line, values)

    def _header(self) -> tuple[str, list[str]]:
        """Return the separator and the headings; a first line `sep=;` names the separator."""
        first = self._lines.peek().removeprefix("\ufeff")
        named = _SEPARATOR_LINE.fullmatch(first.rstrip("\r\n"))
        if named:
            self._lines.skip()
        separator = named[1] if named else max(",;\t", key=_outside_quotes(self._lines.peek_quoted()).count)
        found = self._lines.record(separator)
        if found is not None and found[2] is not None:
            raise Problem(f"the headings cannot be read: {found[2]}", MISUSED)
        return separator, [" ".join(name.removeprefix("\ufeff").split()) for name in (found[1] if found else [])]

    def _row(self, line: int, values: list[str]) -> Row:
        columns = self._columns
        if len(values) != len(columns):
            return unread(line, f"{len(values)} cells under {len(columns)} headings")
        shown: dict[str, Any] = {}
        record: dict[str, Any] = {}
        errors: list[dict[str, Any]] = []
        for column, value in zip(columns, values, strict=True):
            if column is None:
                if value.strip():
                    return unread(line, f"a value without a heading: {value.strip()[:100]}")
                continue
            text = cells.plain(value)
            shown[column.member] = text
            if text or self._reading.clear_empty:
                wrong = _fill(record, column, text, self._reading)
                if wrong is not None:
                    errors.append({"member": column.member, "value": text, "code": "number_format", "message": wrong})
        return Row(line, _item(record, self._reading), shown, tuple(errors))


def read_objects(source: BinaryIO, reading: Reading) -> Iterator[Row]:
    """Yield the rows of a file with one JSON object per line."""
    names = {_heading(name): member for name, member in reading.renamed.items()}
    for line, content in enumerate(_text(source, reading.encoding, None), 1):
        if not content.strip():
            continue
        if wrong := _wrong_byte(content, reading.encoding):
            yield unread(line, wrong)
            continue
        try:
            found = orjson.loads(content.removeprefix("\ufeff"))
        except ValueError as error:
            yield unread(line, f"not JSON: {error}")
            continue
        if not isinstance(found, dict):
            yield unread(line, "not a JSON object")
        elif isinstance(found.get("account"), dict):
            yield Row(line, found)
        else:
            record = {str(names.get(_heading(name), name)): value for name, value in found.items()}
            yield Row(line, _item(record, reading, reading.id_name))


def unread(line: int, message: str) -> Row:
    """Return a row that could not be read."""
    return Row(line, errors=({"member": "", "value": None, "code": "malformed_row", "message": message},))


def _text(source: BinaryIO, encoding: str, newline: str | None) -> Iterable[str]:
    """Decode a file line by line. A byte that the encoding does not know becomes a lone surrogate."""
    try:
        return io.TextIOWrapper(source, encoding=encoding, errors="surrogateescape", newline=newline)
    except LookupError:
        raise Problem(f"there is no encoding {encoding}; use for example utf-8 or cp1252", MISUSED) from None


class _Lines:
    """The lines of a table, read as records: one line, or several where a quoted cell holds line breaks."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self._text = iter(_text(source, encoding, ""))
        self._encoding = encoding
        self._ahead: deque[str] = deque()
        self._number = 0
        csv.field_size_limit(LONGEST_ROW)

    def peek(self) -> str:
        """Return the next line without reading it; the empty text at the end."""
        if not self._ahead and (line := next(self._text, "")):
            self._ahead.append(line)
        return self._ahead[0] if self._ahead else ""

    def peek_quoted(self) -> str:
        """Return the next lines, without reading them, up to the one that ends their last quoted cell."""
        text = self.peek()
        while text.count('"') % 2 and len(text) < LONGEST_ROW and (line := next(self._text, "")):
            self._ahead.append(line)
            text += line
        return text

    def skip(self) -> None:
        """Read one line."""
        if self.peek():
            self._ahead.popleft()
            self._number += 1

    def record(self, separator: str) -> tuple[int, list[str], str | None] | None:
        """Return the line number, the cells and the error of the next record, None at the end.

        A record whose quotes are wrong ends with its first line, so that a quote that is never closed takes no other
        row with it.
        """
        if not self.peek():
            return None
        taken: list[str] = []
        line = self._number + 1
        try:
            values = next(csv.reader(self._take(taken), delimiter=separator, strict=True), [])
            error = None
        except csv.Error as wrong:
            values, error = [], _in_words(str(wrong))
            self._ahead.extendleft(reversed(taken[1:]))
            taken = taken[:1]
        self._number = line - 1 + len(taken)
        return line, values, error or _wrong_byte("".join(taken), self._encoding)

    def _take(self, taken: list[str]) -> Iterator[str]:
        """Yield the next lines and note them in `taken`; ends when they are longer than a row may be."""
        length = 0
        while length < LONGEST_ROW and (line := self.peek()):
            taken.append(self._ahead.popleft())
            length += len(line)
            yield line


def _in_words(error: str) -> str:
    """Return an error of Python's CSV reader as a person reads it."""
    if "end of data" in error:
        return "a quote opens a cell and nothing closes it"
    if "expected after" in error:
        return "a quote stands inside a quoted cell; there it is written twice"
    return f"a cell has more than {LONGEST_ROW} characters" if "limit" in error else error


def _wrong_byte(text: str, encoding: str) -> str | None:
    """Return what is wrong with a text that holds a byte which its encoding does not know."""
    found = _WRONG_BYTE.search(text)
    return found and f"the byte 0x{ord(found[0]) - 0xDC00:02x} is not {encoding.upper()}; see --encoding"


def _outside_quotes(text: str) -> str:
    return re.sub(r'"[^"]*"?', "", text)


def _heading(text: str) -> str:
    """Return a heading as it is compared: without its case, with one blank between words."""
    return " ".join(text.split()).casefold()


def _columns(header: list[str], reading: Reading) -> list[Column | None]:
    """Return the column of each heading: None for one without a heading, and for unknown ones that are left out."""
    names = {_heading(name): member for name, member in reading.renamed.items()}
    missing = names.keys() - {_heading(name) for name in header}
    if missing:
        raise Problem(f"the file has no column {', '.join(sorted(missing))}, which --map names", MISUSED)
    targets = [names.get(_heading(name), name) for name in header]
    found = [_column(target, reading) for target in targets]
    members = [column.member for column in found if column is not None]
    if len(set(members)) != len(members):
        twice = next(member for member in members if members.count(member) > 1)
        raise Problem(f"two columns have the same heading or fill {twice}; rename one of them", MISUSED)
    if "external_id" not in members and "refs" not in members:
        raise Problem(
            f"the file has no column {reading.id_column} for the account's id; name the column with --id-column",
            MISUSED,
        )
    if "external_id" in members and reading.system is None and "system" not in members:
        raise Problem("the file has no column system; name the other system with --system", MISUSED)
    unknown = [name for name, column in zip(targets, found, strict=True) if name and column is None]
    if unknown and not reading.skip_unknown:
        raise Problem(
            f"accounts have no {', '.join(unknown)}; leave them out with --skip-unknown, name their member with "
            "--map HEADING=MEMBER, or call one attributes.NAME",
            MISUSED,
        )
    skipped = Column("")
    return [skipped if name and column is None else column for name, column in zip(targets, found, strict=True)]


def _column(target: str, reading: Reading) -> Column | None:
    """Return the column that a heading, or the member that --map gives it, stands for; None if it is unknown."""
    folded = _heading(target)
    if folded == _heading(reading.id_name):
        return Column("external_id")
    if folded == "system" or folded in MEMBERS:
        return Column(folded)
    if not folded.startswith("attributes.") or len(folded) == len("attributes."):
        return None
    name, _, kind = target.rpartition(":")
    if kind.casefold() in KINDS and name:
        return Column(f"attributes.{name.partition('.')[2].strip()}", kind.casefold())
    return Column(f"attributes.{target.partition('.')[2].strip()}")


def _fill(record: dict[str, Any], column: Column, text: str, reading: Reading) -> str | None:
    """Set the member of a column from a cell. Return what is wrong with the cell, if it is not even a number."""
    member, attribute, value = column.member, column.attribute, cells.unquoted(text)
    if not member:
        return None
    if attribute is not None:
        found = None if not text else cells.attribute(value, column.kind or "text", reading.decimal)
        if text and found is None:
            return f"Not a {column.kind} in a column of {column.kind}s"
        record.setdefault("attributes", {})[attribute] = found
    elif member == "refs":
        record.update({"refs": cells.references(text)} if text else {})
    elif not text:
        if member not in ("external_id", "system"):
            record[member] = EMPTY.get(member)
    elif member == "tags":
        record["tags"] = cells.texts(text)
    elif member == "attributes":
        given = cells.as_json(text)
        record["attributes"] = {**given, **record.get("attributes", {})} if isinstance(given, dict) else text
    elif member in NUMBERS:
        number = cells.number_text(text, reading.decimal)
        if number is None and reading.decimal == ",":
            return "Not a number with a decimal comma, such as 1.234,50"
        record[member] = int(number) if member in WHOLE and number is not None and number.isdigit() else number or text
    else:
        record[member] = value
    return None


def _item(record: dict[str, Any], reading: Reading, name: str = "external_id") -> dict[str, Any]:
    """Return `{system, external_id, account}`. A row without a reference of its own goes by the first of its `refs`."""
    account = dict(record)
    system = account.pop("system", None) or reading.system
    identifier = account.pop(name, None)
    if identifier is None and isinstance(account.get("refs"), list) and account["refs"]:
        first = account["refs"][0]
        if isinstance(first, dict):
            system, identifier = first.get("system"), first.get("external_id")
    if reading.skip_unknown:
        account = {name: value for name, value in account.items() if name in MEMBERS}
    own = {"system": system, "external_id": identifier}
    return {**{name: value for name, value in own.items() if value is not None}, "account": account}
