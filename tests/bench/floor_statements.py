"""The SQL of the floors, written by hand: values for F1, documents for F5, and the two tables of words they need."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from service.rules.classification.fiocca import VERBS
from service.rules.relationship.stages import STAGES

_REFS = (
    "(SELECT coalesce(json_agg(json_build_object('system', r.system, 'external_id', r.external_id) ORDER BY r.system),"
    " '[]'::json) FROM refs r WHERE r.entity_id = a.id)"
)
_ACCOUNT = (
    f"SELECT id::text, version, created_at, updated_at, name, parent_id::text, status, scope, industry, country, website,"
    f" currency, revenue::text, owner_id::text, tags, attributes, {_REFS}, quadrant, quadrant_source,"
    " fiocca_attractiveness, fiocca_position, attractiveness::float8, business_strength::float8,"
    " relative_strength::float8, classification_status, stage, target_stage, target_stage_on, service_level,"
    " supplier_status, perception_level, leading_verb, general_portfolio, benefit_to_us, benefit_to_customer"
)
_PAGE = (
    " FROM accounts a WHERE quadrant = $1 AND deleted_at IS NULL"
    " ORDER BY coalesce(revenue, -1000000000000) DESC, id DESC LIMIT 50"
)
_CHANGE = """
    WITH u AS (
        UPDATE accounts SET service_level = $3, version = version + 1, updated_at = now()
        WHERE id = $1 AND version = $2 AND deleted_at IS NULL RETURNING *
    ), e AS (
        INSERT INTO events (id, type, schema_version, account_id, subject_kind, subject_id, subject_version,
            occurred_at, cause, content, body)
        SELECT m.event, 'account.updated', 1, a.id, 'account', a.id, a.version, a.updated_at,
            '{"kind": "user", "origin": null, "key_id": null, "request_id": null}'::jsonb, '{}',
            json_build_object('id', m.event, 'type', 'account.updated', 'timestamp', a.updated_at,
                'data', json_build_object(
                    'account', json_build_object('id', a.id, 'name', a.name, 'version', a.version, 'refs', m.refs),
                    'previous', json_build_object('service_level', b.service_level),
                    'current', json_build_object('service_level', a.service_level),
                    'changed', json_build_array('service_level')),
                'cause', '{"kind": "user", "origin": null, "key_id": null, "request_id": null}'::json)::text
        FROM u a, (SELECT service_level FROM accounts WHERE id = $1) b,
            LATERAL (SELECT gen_random_uuid() AS event, {refs} AS refs) m
    )
""".replace("{refs}", _REFS)


def _cases(subject: str, pairs: Mapping[str, str]) -> str:
    return f"CASE {subject} " + " ".join(f"WHEN '{key}' THEN '{value}'" for key, value in pairs.items()) + " END"


def _instant(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


STAGE_NAMES = {str(stage.value): terms.cranfield_name for stage, terms in STAGES.items()}
VERBS_OF = {
    (str(high.value), str(strong.value)): [str(verb.value) for verb in v] for (high, strong), v in VERBS.items()
}
_POSITION = "(fiocca_attractiveness || ' ' || fiocca_position)"
_VERB_TEXTS = {f"{high} {strong}": orjson.dumps(verbs).decode() for (high, strong), verbs in VERBS_OF.items()}
_LEADING = {cell: verbs[0] for cell, verbs in ((f"{h} {s}", v) for (h, s), v in VERBS_OF.items()) if len(verbs) == 1}
_DOCUMENT = (
    f"SELECT id, version, {_instant('created_at')} AS created_at, {_instant('updated_at')} AS updated_at, name,"
    " parent_id, status, scope, industry, country, website, currency, revenue::text AS revenue, owner_id, tags,"
    f" attributes, {_REFS} AS refs, quadrant, quadrant_source, CASE WHEN fiocca_position IS NOT NULL THEN"
    " json_build_object('attractiveness', fiocca_attractiveness, 'position', fiocca_position, 'verbs',"
    f" ({_cases(_POSITION, _VERB_TEXTS)})::json, 'leading_verb', coalesce({_cases(_POSITION, _LEADING)}, leading_verb))"
    " END AS fiocca,"
    " trim_scale(attractiveness) AS attractiveness, trim_scale(business_strength) AS business_strength,"
    " trim_scale(relative_strength) AS relative_strength, classification_status, stage,"
    f" {_cases('stage', STAGE_NAMES)} AS stage_cranfield, target_stage, target_stage_on, service_level,"
    " supplier_status, perception_level, general_portfolio, benefit_to_us, benefit_to_customer"
)


def _nodes(rows: str) -> str:
    return f"(SELECT json_build_object('nodes', coalesce(json_agg(row_to_json(x)), '[]'::json)) FROM ({rows}) x)"


_STAKEHOLDERS = _nodes(
    "SELECT id, name, roles, trim_scale(influence) AS influence, stance FROM stakeholders"
    " WHERE account_id = a.id AND deleted_at IS NULL ORDER BY id"
)
_ACTIONS = _nodes(
    'SELECT id, title, owner_id AS "ownerId", due_on AS "dueOn", state FROM actions'
    " WHERE objective_id = o.id AND deleted_at IS NULL ORDER BY id"
)
_OBJECTIVES = _nodes(
    f'SELECT id, title, metric, trim_scale(target) AS target, due_on AS "dueOn", {_ACTIONS} AS actions'
    " FROM objectives o WHERE account_id = a.id AND deleted_at IS NULL ORDER BY id"
)
_BRIEF = "SELECT id::text, name, industry, quadrant, revenue::text AS revenue"

STATEMENTS = {
    "account": f"{_ACCOUNT} FROM accounts a WHERE id = $1 AND deleted_at IS NULL",
    "accounts": _ACCOUNT + _PAGE,
    "change": f"{_CHANGE} {_ACCOUNT} FROM u a",
    "brief": f"{_BRIEF} FROM accounts WHERE id = $1 AND deleted_at IS NULL",
    "briefs": _BRIEF + _PAGE,
    "stakeholders": "SELECT account_id::text, id::text, name, roles, influence::float8, stance FROM stakeholders"
    " WHERE account_id = ANY($1::text[]::uuid[]) AND deleted_at IS NULL ORDER BY id",
    "objectives": "SELECT account_id::text, id::text, title, metric, target::float8, due_on FROM objectives"
    " WHERE account_id = ANY($1::text[]::uuid[]) AND deleted_at IS NULL ORDER BY id",
    "actions": "SELECT objective_id::text, id::text, title, owner_id::text, due_on, state FROM actions"
    " WHERE objective_id = ANY($1::text[]::uuid[]) AND deleted_at IS NULL ORDER BY id",
    "account_json": f"SELECT row_to_json(t)::text FROM ({_DOCUMENT} FROM accounts a WHERE id = $1"
    " AND deleted_at IS NULL) t",
    "accounts_json": f"SELECT json_build_object('items', json_agg(row_to_json(t)))::text FROM ({_DOCUMENT}{_PAGE}) t",
    "tree_json": "SELECT json_build_object('data', json_build_object('accounts', json_build_object('nodes',"
    " (SELECT json_agg(row_to_json(t)) FROM (SELECT id, name, industry, quadrant, revenue::text AS revenue,"
    f" {_STAKEHOLDERS} AS stakeholders, {_OBJECTIVES} AS objectives{_PAGE}) t))))::text",
    "branch_json": "SELECT json_build_object('data', json_build_object('account', (SELECT row_to_json(t) FROM"
    f" (SELECT id, name, industry, quadrant, revenue::text AS revenue, {_STAKEHOLDERS} AS stakeholders"
    " FROM accounts a WHERE id = $1 AND deleted_at IS NULL) t)))::text",
}
