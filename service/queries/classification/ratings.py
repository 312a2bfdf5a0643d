"""Read the ratings of an account: the current ones with the value that counts, and all of them as a list."""

import sqlalchemy as sa

from service.framework.database.columns import Json, Uuid, bind
from service.framework.database.dialects import JsonDocument, as_json, exact_text, json_list, json_row
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.ratings import RatingRead, ratings
from service.queries.classification.classification import ACTIVE_ID, ACTIVE_VERSION, CURRENT, latest

RATINGS = Listing(
    name="ratings",
    table=ratings,
    members={
        name: as_json(ratings.c[name]) if name == "metric" else ratings.c[name] for name in RatingRead.model_fields
    },
    sorts={"recorded_at": ratings.c.recorded_at},
    default_sort=(Sort("recorded_at", True),),
)

CURRENT_RATINGS = {
    "account_id": accounts.c.id,
    "version": accounts.c.version,
    "model_id": ACTIVE_ID,
    "model_version": ACTIVE_VERSION,
    "latest": sa.type_coerce(latest("model_id"), JsonDocument()),
    "scores": json_list(
        sa.select(
            json_row(
                {
                    "id": ratings.c.id,
                    "factor": ratings.c.factor,
                    "score": exact_text(ratings.c.score),
                    "metric": ratings.c.metric,
                    "evidence": ratings.c.evidence,
                    "rater_id": ratings.c.rater_id,
                    "scored_at": ratings.c.scored_at,
                    "chosen": ratings.c.chosen,
                    "without_new_evidence": ratings.c.without_new_evidence,
                }
            )
        )
        .where(ratings.c.account_id == accounts.c.id, CURRENT)
        .order_by(ratings.c.factor, ratings.c.rater_key)
        .correlate(accounts)
    ),
}
"""An account's current ratings as members of one document, from which the rules derive the values that count."""

RATED = Statement(
    sa.select(sa.type_coerce(json_row(CURRENT_RATINGS), Json()).label("rated")).where(
        accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None)
    )
)
"""The same members of one account."""
