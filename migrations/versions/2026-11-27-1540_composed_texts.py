"""Stored texts and external ids get Unicode's composed form (NFC), which incoming ones have from now on.

Of two references that become one, the record that was made first keeps it, and the other is removed and printed. Events
and what was sent of them stay as they were.
"""

import json
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "202611271540"
down_revision = "202611271530"
branch_labels = None
depends_on = None

ROWS = 1000
TEXTS = {
    "accounts": ("name", "industry", "benefit_to_us", "benefit_to_customer", "target_stage_reason"),
    "people": ("name", "email", "title", "function"),
    "stakeholders": ("name", "title", "function", "email"),
    "plans": ("title", "summary"),
    "objectives": ("title", "metric", "unit", "notes"),
    "actions": ("title", "expected_result", "notes"),
    "api_keys": ("name",),
    "event_consumers": ("description",),
    "scoring_models": ("name",),
    "webhook_endpoints": ("description",),
    "classifications": ("reason",),
    "forecast_positions": ("reason",),
    "general_portfolios": ("reason",),
    "quadrant_overrides": ("reason",),
    "ratings": ("evidence",),
    "stage_entries": ("reason", "evidence"),
    "status_entries": ("reason", "evidence", "agreed_by"),
}
DOCUMENTS = {
    "accounts": ("tags", "attributes"),
    "business_strengths": ("factors",),
    "classifications": ("inputs",),
    "general_portfolios": ("strategic_importance", "difficulty"),
    "scoring_models": ("definition",),
    "webhook_endpoints": ("filter", "channels"),
}
KEYS = {"business_strengths": "account_id", "quadrant_overrides": "account_id"}


def upgrade() -> None:
    for table, columns in TEXTS.items():
        for column in columns:
            _compose(table, column, lambda text: unicodedata.normalize("NFC", text))
    for table, columns in DOCUMENTS.items():
        for column in columns:
            _compose(table, column, _document, document=True)
    _compose_references()


def downgrade() -> None:
    """Texts stay composed: nothing depends on how they were typed."""


def _compose(table: str, column: str, composed: Any, *, document: bool = False) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    key = KEYS.get(table, "id")
    text = f"{column}::text" if postgresql and document else column
    value = "CAST(:value AS jsonb)" if postgresql and document else ":value"
    identifier = "CAST(:key AS uuid)" if postgresql else ":key"
    update = sa.text(f"UPDATE {table} SET {column} = {value} WHERE {key} = {identifier}")
    for rows in _wide(table, key, text):
        changed = [{"key": row[0], "value": new} for row in rows if (new := composed(row[1])) != row[1]]
        if changed:
            op.get_bind().execute(update, changed)


def _wide(table: str, key: str, text: str) -> Iterator[list[Any]]:
    """Yield the keys and texts of the rows whose text is not ASCII alone, a thousand at a time."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    wide = f"octet_length({text}) > length({text})" if postgresql else f"length(CAST({text} AS BLOB)) > length({text})"
    shown, after = (f"{key}::text", "CAST(:after AS uuid)") if postgresql else (key, ":after")
    query = sa.text(f"SELECT {shown}, {text} FROM {table} WHERE {key} > {after} AND {wide} ORDER BY {key} LIMIT {ROWS}")
    last = "00000000-0000-0000-0000-000000000000"
    while rows := op.get_bind().execute(query, {"after": last}).fetchall():
        yield list(rows)
        last = rows[-1][0]


def _document(text: str) -> str:
    """Return a JSON text with composed names and values; of two names that become one, the first stays."""
    composed = unicodedata.normalize("NFC", text)
    if composed == text:
        return text
    repeated = False

    def first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        repeated = repeated or len(dict(pairs)) < len(pairs)
        return dict(reversed(pairs))

    parsed = json.loads(composed, object_pairs_hook=first)
    return json.dumps(parsed, ensure_ascii=False) if repeated else composed


def _compose_references() -> None:
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    entity = "CAST(:entity AS uuid)" if postgresql else ":entity"
    wide = "octet_length(external_id)" if postgresql else "length(CAST(external_id AS BLOB))"
    page = sa.text(
        "SELECT CAST(entity_id AS text), system, external_id, kind, live FROM refs "
        f"WHERE (entity_id, system) > ({entity}, :system) AND {wide} > length(external_id) "
        f"ORDER BY entity_id, system LIMIT {ROWS}"
    )
    owner = sa.text(
        "SELECT CAST(entity_id AS text) FROM refs WHERE kind = :kind AND system = :system AND external_id = :value "
        f"AND live AND entity_id <> {entity}"
    )
    remove = sa.text(f"DELETE FROM refs WHERE entity_id = {entity} AND system = :system")
    change = sa.text(f"UPDATE refs SET external_id = :value WHERE entity_id = {entity} AND system = :system")
    last = {"entity": "00000000-0000-0000-0000-000000000000", "system": ""}
    while rows := connection.execute(page, last).fetchall():
        for identifier, system, given, kind, live in rows:
            last = {"entity": identifier, "system": system}
            composed = unicodedata.normalize("NFC", given)
            if composed == given:
                continue
            other = connection.scalar(owner, {**last, "kind": kind, "value": composed}) if live else None
            if other is not None:
                newer, older = max(identifier, other), min(identifier, other)  # ids are in the order of their making
                connection.execute(remove, {"entity": newer, "system": system})
                said = f"{kind} {newer} loses its reference in {system}, {composed}: {kind} {older} has it already"
                print(said, file=sys.stderr)
                if newer == identifier:
                    continue
            connection.execute(change, {**last, "value": composed})
