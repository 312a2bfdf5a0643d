"""How an account's stored inputs and its classification history are read."""

from __future__ import annotations

import sqlalchemy as sa

from service.models.accounts import accounts
from service.models.classification import (
    attractiveness_scores,
    business_strengths,
    classifications,
)
from service.models.classification_results import ClassificationEntry
from service.models.scoring_models import scoring_models
from service.platform.columns import Json, Uuid
from service.platform.dialects import one_of
from service.platform.statements import Statement
from service.queries.listing import Listing, Sort
from service.queries.scoring_models import ACTIVE

a, m, s, b, h = accounts.c, scoring_models.c, attractiveness_scores.c, business_strengths.c, classifications.c
CLASSIFICATIONS = Listing(
    name="classifications",
    table=classifications,
    members={name: h[name] for name in ClassificationEntry.model_fields},
    sorts={"account_version": h.account_version},
    default_sort=(Sort("account_version", True),),
)

LATEST = (
    sa.select(h.result)
    .where(h.account_id == a.id)
    .order_by(h.account_version.desc())
    .limit(sa.literal_column("1"))
    .correlate(accounts)
    .scalar_subquery()
)
_STORED_STRENGTH = (
    b.account_id.label("strength_of"),
    b.factors,
    b.no_known_competitor,
    b.confirmed_by_id,
    b.updated_at.label("strength_at"),
)

STANDINGS = Statement(
    sa.select(
        a.id,
        a.raw_quadrant,
        sa.select(m.id).where(ACTIVE).scalar_subquery().label("model_id"),
        sa.select(m.version).where(ACTIVE).scalar_subquery().label("model_version"),
        sa.type_coerce(LATEST, Json()).label("latest"),
        *_STORED_STRENGTH,
    )
    .select_from(accounts.outerjoin(business_strengths, b.account_id == a.id))
    .where(one_of(a.id, "ids"))
)
"""Of each account: the strength factors, the latest result, which model is active; read under the accounts' locks."""

SCORES = Statement(sa.select(attractiveness_scores).where(one_of(s.account_id, "ids")).order_by(s.account_id, s.factor))
"""The stored scores of accounts."""

RESULT = Statement(
    sa.select(a.version, sa.type_coerce(LATEST, Json()).label("latest")).where(
        a.id == sa.bindparam("id", type_=Uuid()), a.deleted_at.is_(None)
    )
)
"""An account's version and latest result (null when nothing was ever scored)."""

STORED_SCORES = Statement(
    sa.select(a.version, s.factor, s.score, s.metric, s.evidence, s.rater_id, s.scored_at)
    .select_from(accounts.outerjoin(attractiveness_scores, s.account_id == a.id))
    .where(a.id == sa.bindparam("id", type_=Uuid()), a.deleted_at.is_(None))
    .order_by(s.factor)
)
"""An account's version beside each stored score; one row of nulls when there is none."""

STORED_STRENGTH = Statement(
    sa.select(a.version, *_STORED_STRENGTH)
    .select_from(accounts.outerjoin(business_strengths, b.account_id == a.id))
    .where(a.id == sa.bindparam("id", type_=Uuid()), a.deleted_at.is_(None))
)
"""An account's version beside its stored success factors."""

_HAS_INPUTS = sa.or_(
    sa.exists().where(s.account_id == a.id).correlate(accounts),
    sa.exists().where(b.account_id == a.id).correlate(accounts),
)
_SCORED = sa.select(a.id).where(a.deleted_at.is_(None), _HAS_INPUTS)

NEXT_SCORED = Statement(
    _SCORED.where(a.id > sa.bindparam("after", type_=Uuid()))
    .order_by(a.id)
    .limit(sa.bindparam("limit", type_=sa.BigInteger))
)
"""The next accounts that have inputs, in the order of their ids."""

COUNT_SCORED = Statement(
    sa.select(sa.func.count()).select_from(_SCORED.limit(sa.bindparam("limit", type_=sa.BigInteger)).subquery())
)
"""How many accounts have inputs, counted up to `:limit`."""
