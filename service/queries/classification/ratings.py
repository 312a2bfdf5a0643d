"""Read the ratings of an account: the current ones with the value that counts, and all of them as a list."""

import sqlalchemy as sa

from service.framework.database.columns import Json, Uuid, bind
from service.framework.database.dialects import JsonDocument, as_json, json_row
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.ratings import RatingRead, ratings
from service.queries.classification.classification import ACTIVE_ID, ACTIVE_VERSION, current_ratings, latest

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
    "scores": current_ratings(id=ratings.c.id, evidence=ratings.c.evidence),
}
"""An account's current ratings as members of one document, from which the rules derive the values that count."""

RATED = Statement(
    sa.select(sa.type_coerce(json_row(CURRENT_RATINGS), Json()).label("rated")).where(
        accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None)
    )
)
"""The same members of one account."""
