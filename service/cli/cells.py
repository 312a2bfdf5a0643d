"""Cells of a table: how `kam export` writes the members of records into them, and how `kam import` reads them.

A cell loses the blanks around it when it is read. What needs them, or would be read as something else, is written as a
JSON string; what a spreadsheet would run as a formula gets a leading `'`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from service.platform.types import BIGGEST

_FORMULA = re.compile(r"[=+\-@\t\r']")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_QUOTED = re.compile(r'[,"\r\n]')
_GROUPED = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?")
_REFERENCE = re.compile(r'\s*([^:;]+):\s*("(?:[^"\\]|\\.)*"|[^;]*?)\s*(?:;|$)')


def line(values: Iterable[Any]) -> str:
    """Return a row of a CSV table. Python's own writer would leave a lone carriage return without quotes."""
    shown = (cell(value) for value in values)
    quoted = ('"' + each.replace('"', '""') + '"' if _QUOTED.search(each) else each for each in shown)
    return ",".join(quoted) + "\n"


def cell(value: Any) -> str:
    """Return a value as a cell: references as `system:id; ...`, lists of texts as `a, b`, other structures as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(item, dict) and "external_id" in item for item in value):
        text = _references_cell(value)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        plain = all(item == item.strip() for item in value) and not "".join(value[:1]).startswith("[")
        text = ", ".join(value) if plain else orjson.dumps(value).decode()
    elif isinstance(value, str):
        text = quoted(value)
    else:
        text = orjson.dumps(value).decode()
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _references_cell(refs: list[dict[str, str]]) -> str:
    if any(";" in ref["external_id"] for ref in refs):
        return orjson.dumps(refs).decode()
    ids = [ref["external_id"] for ref in refs]
    shown = [json.dumps(each, ensure_ascii=False) if each[:1] == '"' else quoted(each) for each in ids]
    return "; ".join(f"{ref['system']}:{each}" for ref, each in zip(refs, shown, strict=True))


def quoted(text: str) -> str:
    """Return a text as a JSON string if it has outer blanks or would be read as a JSON string; otherwise unchanged."""
    return json.dumps(text, ensure_ascii=False) if text != text.strip() or unquoted(text) != text else text


def unquoted(text: str) -> str:
    """Return the text of a JSON string that only `quoted` writes: one with outer blanks, or in quotes itself."""
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        found = as_json(text)
        if isinstance(found, str) and (found != found.strip() or found[:1] == '"'):
            return found
    return text


def plain(cell: str) -> str:
    """Return a cell as it was meant: without the blanks around it (no-break blanks too), and without the `'` that keeps
    a spreadsheet from running it.
    """
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] and _FORMULA.match(text[1:2]) else text


def references(text: str) -> Any:
    """Return the references of a cell: `system:id; system:id`, or JSON where an id contains a semicolon."""
    if text.startswith("["):
        return as_json(text)
    found, place = [], 0
    while place < len(text):
        match = _REFERENCE.match(text, place)
        if match is None:
            return text
        found.append({"system": match[1].strip(), "external_id": unquoted(match[2])})
        place = match.end()
    return found


def texts(text: str) -> Any:
    """Return the texts of a cell: `a, b`, or a JSON list where one of them has outer blanks."""
    if text.startswith("["):
        return as_json(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def as_json(text: str) -> Any:
    """Return the value of a cell, or its text when it is not JSON: the batch then reports the error."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def number_text(text: str, decimal: str) -> str | None:
    """Return a number as it is written with a decimal point and without groups, or None when it is no number.

    With the decimal sign `,` points group the digits before it by three.
    """
    if decimal == ",":
        return text.replace(".", "").replace(",", ".") if _GROUPED.fullmatch(text) else None
    return text if _NUMBER.fullmatch(text) else None


def attribute(text: str, kind: str, decimal: str) -> Any:
    """Return the value of an attribute of a kind (`text`, `number`, `boolean`), or None when the text is none."""
    if kind == "number":
        found = number_text(text, decimal)
        value = None if found is None else float(found) if "." in found else int(found)
        return value if value is not None and abs(value) <= BIGGEST else None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    return text


def kind_of(value: Any) -> str:
    """Return the kind of an attribute's value; `text` for null."""
    return "boolean" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"


def member_value(record: Mapping[str, Any], path: list[str]) -> Any:
    """Return the value at a path of members in JSON, or None where the path ends."""
    here: Any = record
    for part in path:
        if isinstance(here, list):
            here = here[int(part)] if part.isdigit() and int(part) < len(here) else None
        else:
            here = here.get(part) if isinstance(here, Mapping) else None
    return here
