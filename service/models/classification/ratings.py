"""What people scored: the ratings of each account's attractiveness factors, the current ones and those before."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Exact, Instant, Uuid
from service.models.shapes import Key
from service.platform.types import EXACT_DECIMALS, DayText, ExactMeasure, ExactScore, Flag, Id, InstantText, Shape, Text


class SheetEntry(Shape):
    """The rating of one factor: either a score or a raw metric that the model's bands turn into one."""

    factor: Key = Member(description="The factor's key in the active model")
    score: ExactScore | None = Member(default=None, description="The score, 0 to 10; either this or metric")
    metric: ExactMeasure | None = Member(
        default=None, description="A raw metric for the factor's bands; either this or score"
    )
    evidence: Text | None = Member(default=None, description="What the score rests on")
    scored_on: DayText | None = Member(
        default=None, description="The day it was judged, UTC; today when left out, never in the future"
    )


class ScoreInput(SheetEntry):
    """The rating of one factor by one rater."""

    rater_id: Id | None = Member(default=None, description="Who scored: a person; ratings without one are one rater's")


class AttractivenessPut(Shape):
    """The account's ratings on the active model; replaces all current ones."""

    scores: Annotated[list[ScoreInput], Member(max_length=80)] = Member(
        description="One entry per factor and rater; at most 10 raters of a factor"
    )


class RatingSheet(Shape):
    """What one rater says of an account's factors."""

    rater_id: Id | None = Member(default=None, description="Who scored: a person; sheets without one are one rater's")
    scores: Annotated[list[SheetEntry], Member(min_length=1, max_length=8)] = Member(
        description="One entry per factor; each takes the place of this rater's earlier rating of that factor"
    )


class RatingChoice(Shape):
    """Which rating is a factor's value."""

    factor: Key = Member(description="The factor's key in the active model")
    rating_id: Id | None = Member(description="A current rating of that factor; null goes back to the mean")
    reason: Text | None = Member(default=None, description="Why this rating counts, or the mean again")


class RatingRow(SQLModel, table=True):
    """One rating; `superseded_at` is null while it is current: the latest of its rater, and not withdrawn.

    `rater_key` is the rater's id or empty text, so that also ratings without a rater are one per factor. `metric` is
    the exact text of the number that the bands turned into the score. `without_new_evidence` marks a rating that
    differs from the one it superseded and names no new evidence.
    """

    __tablename__ = "ratings"

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    factor: str = Field(sa_type=sa.Text)
    rater_id: str | None = Field(default=None, sa_type=Uuid, foreign_key="people.id")
    rater_key: str = Field(sa_type=sa.Text)
    score: Decimal = Field(sa_type=Exact(19, EXACT_DECIMALS))
    metric: str | None = Field(default=None, sa_type=sa.Text)
    evidence: str | None = Field(default=None, sa_type=sa.Text)
    scored_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    recorded_by: str | None = Field(default=None, sa_type=sa.Text)
    superseded_at: datetime | None = Field(default=None, sa_type=Instant)
    chosen: bool = Field(default=False, sa_type=sa.Boolean)
    without_new_evidence: bool = Field(default=False, sa_type=sa.Boolean)


ratings: sa.Table = RatingRow.__table__  # type: ignore[attr-defined]
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


class RatingRead(Shape):
    """One rating of an attractiveness factor."""

    id: Id = Member(description="UUIDv7 of this rating")
    account_id: Id = Member(description="The account")
    factor: Key = Member(description="The factor's key")
    rater_id: Id | None = Member(description="Who scored: a person")
    score: ExactScore = Member(description="The score, 0 to 10, as it was given or read through the bands of its time")
    metric: ExactMeasure | None = Member(description="The raw metric that the model's bands turn into the score")
    evidence: Text | None = Member(description="What the score rests on")
    scored_at: InstantText = Member(description="When it was judged")
    recorded_at: InstantText = Member(description="When it was recorded")
    recorded_by: Text | None = Member(description="The key that recorded it")
    superseded_at: InstantText | None = Member(
        description="Until when it was current: a newer rating of the same rater took its place, or it was withdrawn"
    )
    chosen: Flag = Member(description="Whether this rating was chosen as the factor's value, instead of the mean")
    without_new_evidence: Flag = Member(
        description="Whether it differs from the rating it superseded and names no new evidence"
    )
