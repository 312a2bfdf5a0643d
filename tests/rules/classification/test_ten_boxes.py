"""McDonald's ten boxes: five stages by two rows, uncoupling apart, and nothing of the four boxes' columns."""

from service.rules.classification.ten_boxes import TEN_BOXES, ten_box
from service.rules.vocabulary import Quadrant, Stage


def test_five_columns_by_two_rows_from_the_closest_relationship_on() -> None:
    assert [box.box for box in TEN_BOXES] == [
        "high_synergistic_kam", "high_partnership_kam", "high_mid_kam", "high_early_kam", "high_pre_kam",
        "low_synergistic_kam", "low_partnership_kam", "low_mid_kam", "low_early_kam", "low_pre_kam",
    ]  # fmt: skip
    assert TEN_BOXES[2].name == "High attractiveness, cooperative"


def test_the_row_is_the_attractiveness_and_the_column_the_stage_alone() -> None:
    for stage in Stage:
        for high, strong, weak in ((True, "strategic", "star"), (False, "status", "streamline")):
            placed = ten_box(Quadrant(strong), stage)
            assert placed == ten_box(Quadrant(weak), stage)
            if stage is Stage.UNCOUPLING_KAM:
                assert placed is None
            else:
                assert placed is not None and (placed.attractive, placed.stage) == (high, stage)


def test_an_incomplete_account_stands_in_none() -> None:
    assert ten_box(None, Stage.MID_KAM) is None
