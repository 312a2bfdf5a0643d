"""McDonald's ten boxes: the relationship stage against attractiveness, a view of its own beside the four boxes.

He takes the stage as the horizontal axis for key accounts: five columns by two rows. It answers another question than
the four boxes (how close are we, and not how strong beside the competitors), so the two are never mixed.
"""

from dataclasses import dataclass

from service.rules.classification.quadrants import sides_of
from service.rules.relationship.stages import LADDER, STAGES
from service.rules.vocabulary import Quadrant, Stage

TEN_BOXES_LABEL = "McDonald's ten boxes: relationship stage by attractiveness, a view beside the four boxes"


@dataclass(frozen=True, slots=True)
class TenBox:
    """One of the ten boxes: the row (attractive or not) and the column (the stage, never uncoupling)."""

    attractive: bool
    stage: Stage

    @property
    def box(self) -> str:
        """Its key, such as high_mid_kam."""
        return f"{self.attractiveness}_{self.stage.value}"

    @property
    def attractiveness(self) -> str:
        """Its row: high or low."""
        return "high" if self.attractive else "low"

    @property
    def name(self) -> str:
        """Its name for people, by the Cranfield stage."""
        return f"{self.attractiveness.capitalize()} attractiveness, {STAGES[self.stage].cranfield_name.lower()}"


TEN_BOXES: tuple[TenBox, ...] = tuple(
    TenBox(attractive, stage) for attractive in (True, False) for stage in reversed(LADDER)
)
"""Row by row from high attractiveness down, and within a row from the closest relationship down."""


def ten_box(raw: Quadrant | None, stage: Stage) -> TenBox | None:
    """Place an account by the scores' own quadrant (its row, without the dead band) and its relationship stage.

    None while the account is incomplete, and for one in uncoupling: that is apart from the ladder.
    """
    if raw is None or stage is Stage.UNCOUPLING_KAM:
        return None
    attractive, _ = sides_of(raw)
    return TenBox(attractive, stage)
