"""How the ratings of an account are read: the current ones with what counts, and all of them as a list."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import Json, Uuid, bind
from service.framework.database.dialects import JsonDocument, as_json, exact_text, json_list, json_row
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.ratings import RatingRead, ratings
from service.queries.classification.classification import ACTIVE_ID, ACTIVE_VERSION, CURRENT, latest

a, r = accounts.c, ratings.c

RATINGS = Listing(
    name="ratings",
    table=ratings,
    members={name: as_json(r[name]) if name == "metric" else r[name] for name in RatingRead.model_fields},
    sorts={"recorded_at": r.recorded_at},
    default_sort=(Sort("recorded_at", True),),
)

CURRENT_RATINGS = {
    "account_id": a.id,
    "version": a.version,
    "model_id": ACTIVE_ID,
    "model_version": ACTIVE_VERSION,
    "latest": sa.type_coerce(latest("model_id"), JsonDocument()),
    "scores": json_list(
        sa.select(
            json_row(
                {
                    "id": r.id,
                    "factor": r.factor,
                    "score": exact_text(r.score),
                    "metric": r.metric,
                    "evidence": r.evidence,
                    "rater_id": r.rater_id,
                    "scored_at": r.scored_at,
                    "chosen": r.chosen,
                    "without_new_evidence": r.without_new_evidence,
                }
            )
        )
        .where(r.account_id == a.id, CURRENT)
        .order_by(r.factor, r.rater_key)
        .correlate(accounts)
    ),
}
"""An account's current ratings as members of one document, from which it is told what counts."""

RATED = Statement(
    sa.select(sa.type_coerce(json_row(CURRENT_RATINGS), Json()).label("rated")).where(
        a.id == bind("id", Uuid()), a.deleted_at.is_(None)
    )
)
"""The same of one account."""
