"""What moved in the portfolio between two instants: each account at both, what led there, the migration table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.types import BigCount, Count, Flag, Id, InstantText, Name, Shape, Text
from service.rules.vocabulary import (
    ClassificationStatus,
    FioccaAttractiveness,
    FioccaPosition,
    Quadrant,
    QuadrantSource,
    Stage,
)

Number = Annotated[float, Member(ge=0)]
Word = Annotated[str, StringConstraints(max_length=50)]


class MovementChanges(StrEnum):
    """Which accounts are listed: those in another quadrant, in another stage, moved in either way, or all of them.

    A first quadrant and one that was lost are changes, and so are taking an account in and deleting it, if it has one.
    """

    QUADRANT = "quadrant"
    STAGE = "stage"
    ANY = "any"
    ALL = "all"


class PositionThen(Shape):
    """Where an account stood at one of the two instants."""

    quadrant: Quadrant | None = Member(description="Its quadrant")
    quadrant_source: QuadrantSource | None = Member(description="Whether that was computed or set by hand")
    raw_quadrant: Quadrant | None = Member(description="The quadrant by its scores alone")
    attractiveness: Number | None = Member(description="Its attractiveness, 0 to 10")
    business_strength: Number | None = Member(description="Our total on its success factors, 0 to 10")
    relative_strength: Number | None = Member(description="Our total divided by the best competitor's")
    fiocca_attractiveness: FioccaAttractiveness | None = Member(description="Attractiveness band of its Fiocca cell")
    fiocca_position: FioccaPosition | None = Member(description="Position band of its Fiocca cell")
    classification_status: ClassificationStatus = Member(description="Whether every required input was there")
    stage: Stage | None = Member(description="Its relationship stage")
    model_version: Count | None = Member(description="The number of the scoring model it was judged by")


class MovementCause(Shape):
    """One entry of an account's histories between the two instants."""

    at: InstantText = Member(description="When it was recorded")
    cause: Word = Member(description="What led to it: as in the classification history, or stage")
    previous: Word | None = Member(description="The quadrant (of the cause stage: the stage) before")
    current: Word | None = Member(description="The quadrant (of the cause stage: the stage) that came of it")
    model_version: Count | None = Member(description="The number of the scoring model; null of stages")
    reason: Text | None = Member(description="Why, as far as somebody said so")
    recorded_by: Text | None = Member(description="The key behind it")


class MovedFactor(Shape):
    """An input that is another one than before; null where there was none."""

    axis: Word = Member(description="attractiveness or business_strength")
    factor: Name = Member(description="The factor's key, or the success factor's name")
    previous: Number | None = Member(description="The score before: the mean of the raters, or ours")
    current: Number | None = Member(description="The score now")


class PortfolioMovement(Shape):
    """One account between the two instants."""

    account_id: Id = Member(description="The account")
    name: Name = Member(description="Its name, as it is today")
    entered: Flag = Member(description="Whether it was not there at the first instant")
    left: Flag = Member(description="Whether it was not there at the second instant")
    quadrant_changed: Flag = Member(description="Whether it stands in another quadrant")
    stage_changed: Flag = Member(description="Whether it stands in another stage")
    previous: PositionThen | None = Member(description="Where it stood at the first instant; null if it was not there")
    current: PositionThen | None = Member(description="Where it stood at the second instant; null if it was not there")
    causes_count: Count = Member(description="How many entries its histories have in between")
    causes: Annotated[list[MovementCause], Member(max_length=40)] = Member(
        description="The latest of them, at most 20 classifications and 20 stages, in the order of their time"
    )
    factors: Annotated[list[MovedFactor], Member(max_length=50)] = Member(description="The inputs that moved")


class MigrationCount(Shape):
    """How many accounts went one way."""

    previous: Quadrant | None = Member(description="The quadrant at the first instant; null is none")
    current: Quadrant | None = Member(description="The quadrant at the second instant; null is none")
    count: BigCount = Member(description="How many accounts; those that stayed are told too")


class CauseCount(Shape):
    """How many changes of quadrant had one cause."""

    cause: Word = Member(description="What led to them, as in the classification history")
    count: BigCount = Member(description="How many; an account may have changed its quadrant more than once")


class MovementSummary(Shape):
    """The movements of all accounts that the filters find, whatever `changes` lists."""

    accounts: BigCount = Member(description="Accounts that were there at one of the two instants")
    moved: BigCount = Member(description="Those that stand in another quadrant")
    stayed: BigCount = Member(description="Those that stand in the same one, or in none as before")
    entered: BigCount = Member(description="Those that were not there at the first instant")
    left: BigCount = Member(description="Those that were not there at the second one")
    migrations: Annotated[list[MigrationCount], Member(max_length=25)] = Member(
        description="The migration table, quadrants in the order strategic, star, status, streamline, none"
    )
    causes: Annotated[list[CauseCount], Member(max_length=50)] = Member(
        description="Changes of quadrant in between by their cause, the most frequent first"
    )


class MovementPage(Shape):
    """What moved between two instants, a page of it."""

    from_: InstantText = Member(alias="from", description="The first instant")
    to: InstantText = Member(description="The second instant")
    changes: MovementChanges = Member(description="Which accounts are listed")
    summary: MovementSummary | None = Member(description="All movements counted; on the first page only")
    items: Annotated[list[PortfolioMovement], Member(max_length=200)] = Member(description="The accounts of this page")
    next_cursor: Annotated[str, StringConstraints(max_length=1000)] | None = Member(
        description="Pass as `after` to go on; null on the last page"
    )
    has_more: Flag = Member(description="Whether there are more")
