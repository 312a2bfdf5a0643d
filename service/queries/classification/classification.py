"""Read an account's stored inputs and its classification history."""

from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import Json, Uuid, bind
from service.framework.database.dialects import JsonDocument, exact_text, json_list, json_row, one_of
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.classification import business_strengths, classifications
from service.models.classification.quadrant_overrides import quadrant_overrides
from service.models.classification.ratings import ratings
from service.models.classification.results import ClassificationEntry
from service.models.classification.scoring_models import scoring_models
from service.queries.classification.scoring_models import ACTIVE

CLASSIFICATIONS = Listing(
    name="classifications",
    table=classifications,
    members={name: classifications.c[name] for name in ClassificationEntry.model_fields},
    sorts={"account_version": classifications.c.account_version},
    default_sort=(Sort("account_version", True),),
)

COLUMNS = (
    "quadrant",
    "quadrant_source",
    "computed_quadrant",
    "raw_quadrant",
    "attractiveness",
    "business_strength",
    "relative_strength",
    "fiocca_attractiveness",
    "fiocca_position",
    "leading_verb",
    "classification_status",
)
"""The columns of a position that accounts and entries of the history share."""


def latest(*names: str) -> sa.ScalarSelect[str]:
    """Return these members of an account's latest entry (and model_version) as JSON, or null when it was never
    classified.
    """
    members = {name: scoring_models.c.version if name == "model_version" else classifications.c[name] for name in names}
    return (
        sa.select(json_row(members))
        .select_from(classifications.join(scoring_models, scoring_models.c.id == classifications.c.model_id))
        .where(classifications.c.account_id == accounts.c.id)
        .order_by(classifications.c.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(accounts)
        .scalar_subquery()
    )


LATEST_MODEL = (
    sa.select(classifications.c.model_id)
    .where(classifications.c.account_id == accounts.c.id)
    .order_by(classifications.c.account_version.desc())
    .limit(sa.literal_column("1"))
    .correlate(accounts)
    .scalar_subquery()
)
ACTIVE_ID = sa.select(scoring_models.c.id).where(ACTIVE).scalar_subquery()
ACTIVE_VERSION = sa.select(scoring_models.c.version).where(ACTIVE).scalar_subquery()
CURRENT = ratings.c.superseded_at.is_(None)

OVERRIDE_MEMBERS = {
    name: quadrant_overrides.c[name] for name in ("quadrant", "reason", "recorded_by", "recorded_at", "expires_at")
}
OVERRIDE = (
    sa.select(json_row(OVERRIDE_MEMBERS))
    .where(quadrant_overrides.c.account_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)
LEADING = (
    sa.select(
        json_row(
            {
                "reason": classifications.c.reason,
                "recorded_by": classifications.c.recorded_by,
                "recorded_at": classifications.c.classified_at,
            }
        )
    )
    .where(
        classifications.c.account_id == accounts.c.id,
        classifications.c.cause == sa.literal_column("'leading_verb'"),
        classifications.c.leading_verb == accounts.c.leading_verb,
    )
    .order_by(classifications.c.account_version.desc())
    .limit(sa.literal_column("1"))
    .correlate(accounts)
    .scalar_subquery()
)
"""Why the leading verb was chosen: the latest entry that chose it."""

_STRENGTH_MEMBERS = {name: business_strengths.c[name] for name in ("factors", "no_known_competitor", "confirmed_by_id")}
_STORED_STRENGTH = (
    business_strengths.c.account_id.label("strength_of"),
    *_STRENGTH_MEMBERS.values(),
    business_strengths.c.updated_at.label("strength_at"),
)


def strength_document(instant: str) -> sa.ScalarSelect[str]:
    """Return an account's stored success factors as JSON, or null; `instant` is the name of when they were written."""
    return (
        sa.select(json_row({**_STRENGTH_MEMBERS, instant: business_strengths.c.updated_at}))
        .where(business_strengths.c.account_id == accounts.c.id)
        .correlate(accounts)
        .scalar_subquery()
    )


def current_ratings(**members: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return an account's current ratings as a JSON array, with these members besides those that each reader needs."""
    shared = ("factor", "metric", "chosen", "rater_id", "scored_at", "without_new_evidence")
    row = json_row({**{name: ratings.c[name] for name in shared}, "score": exact_text(ratings.c.score), **members})
    return json_list(
        sa.select(row)
        .where(ratings.c.account_id == accounts.c.id, CURRENT)
        .order_by(ratings.c.factor, ratings.c.rater_key)
        .correlate(accounts)
    )


_ENTRY = ("model_id", "model_version", "classified_at", "missing", "inputs", *COLUMNS)

STORED_ACCOUNTS = Statement(
    sa.select(
        accounts.c.id,
        *[accounts.c[name] for name in COLUMNS],
        ACTIVE_ID.label("model_id"),
        ACTIVE_VERSION.label("model_version"),
        sa.type_coerce(latest(*_ENTRY), Json()).label("latest"),
        sa.type_coerce(OVERRIDE, Json()).label("override"),
        sa.type_coerce(sa.case((accounts.c.leading_verb.is_not(None), LEADING)), Json()).label("leading"),
        *_STORED_STRENGTH,
    )
    .select_from(accounts.outerjoin(business_strengths, business_strengths.c.account_id == accounts.c.id))
    .where(one_of(accounts.c.id, "ids"))
)
"""Of each account the position, the strength factors, the latest entry and the active model, read under locks."""

RATINGS_IN_USE = Statement(
    sa.select(ratings)
    .where(one_of(ratings.c.account_id, "ids"), CURRENT)
    .order_by(ratings.c.account_id, ratings.c.factor, ratings.c.rater_key)
)
"""The current ratings of accounts."""

LIVE = {
    **{name: accounts.c[name] for name in ("id", "version", *COLUMNS)},
    "model_id": ACTIVE_ID,
    "model_version": ACTIVE_VERSION,
    "latest": sa.type_coerce(latest("model_id", "model_version", "classified_at"), JsonDocument()),
    "override": sa.type_coerce(OVERRIDE, JsonDocument()),
    "leading": sa.type_coerce(sa.case((accounts.c.leading_verb.is_not(None), LEADING)), JsonDocument()),
    "stage": accounts.c.stage,
    "ratings": current_ratings(evidence=ratings.c.evidence.is_not(None)),
    "strength": sa.type_coerce(strength_document("strength_at"), JsonDocument()),
}
"""The inputs of the explanation of an account's classification, as members of one document."""

CLASSIFICATION_INPUTS = Statement(
    sa.select(sa.type_coerce(json_row(LIVE), Json()).label("inputs")).where(
        accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None)
    )
)
"""The same inputs of one account."""

STORED_STRENGTH = Statement(
    sa.select(accounts.c.version, *_STORED_STRENGTH)
    .select_from(accounts.outerjoin(business_strengths, business_strengths.c.account_id == accounts.c.id))
    .where(accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None))
)
"""An account's version beside its stored success factors."""
