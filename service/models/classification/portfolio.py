"""The portfolio as a matrix: four boxes, Fiocca's nine cells, McDonald's ten boxes, the general portfolio."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.models.classification.results import ModelReference
from service.platform.moments import Moment
from service.platform.types import BigCount, Currency, DayText, Flag, Id, InstantText, Limit, Money, Name, Shape
from service.rules.classification.fiocca import FioccaVerb
from service.rules.vocabulary import Quadrant, QuadrantSource

Level = Annotated[str, StringConstraints(max_length=30)]
Shown = Annotated[float, Member(ge=0)]


class MatrixView(StrEnum):
    """The kind of matrix: the four boxes (how much to invest), Fiocca's nine cells (how to move effort), McDonald's ten
    boxes (relationship stage by attractiveness), or the general portfolio of all accounts (strategic importance by
    difficulty; Fiocca's step 1).
    """

    FOUR_BOX = "four_box"
    FIOCCA = "fiocca"
    TEN_BOXES = "ten_boxes"
    GENERAL = "general"


class MatrixFormat(StrEnum):
    """The format of the matrix: its numbers (JSON) or a picture (SVG)."""

    JSON = "json"
    SVG = "svg"


class MatrixQuery(Shape):
    """The kind of matrix, its format, and the number of accounts to list for each box."""

    view: MatrixView = Member(default=MatrixView.FOUR_BOX, description="four_box, fiocca, ten_boxes or general")
    limit: Limit = Member(default=200, description="Accounts listed per box, the largest by revenue first; 1 to 200")
    forecast: Flag = Member(default=False, description="Whether to add the expected position of each account")
    as_of: Moment | None = Member(
        default=None, description="A look back: an instant, or a day (its last moment); not in the future"
    )
    format: MatrixFormat | None = Member(
        default=None, description="json or svg; when left out, Accept decides (image/svg+xml gives the picture)"
    )


class MatrixForecast(Shape):
    """The expected position of an account; never part of its current position."""

    attractiveness: Shown = Member(description="The expected attractiveness, 0 to 10")
    relative_strength: Shown | None = Member(description="The expected relative strength")
    business_strength: Shown | None = Member(description="Our own expected total, 0 to 10")
    quadrant: Quadrant = Member(description="The quadrant of the forecast by the cuts of the matrix")
    on: DayText = Member(description="The day of the forecast")


class MatrixAccount(Shape):
    """An account in a box."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    quadrant: Quadrant | None = Member(description="Its quadrant")
    quadrant_source: QuadrantSource | None = Member(description="Whether the quadrant was computed or set by hand")
    raw_quadrant: Quadrant | None = Member(description="The quadrant by its scores alone, without the dead band")
    attractiveness: Shown | None = Member(description="Its attractiveness, 0 to 10")
    business_strength: Shown | None = Member(description="Our total on its success factors, 0 to 10")
    relative_strength: Shown | None = Member(description="Our total divided by the best competitor's")
    revenue: Money | None = Member(description="Our revenue with the account over the last twelve months")
    currency: Currency | None = Member(description="The currency of the revenue")
    forecast: MatrixForecast | None = Member(
        description="Its expected position; null unless `forecast` is true and the account has a forecast"
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
        description="Its place on the vertical axis: high, medium or low; strategic importance in the general portfolio"
    )
    strength: Level = Member(
        description="Its place on the horizontal axis: high or low; strong, average or weak in Fiocca's cells; "
        "difficulty in the general portfolio"
    )
    investment_strategy: Name | None = Member(description="How much to invest; four boxes only")
    verbs: list[FioccaVerb] = Member(max_length=2, description="How to move effort; Fiocca only")
    count: BigCount = Member(description="The number of accounts in the box")
    accounts: list[MatrixAccount] = Member(max_length=200, description="The largest of them by revenue")


class MatrixCuts(Shape):
    """The lines between the boxes."""

    attractiveness: Shown = Member(description="High attractiveness from here on")
    relative_strength: Shown = Member(description="High strength from this ratio on")


class MatrixLimits(Shape):
    """The limits between Fiocca's bands."""

    low: Shown = Member(description="Below this is low or weak")
    high: Shown = Member(description="Above this is high or strong")


class MatrixBorderWidth(Shape):
    """The distance from a line within which an account is borderline."""

    attractiveness: Shown = Member(description="Score points around the attractiveness cut")
    relative_strength: Shown = Member(description="Ratio around the relative-strength cut")
    fiocca: Shown = Member(description="Score points around Fiocca's limits")


class MatrixModel(ModelReference):
    """The scoring model that classified the portfolio."""


class MatrixRead(Shape):
    """All accounts by box."""

    view: MatrixView = Member(description="The kind of matrix")
    as_of: InstantText | None = Member(description="The instant of a look back; null for now")
    model: MatrixModel = Member(description="The active scoring model; in a look back the one that was active")
    cuts: MatrixCuts = Member(description="The lines between the four boxes")
    limits: MatrixLimits = Member(description="The limits of the nine cells")
    border_width: MatrixBorderWidth = Member(
        description="The distance from a line within which an account is borderline"
    )
    dead_band: Shown = Member(
        description="Score points by which a cut must be crossed before the quadrant changes; 0 is off"
    )
    boxes: list[MatrixBox] = Member(
        max_length=11, description="Row by row from high attractiveness down, and within a row from high strength down"
    )
    classified: BigCount = Member(description="Accounts in a box of this matrix")
    unclassified: BigCount = Member(description="Accounts in no box, because scores are missing")
    total: BigCount = Member(description="All accounts")
