"""How an account's stored inputs and its classification history are read."""

from __future__ import annotations

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

a, m, b, h = accounts.c, scoring_models.c, business_strengths.c, classifications.c
r, o = ratings.c, quadrant_overrides.c

CLASSIFICATIONS = Listing(
    name="classifications",
    table=classifications,
    members={name: h[name] for name in ClassificationEntry.model_fields},
    sorts={"account_version": h.account_version},
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
"""What accounts and entries of the history both hold of a position."""


def latest(*names: str) -> sa.ScalarSelect[str]:
    """These members of an account's latest entry (and model_version), as JSON; null when it was never classified."""
    members = {name: m.version if name == "model_version" else h[name] for name in names}
    return (
        sa.select(json_row(members))
        .select_from(classifications.join(scoring_models, m.id == h.model_id))
        .where(h.account_id == a.id)
        .order_by(h.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(accounts)
        .scalar_subquery()
    )


LATEST_MODEL = (
    sa.select(h.model_id)
    .where(h.account_id == a.id)
    .order_by(h.account_version.desc())
    .limit(sa.literal_column("1"))
    .correlate(accounts)
    .scalar_subquery()
)
ACTIVE_ID = sa.select(m.id).where(ACTIVE).scalar_subquery()
ACTIVE_VERSION = sa.select(m.version).where(ACTIVE).scalar_subquery()
CURRENT = r.superseded_at.is_(None)

OVERRIDE = (
    sa.select(
        json_row(
            {
                "quadrant": o.quadrant,
                "reason": o.reason,
                "recorded_by": o.recorded_by,
                "recorded_at": o.recorded_at,
                "expires_at": o.expires_at,
            }
        )
    )
    .where(o.account_id == a.id)
    .correlate(accounts)
    .scalar_subquery()
)
LEADING = (
    sa.select(json_row({"reason": h.reason, "recorded_by": h.recorded_by, "recorded_at": h.classified_at}))
    .where(h.account_id == a.id, h.cause == sa.literal_column("'leading_verb'"), h.leading_verb == a.leading_verb)
    .order_by(h.account_version.desc())
    .limit(sa.literal_column("1"))
    .correlate(accounts)
    .scalar_subquery()
)
"""Why the leading verb was chosen: the latest entry that chose it."""

_STORED_STRENGTH = (
    b.account_id.label("strength_of"),
    b.factors,
    b.no_known_competitor,
    b.confirmed_by_id,
    b.updated_at.label("strength_at"),
)

_ENTRY = ("model_id", "model_version", "classified_at", "missing", "inputs", *COLUMNS)

STANDINGS = Statement(
    sa.select(
        a.id,
        *[a[name] for name in COLUMNS],
        ACTIVE_ID.label("model_id"),
        ACTIVE_VERSION.label("model_version"),
        sa.type_coerce(latest(*_ENTRY), Json()).label("latest"),
        sa.type_coerce(OVERRIDE, Json()).label("override"),
        sa.type_coerce(sa.case((a.leading_verb.is_not(None), LEADING)), Json()).label("leading"),
        *_STORED_STRENGTH,
    )
    .select_from(accounts.outerjoin(business_strengths, b.account_id == a.id))
    .where(one_of(a.id, "ids"))
)
"""Of each account: its position, the strength factors, the latest entry, which model is active; read under locks."""

RATINGS_IN_USE = Statement(
    sa.select(ratings).where(one_of(r.account_id, "ids"), CURRENT).order_by(r.account_id, r.factor, r.rater_key)
)
"""The current ratings of accounts."""

LIVE = {
    **{name: a[name] for name in ("id", "version", *COLUMNS)},
    "model_id": ACTIVE_ID,
    "model_version": ACTIVE_VERSION,
    "latest": sa.type_coerce(latest("model_id", "model_version", "classified_at"), JsonDocument()),
    "override": sa.type_coerce(OVERRIDE, JsonDocument()),
    "leading": sa.type_coerce(sa.case((a.leading_verb.is_not(None), LEADING)), JsonDocument()),
    "stage": a.stage,
    "ratings": json_list(
        sa.select(
            json_row(
                {
                    "factor": r.factor,
                    "score": exact_text(r.score),
                    "metric": r.metric,
                    "chosen": r.chosen,
                    "rater_id": r.rater_id,
                    "scored_at": r.scored_at,
                    "evidence": r.evidence.is_not(None),
                    "without_new_evidence": r.without_new_evidence,
                }
            )
        )
        .where(r.account_id == a.id, CURRENT)
        .order_by(r.factor, r.rater_key)
        .correlate(accounts)
    ),
    "strength": sa.type_coerce(
        sa.select(
            json_row(
                {
                    "factors": b.factors,
                    "no_known_competitor": b.no_known_competitor,
                    "confirmed_by_id": b.confirmed_by_id,
                    "strength_at": b.updated_at,
                }
            )
        )
        .where(b.account_id == a.id)
        .correlate(accounts)
        .scalar_subquery(),
        JsonDocument(),
    ),
}
"""All that an account's classification is explained from, as members of one document."""

STANDING = Statement(
    sa.select(sa.type_coerce(json_row(LIVE), Json()).label("standing")).where(
        a.id == bind("id", Uuid()), a.deleted_at.is_(None)
    )
)
"""The same of one account."""

STORED_STRENGTH = Statement(
    sa.select(a.version, *_STORED_STRENGTH)
    .select_from(accounts.outerjoin(business_strengths, b.account_id == a.id))
    .where(a.id == bind("id", Uuid()), a.deleted_at.is_(None))
)
"""An account's version beside its stored success factors."""
