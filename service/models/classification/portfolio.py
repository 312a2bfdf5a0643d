"""The portfolio side by side: the matrix of the four boxes and of Fiocca's nine cells."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.moments import Moment
from service.platform.types import BigCount, Count, Currency, DayText, Flag, Id, InstantText, Limit, Money, Name, Shape
from service.rules.classification.fiocca import FioccaVerb
from service.rules.vocabulary import Quadrant, QuadrantSource

Level = Annotated[str, StringConstraints(max_length=30)]
Shown = Annotated[float, Member(ge=0)]


class MatrixView(StrEnum):
    """Which matrix: the four boxes (how much to invest), Fiocca's nine cells (how effort should move), or McDonald's
    ten boxes (relationship stage by attractiveness), or the general portfolio of all accounts (strategic importance by
    difficulty; Fiocca's step 1).
    """

    FOUR_BOX = "four_box"
    FIOCCA = "fiocca"
    TEN_BOXES = "ten_boxes"
    GENERAL = "general"


class MatrixFormat(StrEnum):
    """How the matrix is shown: its numbers (JSON), or the picture (SVG)."""

    JSON = "json"
    SVG = "svg"


class MatrixQuery(Shape):
    """Which matrix, how it is shown, and how many accounts of each box."""

    view: MatrixView = Member(default=MatrixView.FOUR_BOX, description="four_box, fiocca, ten_boxes or general")
    limit: Limit = Member(default=200, description="Accounts listed per box, the largest by revenue first; 1 to 200")
    forecast: Flag = Member(default=False, description="Also where each account is expected to stand")
    as_of: Moment | None = Member(
        default=None, description="The matrix of then: an instant, or a day (its last moment); not ahead"
    )
    format: MatrixFormat | None = Member(
        default=None, description="json or svg; when left out, Accept decides (image/svg+xml gives the picture)"
    )


class MatrixForecast(Shape):
    """Where an account is expected to stand; never part of where it stands."""

    attractiveness: Shown = Member(description="The attractiveness expected, 0 to 10")
    relative_strength: Shown | None = Member(description="The relative strength expected")
    business_strength: Shown | None = Member(description="Our own total expected, 0 to 10")
    quadrant: Quadrant = Member(description="The box it lies in by the matrix's cuts")
    on: DayText = Member(description="For which day")


class MatrixAccount(Shape):
    """An account in a box."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    quadrant: Quadrant | None = Member(description="Its quadrant")
    quadrant_source: QuadrantSource | None = Member(description="Whether that was computed or set by hand")
    raw_quadrant: Quadrant | None = Member(description="The quadrant by its scores alone, without the dead band")
    attractiveness: Shown | None = Member(description="Its attractiveness, 0 to 10")
    business_strength: Shown | None = Member(description="Our total on its success factors, 0 to 10")
    relative_strength: Shown | None = Member(description="Our total divided by the best competitor's")
    revenue: Money | None = Member(description="Our revenue with the account over the last twelve months")
    currency: Currency | None = Member(description="The currency of the revenue")
    forecast: MatrixForecast | None = Member(
        description="Where it is expected to stand; null unless that was asked for and somebody has said"
    )


class MatrixBox(Shape):
    """One box of the matrix with its accounts."""

    box: Level = Member(
        description="A quadrant; or attractiveness_position of a Fiocca cell, such as high_strong; or "
        "attractiveness_stage of McDonald's ten boxes, such as high_mid_kam (and uncoupling_kam, apart from them); or "
        "a cell of the general portfolio, such as key_difficult"
    )
    name: Name = Member(description="The box's name for people")
    attractiveness: Level = Member(
        description="Its place on the vertical axis: high, medium or low; in the general portfolio that is strategic "
        "importance"
    )
    strength: Level = Member(
        description="Its place on the horizontal axis: high or low; strong, average or weak in Fiocca's cells; in the "
        "general portfolio that is difficulty"
    )
    investment_strategy: Name | None = Member(description="How much to invest; four boxes only")
    verbs: Annotated[list[FioccaVerb], Member(max_length=2)] = Member(description="How to move effort; Fiocca only")
    count: BigCount = Member(description="How many accounts stand here")
    accounts: Annotated[list[MatrixAccount], Member(max_length=200)] = Member(
        description="The largest of them by revenue"
    )


class MatrixCuts(Shape):
    """The lines between the boxes."""

    attractiveness: Shown = Member(description="High attractiveness from here on")
    relative_strength: Shown = Member(description="High strength from this ratio on")


class MatrixLimits(Shape):
    """The limits between Fiocca's bands."""

    low: Shown = Member(description="Below this is low or weak")
    high: Shown = Member(description="Above this is high or strong")


class MatrixBorderWidth(Shape):
    """How near to a line an account is borderline."""

    attractiveness: Shown = Member(description="Score points around the attractiveness cut")
    relative_strength: Shown = Member(description="Ratio around the relative-strength cut")
    fiocca: Shown = Member(description="Score points around Fiocca's limits")


class MatrixModel(Shape):
    """The scoring model that the portfolio stands on."""

    id: Id = Member(description="The model")
    name: Name = Member(description="Its name")
    version: Count = Member(description="Its number")


class MatrixRead(Shape):
    """All accounts by box."""

    view: MatrixView = Member(description="Which matrix this is")
    as_of: InstantText | None = Member(description="The instant looked back to; null of the present")
    model: MatrixModel = Member(description="The active scoring model, or the one of then")
    cuts: MatrixCuts = Member(description="The lines between the four boxes")
    limits: MatrixLimits = Member(description="The limits of the nine cells")
    border_width: MatrixBorderWidth = Member(description="How near to a line an account is borderline")
    dead_band: Shown = Member(
        description="Score points that an account must be past a cut before its quadrant changes; 0 is off"
    )
    boxes: Annotated[list[MatrixBox], Member(max_length=11)] = Member(
        description="Row by row from high attractiveness down, and within a row from high strength down"
    )
    classified: BigCount = Member(description="Accounts that stand in a box of this matrix")
    unclassified: BigCount = Member(description="Accounts that stand in none, because scores are missing")
    total: BigCount = Member(description="All accounts")
