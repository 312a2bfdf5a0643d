"""Movements in the portfolio between two instants: each account at both, the causes, the migration table."""

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
    """The accounts to list: those in another quadrant, in another stage, moved in either way, or all of them.

    The first quadrant of an account and the loss of its quadrant are changes; so are its creation and its deletion when
    it has a quadrant.
    """

    QUADRANT = "quadrant"
    STAGE = "stage"
    ANY = "any"
    ALL = "all"


class PositionThen(Shape):
    """The position of an account at one of the two instants."""

    quadrant: Quadrant | None = Member(description="Its quadrant")
    quadrant_source: QuadrantSource | None = Member(description="Whether the quadrant was computed or set by hand")
    raw_quadrant: Quadrant | None = Member(description="The quadrant by its scores alone")
    attractiveness: Number | None = Member(description="Its attractiveness, 0 to 10")
    business_strength: Number | None = Member(description="Our total on its success factors, 0 to 10")
    relative_strength: Number | None = Member(description="Our total divided by the best competitor's")
    fiocca_attractiveness: FioccaAttractiveness | None = Member(description="Attractiveness band of its Fiocca cell")
    fiocca_position: FioccaPosition | None = Member(description="Position band of its Fiocca cell")
    classification_status: ClassificationStatus = Member(description="Whether every required input was present")
    stage: Stage | None = Member(description="Its relationship stage")
    model_version: Count | None = Member(description="The number of the scoring model that classified it")


class MovementCause(Shape):
    """One entry of an account's histories between the two instants."""

    at: InstantText = Member(description="When it was recorded")
    cause: Word = Member(description="The cause: as in the classification history, or stage")
    previous: Word | None = Member(description="The quadrant (of the cause stage: the stage) before")
    current: Word | None = Member(description="The quadrant (of the cause stage: the stage) after it")
    model_version: Count | None = Member(description="The number of the scoring model; null for stages")
    reason: Text | None = Member(description="The reason, where one was given")
    recorded_by: Text | None = Member(description="The API key that caused it")


class MovedFactor(Shape):
    """An input whose score differs between the two instants; null where there was none."""

    axis: Word = Member(description="attractiveness or business_strength")
    factor: Name = Member(description="The factor's key, or the success factor's name")
    previous: Number | None = Member(description="The score before: the mean of the raters, or ours")
    current: Number | None = Member(description="The score now")


class PortfolioMovement(Shape):
    """One account between the two instants."""

    account_id: Id = Member(description="The account")
    name: Name = Member(description="Its name, as it is today")
    entered: Flag = Member(description="Whether it did not exist at the first instant")
    left: Flag = Member(description="Whether it did not exist at the second instant")
    quadrant_changed: Flag = Member(description="Whether its quadrant differs")
    stage_changed: Flag = Member(description="Whether its stage differs")
    previous: PositionThen | None = Member(description="Its position at the first instant, or null")
    current: PositionThen | None = Member(description="Its position at the second instant, or null")
    causes_count: Count = Member(description="The number of entries in its histories in between")
    causes: list[MovementCause] = Member(
        max_length=40, description="The latest of them, at most 20 classifications and 20 stages, the oldest first"
    )
    factors: list[MovedFactor] = Member(max_length=50, description="The inputs whose scores differ")


class MigrationCount(Shape):
    """The number of accounts with one pair of quadrants."""

    previous: Quadrant | None = Member(description="The quadrant at the first instant; null for none")
    current: Quadrant | None = Member(description="The quadrant at the second instant; null for none")
    count: BigCount = Member(description="The number of accounts; those that stayed are counted too")


class CauseCount(Shape):
    """The number of changes of quadrant with one cause."""

    cause: Word = Member(description="The cause, as in the classification history")
    count: BigCount = Member(
        description="The number of changes; an account may have changed its quadrant more than once"
    )


class MovementSummary(Shape):
    """The movements of all accounts that match the filters, whatever `changes` lists."""

    accounts: BigCount = Member(description="Accounts that existed at one of the two instants")
    moved: BigCount = Member(description="Accounts whose quadrant differs")
    stayed: BigCount = Member(description="Accounts with the same quadrant, or with none at both instants")
    entered: BigCount = Member(description="Accounts that did not exist at the first instant")
    left: BigCount = Member(description="Accounts that did not exist at the second instant")
    migrations: list[MigrationCount] = Member(
        max_length=25,
        description="The migration table, quadrants in the order strategic, star, status, streamline, none",
    )
    causes: list[CauseCount] = Member(
        max_length=50, description="Changes of quadrant in between by their cause, the most frequent first"
    )


class MovementPage(Shape):
    """A page of the movements between two instants."""

    from_: InstantText = Member(alias="from", description="The first instant")
    to: InstantText = Member(description="The second instant")
    changes: MovementChanges = Member(description="The accounts that are listed")
    summary: MovementSummary | None = Member(description="Counts of all movements; on the first page only")
    items: list[PortfolioMovement] = Member(max_length=200, description="The accounts of this page")
    next_cursor: Annotated[str, StringConstraints(max_length=1000)] | None = Member(
        description="Pass as `after` for the next page; null on the last page"
    )
    has_more: Flag = Member(description="Whether there are more")
