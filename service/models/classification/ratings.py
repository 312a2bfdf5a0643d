"""Ratings of the attractiveness factors of accounts: the current ones and the superseded ones."""

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import Fields, read_of, table_of
from service.models.shapes import Key
from service.platform.types import EXACT_DECIMALS, DayText, ExactMeasure, ExactScore, Flag, Id, InstantText, Shape, Text


class SheetEntry(Shape):
    """The rating of one factor: a score, or a raw metric that the model's bands turn into a score."""

    factor: Key = Member(description="The factor's key in the active model")
    score: ExactScore | None = Member(default=None, description="The score, 0 to 10; this or `metric`")
    metric: ExactMeasure | None = Member(
        default=None, description="A raw metric for the factor's bands; this or `score`"
    )
    evidence: Text | None = Member(default=None, description="The evidence for the score")
    scored_on: DayText | None = Member(
        default=None, description="The day of the rating, in UTC; today when left out, never in the future"
    )


class ScoreInput(SheetEntry):
    """The rating of one factor by one rater."""

    rater_id: Id | None = Member(default=None, description="The person who scored; null is one rater too")


class AttractivenessPut(Shape):
    """The account's ratings on the active model; they replace all current ones."""

    scores: list[ScoreInput] = Member(
        max_length=80, description="One entry per factor and rater; at most 10 raters of a factor"
    )


class RatingSheet(Shape):
    """One rater's ratings of an account's factors."""

    rater_id: Id | None = Member(default=None, description="The person who scored; null is one rater too")
    scores: list[SheetEntry] = Member(
        min_length=1,
        max_length=8,
        description="One entry per factor; each replaces this rater's earlier rating of that factor",
    )


class RatingChoice(Shape):
    """The rating to take as a factor's value."""

    factor: Key = Member(description="The factor's key in the active model")
    rating_id: Id | None = Member(description="A current rating of that factor; null takes the mean again")
    reason: Text | None = Member(default=None, description="Why this rating counts, or the mean")


class RatingRow(Fields, table=True):
    """One rating; `superseded_at` is null while it is current: the latest of its rater, and not withdrawn.

    `rater_key` is the rater's id or empty text, so that ratings without a rater are one per factor too. `metric` is
    the exact text of the number that the bands turned into the score.
    """

    __tablename__ = "ratings"

    id: Id = Field(primary_key=True, description="UUIDv7 of this rating")
    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    factor: Key = Field(description="The factor's key")
    rater_id: Id | None = Field(foreign_key="people.id", description="The person who scored")
    rater_key: str
    score: ExactScore = Field(
        sa_type=Exact(19, EXACT_DECIMALS),
        description="The score, 0 to 10, as it was given or as the bands of that time turned the metric into it",
    )
    metric: str | None
    evidence: Text | None = Field(description="The evidence for the score")
    scored_at: InstantText = Field(description="When the account was rated")
    recorded_at: InstantText = Field(description="When the rating was recorded")
    recorded_by: Text | None = Field(description="The API key that recorded it")
    superseded_at: InstantText | None = Field(
        description="Until when it was current: a newer rating of the same rater replaced it, or it was withdrawn"
    )
    chosen: Flag = Field(
        default=False, description="Whether this rating was chosen as the factor's value, instead of the mean"
    )
    without_new_evidence: Flag = Field(
        default=False, description="Whether it differs from the rating that it superseded and names no new evidence"
    )


ratings = table_of(RatingRow)
_CURRENT = sa.text("superseded_at IS NULL")
sa.Index(
    "uq_ratings_current",
    ratings.c.account_id,
    ratings.c.factor,
    ratings.c.rater_key,
    unique=True,
    postgresql_where=_CURRENT,
    sqlite_where=_CURRENT,
)
sa.Index("ix_ratings_account", ratings.c.account_id, ratings.c.recorded_at, ratings.c.id)


@read_of(RatingRow, order="id account_id factor rater_id score metric")
class RatingRead(Shape):
    """One rating of an attractiveness factor."""

    metric: ExactMeasure | None = Member(description="The raw metric that the model's bands turn into the score")
