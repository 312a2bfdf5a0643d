"""The explanation of a classification: meanings, distances from borders, and the changes that would move it."""

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.types import Count, DayText, ExactScore, Flag, Id, InstantText, Name, Shape, Text
from service.rules.classification.fiocca import FioccaVerb
from service.rules.classification.moves import Comparison, Whose
from service.rules.classification.quadrants import Axis, CutRule
from service.rules.vocabulary import Quadrant, Stage

Number = Annotated[float, Member(allow_inf_nan=False)]
Shown = Annotated[float, Member(ge=0, le=10)]
Word = Annotated[str, StringConstraints(max_length=100)]


class QuadrantMeaning(Shape):
    """The meaning of a quadrant, and what to do there."""

    name: Name = Member(description="Its name")
    what_it_is: Text = Member(description="The meaning of the quadrant")
    what_to_do: Text = Member(description="What to do with such an account")


class Synonym(Shape):
    """The name of the same box in another textbook; never used as a value."""

    name: Name = Member(description="The name")
    source: Name = Member(description="The author of the name")


class VerbMeaningRead(Shape):
    """The meaning of a permitted verb."""

    verb: FioccaVerb = Member(description="The verb")
    resources: Text = Member(description="The change of resources in the next period")
    typical_action: Text = Member(description="A typical action")
    wrong_action: Text = Member(description="An action that would contradict it")


class LimitDistance(Shape):
    """The distance of one axis from one limit of the nine cells."""

    axis: Word = Member(description="attractiveness or position (our own total)")
    limit: Word = Member(description="low or high")
    at: Number = Member(description="The limit; the value of the limit itself belongs to the middle band")
    value: Number = Member(description="The account's value")
    distance: Number = Member(description="Value minus limit, in score points")
    near: Flag = Member(description="Whether the distance is within the border width")


class TenBoxResult(Shape):
    """The account in McDonald's ten boxes: a view of its own, never mixed with the four boxes."""

    label: Text = Member(description="The name of this view")
    box: Word | None = Member(
        description="The box, such as high_mid_kam; null while the account is incomplete, and in uncoupling"
    )
    name: Name | None = Member(description="The box's name for people")
    attractiveness: Word | None = Member(description="Its row: high or low, by the scores alone")
    stage: Stage = Member(description="Its column: the relationship stage")
    stage_cranfield: Name = Member(description="The Cranfield name of the stage")
    column: Count | None = Member(description="1 to 5 up the ladder; null in uncoupling")
    uncoupling: Flag = Member(description="Whether the account is in uncoupling, which stands apart")


class CutRuleResult(Shape):
    """The cuts that decided, and the rule of the attractiveness cut."""

    rule: CutRule = Member(
        description="fixed: the model's own number; range_middle: the middle of the portfolio's range, (low + high) / 2"
    )
    attractiveness: Number = Member(description="High attractiveness from here on")
    relative_strength: Number = Member(description="High strength from this ratio on")
    range_low: Shown | None = Member(description="The least attractiveness of the portfolio; null with a fixed cut")
    range_high: Shown | None = Member(description="The greatest attractiveness of the portfolio")


class MoveBand(Shape):
    """A written band of a factor."""

    from_: Number | None = Member(alias="from", description="Lower end, inclusive; null for none")
    to: Number | None = Member(description="Upper end, exclusive; null for none")
    score: ExactScore = Member(description="The score it gives")


class MoveResult(Shape):
    """One change of one score that alone moves the account to another quadrant."""

    axis: Axis = Member(description="The border that it crosses")
    whose: Whose = Member(description="account: its score on a factor; ours; competitor: the best one's")
    factor: Name = Member(description="The factor's key, or the success factor's name")
    competitor: Name | None = Member(description="The best competitor, when it is its score")
    score: Shown | None = Member(description="The current score; null for an optional factor without one")
    comparison: Comparison = Member(description="How the new score must compare with the threshold")
    threshold: Number = Member(description="The threshold, rounded for display")
    to: ExactScore = Member(
        description="The first score in steps of 0.0001 that moves the account; a score nearer to the current one "
        "does not. With a dead band it lies beyond the band"
    )
    change: Number | None = Member(description="to minus score; null without a current score")
    quadrant: Quadrant = Member(description="The quadrant after the change")
    band: MoveBand | None = Member(description="The nearest written band that is enough, of a factor with bands")


class InputAge(Shape):
    """One input of the classification, and its age."""

    axis: Word = Member(description="attractiveness or business_strength")
    factor: Word | None = Member(description="The factor that was rated; null for the success factors")
    rater_id: Id | None = Member(description="The person who rated")
    scored_at: InstantText = Member(description="When it was rated")
    age_days: Count = Member(description="Whole days from then to explained_on")
    old: Flag = Member(description="Whether its age is more than a year")


class ClassificationWarning(Shape):
    """What to know before acting on a classification; it changes nothing of the position."""

    pointer: Annotated[str, StringConstraints(max_length=500)] = Member(description="What is meant")
    code: Word = Member(
        description="borderline, held_by_dead_band, inputs_old, evidence_missing, changed_without_evidence, "
        "strength_not_confirmed or model_version_differs"
    )
    message: Text = Member(description="For people")


class Explanation(Shape):
    """What stands in a classification beside its figures."""

    meaning: QuadrantMeaning | None = Member(description="What the quadrant is, and what to do there")
    synonyms: list[Synonym] = Member(max_length=5, description="Names that other textbooks have for the same box")
    ten_boxes: TenBoxResult | None = Member(
        description="McDonald's ten boxes (relationship stage by attractiveness), a view of its own; null where the "
        "stage of then is not known"
    )
    cut_rule: CutRuleResult = Member(description="The cut lines that decided, and where they come from")
    dead_band: Shown = Member(
        description="Score points by which a border must be crossed before the quadrant changes; 0 is off"
    )
    held_by_dead_band: Flag = Member(description="Whether the scores alone would put the account elsewhere")
    moves: list[MoveResult] = Member(
        max_length=50,
        description="The smallest single changes that would move the account, the smallest first; scores that cannot "
        "do it within 0 to 10 are left out. They start from the computed quadrant",
    )
    explained_on: DayText | None = Member(description="The day that ages are counted to")
    inputs: list[InputAge] = Member(
        max_length=100, description="Each rating in use and the success factors, with their ages"
    )
    warnings: list[ClassificationWarning] = Member(max_length=20, description="What to know before acting on it")
