"""Read an import file into the rows of a batch: `{system, external_id, account}`, each with its line number."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson

from service.cli.console import MISUSED, Problem
from service.models.accounts.accounts import AccountCreate

MEMBERS = frozenset(AccountCreate.model_fields)
WHOLE = frozenset({"service_level", "perception_level"})
LONGEST_CELL = 1_000_000  # characters


@dataclass(frozen=True)
class Keys:
    """The reference of a row: the other system, and the column that holds the account's id there."""

    system: str | None = None
    id_column: str = "external_id"
    skip_unknown: bool = False


@dataclass(frozen=True)
class Row:
    """A row with its line in the file. `error` says why the row cannot be read; then it has no values."""

    line: int
    item: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def read_rows(source: BinaryIO, table: bool, keys: Keys) -> Iterator[Row]:
    """Yield every row of a CSV table, or of a file with one JSON object per line. Raises Problem when the file as a
    whole cannot be read.
    """
    text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="" if table else None)
    try:
        yield from _table(text, keys) if table else _objects(text, keys)
    except UnicodeDecodeError as error:
        raise Problem(
            f"the file is not UTF-8: byte 0x{error.object[error.start]:02x} {error.reason}", MISUSED
        ) from None
    except csv.Error as error:
        raise Problem(f"the file is not CSV: {error}", MISUSED) from None
    finally:
        text.detach()


def _objects(text: Iterable[str], keys: Keys) -> Iterator[Row]:
    for line, content in enumerate(text, 1):
        if not content.strip():
            continue
        try:
            found = orjson.loads(content)
        except ValueError as error:
            yield Row(line, error=f"not JSON: {error}")
            continue
        if not isinstance(found, dict):
            yield Row(line, error="not a JSON object")
            continue
        yield Row(line, found if isinstance(found.get("account"), dict) else _item(found, keys))


def _table(text: io.TextIOWrapper, keys: Keys) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    head = text.readline()
    separator = max(",;\t", key=head.count)
    header = [name.strip() for name in next(csv.reader([head], delimiter=separator), [])]
    _check_header(header, keys)
    reader = csv.reader(text, delimiter=separator, strict=True)
    for cells in reader:
        line = reader.line_num + 1
        if not any(cells):
            continue
        if len(cells) != len(header):
            yield Row(line, error=f"{len(cells)} cells under {len(header)} headings")
            continue
        yield Row(line, _item(_record(dict(zip(header, cells, strict=True)), keys), keys))


def _check_header(header: list[str], keys: Keys) -> None:
    if len(set(header)) != len(header):
        raise Problem("two columns have the same heading; rename one of them", MISUSED)
    if keys.id_column not in header and "refs" not in header:
        raise Problem(
            f"the file has no column {keys.id_column} for the account's id; name the column with --id-column", MISUSED
        )
    if keys.id_column in header and keys.system is None and "system" not in header:
        raise Problem("the file has no column system; name the other system with --system", MISUSED)
    known = MEMBERS | {keys.id_column, "system"}
    unknown = [name for name in header if name not in known and not name.startswith("attributes.")]
    if unknown and not keys.skip_unknown:
        raise Problem(
            f"accounts have no {', '.join(unknown)}; leave them out with --skip-unknown, or call one attributes.NAME",
            MISUSED,
        )


def _record(cells: Mapping[str, str], keys: Keys) -> dict[str, Any]:
    """Return a row of a table as an object. Empty cells are left out."""
    record: dict[str, Any] = {}
    for name, cell in cells.items():
        value = cell[1:] if cell[:1] == "'" and cell[1:2] in "=+-@\t\r" else cell
        if not value:
            continue
        if name.startswith("attributes."):
            record.setdefault("attributes", {})[name.removeprefix("attributes.")] = value
        elif name in (keys.id_column, "system"):
            record[name] = value
        elif name == "tags":
            record[name] = [tag.strip() for tag in value.split(",") if tag.strip()]
        elif name == "refs":
            record[name] = _references(value)
        elif name == "attributes":
            found = _json(value)
            record[name] = {**found, **record.get(name, {})} if isinstance(found, dict) else value
        else:
            record[name] = int(value) if name in WHOLE and value.isascii() and value.isdigit() else value
    return record


def _references(text: str) -> Any:
    """Return the references of a cell: `system:id; system:id`, or JSON where an id contains a semicolon."""
    if text.startswith("["):
        return _json(text)
    pairs = [ref.strip().partition(":") for ref in text.split(";") if ref.strip()]
    return [{"system": system, "external_id": identifier} for system, _, identifier in pairs]


def _json(text: str) -> Any:
    """Return the value of a cell, or its text when it cannot be read: the batch then reports the error."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _item(record: dict[str, Any], keys: Keys) -> dict[str, Any]:
    """Return `{system, external_id, account}`. A row without a reference of its own goes by the first of its `refs`."""
    account = dict(record)
    system = account.pop("system", None) or keys.system
    identifier = account.pop(keys.id_column, None)
    if identifier is None and isinstance(account.get("refs"), list) and account["refs"]:
        first = account["refs"][0]
        if isinstance(first, dict):
            system, identifier = first.get("system"), first.get("external_id")
    if keys.skip_unknown:
        account = {name: value for name, value in account.items() if name in MEMBERS}
    own = {"system": system, "external_id": identifier}
    return {**{name: value for name, value in own.items() if value is not None}, "account": account}
