"""The factor library: the criteria that the sources name, ready to pick for a scoring model.

Each says where it comes from and which axis it belongs to: some that are often put among the attractiveness factors
measure our strength instead. Bands are there where the method gives some; their thresholds are to be adapted. Weights
are the programme's own decision and are not suggested.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from service.rules.classification.classification import DEFAULT_MODEL
from service.rules.classification.scoring import FactorGroup, ScoreBand, ScoringModel
from service.rules.verdicts import Verdict
from service.rules.vocabulary import Direction


class FactorAxis(StrEnum):
    """What a criterion measures: the two axes of the four boxes, or the two of Fiocca's general portfolio (step 1)."""

    ATTRACTIVENESS = "attractiveness"
    BUSINESS_STRENGTH = "business_strength"
    STRATEGIC_IMPORTANCE = "strategic_importance"
    DIFFICULTY = "difficulty"


class FactorSource(StrEnum):
    """Where a criterion is named."""

    SLIDES = "slides"
    INTRODUCTION = "introduction"
    LECTURE = "lecture"
    SALES_ARTICLE = "sales_article"
    CRANFIELD = "cranfield"
    FIOCCA = "fiocca"
    METHOD = "method"


SOURCES: dict[FactorSource, str] = {
    FactorSource.SLIDES: "Slides on key account management (what a key account is; triangle of purchasing)",
    FactorSource.INTRODUCTION: "An introduction to key account management (segmentation criteria)",
    FactorSource.LECTURE: "A lecture on key account management (how key accounts are selected)",
    FactorSource.SALES_ARTICLE: "An article on key account selling (how attractive are these accounts)",
    FactorSource.CRANFIELD: "Cranfield key account management (McDonald)",
    FactorSource.FIOCCA: "Fiocca 1982, step 1, from a secondary summary",
    FactorSource.METHOD: "The method's rule that reverse factors take reversed bands",
}


@dataclass(frozen=True, slots=True)
class LibraryFactor:
    """A criterion ready to pick: as a factor of a model, but without a weight.

    `group` is hard for what can be counted and soft for what is judged. `direction` says which way the metric is good.
    """

    key: str
    name: str
    description: str
    axis: FactorAxis
    source: FactorSource
    group: FactorGroup
    direction: Direction = Direction.HIGHER_IS_BETTER
    unit: str | None = None
    bands: tuple[ScoreBand, ...] = ()


_A, _B, _I, _D = FactorAxis
_S, _HARD, _SOFT, _LOW = FactorSource, FactorGroup.HARD, FactorGroup.SOFT, Direction.LOWER_IS_BETTER
_READY = {factor.key: factor for factor in DEFAULT_MODEL.factors}


def _ready(key: str, description: str, source: FactorSource, unit: str) -> LibraryFactor:
    """A factor of the default model with its bands."""
    factor = _READY[key]
    return LibraryFactor(
        key, factor.name, description, _A, source, _HARD, factor.direction, unit=unit, bands=factor.bands
    )


def _bands(low: str, high: str, scores: tuple[int, int, int]) -> tuple[ScoreBand, ...]:
    ends = (None, Decimal(low), Decimal(high), None)
    return tuple(ScoreBand(ends[i], ends[i + 1], Decimal(score)) for i, score in enumerate(scores))


LIBRARY: tuple[LibraryFactor, ...] = (
    _ready(
        "spend_available",
        "What the customer will spend in three years on all we could supply, with any supplier.",
        _S.CRANFIELD,
        "money over three years, in the account's currency",
    ),
    _ready("growth", "Expected growth of that spend.", _S.LECTURE, "percent a year"),
    _ready("profit_potential", "Customer margin to be expected.", _S.CRANFIELD, "percent of net revenue"),
    LibraryFactor("turnover", "Turnover", "Our turnover with the customer.", _A, _S.INTRODUCTION, _HARD, unit="money"),
    LibraryFactor(
        "contribution_margin",
        "Contribution margin",
        "What the customer contributes to cover our fixed cost.",
        _A,
        _S.INTRODUCTION,
        _HARD,
        unit="percent of net revenue",
    ),
    LibraryFactor("image", "Image in the market", "What others think of the customer.", _A, _S.INTRODUCTION, _SOFT),
    LibraryFactor(
        "market_position", "Market share and position", "Its place in its own market.", _A, _S.LECTURE, _HARD,
        unit="percent of its market",
    ),
    LibraryFactor(
        "innovation_partner", "Willing to be a partner in innovation", "Develops new products with us.", _A,
        _S.LECTURE, _SOFT,
    ),
    LibraryFactor("early_adopter", "Early adopter", "Takes up what is new before others.", _A, _S.LECTURE, _SOFT),
    LibraryFactor("prestige", "Prestige", "Others follow or respect us for serving it.", _A, _S.LECTURE, _SOFT),
    LibraryFactor(
        "competitors_account", "A competitor's account", "Winning it takes it from a rival.", _A, _S.LECTURE, _SOFT
    ),
    LibraryFactor(
        "profit_contribution", "High contribution to profit", "Its part of our profit.", _A, _S.LECTURE, _HARD,
        unit="percent of our profit",
    ),
    LibraryFactor(
        "size", "Size", "How big the customer is.", _A, _S.SALES_ARTICLE, _HARD, unit="its revenue, in its currency"
    ),
    LibraryFactor(
        "growth_potential", "Growth potential",
        "How much it can grow; above 10 percent is high, 5 to 10 medium, below 5 low.",
        _A, _S.SALES_ARTICLE, _HARD, unit="percent a year", bands=_bands("5", "10", (2, 5, 8)),
    ),
    LibraryFactor(
        "financial_stability", "Financial stability", "Whether it will still be there and pay.", _A,
        _S.SALES_ARTICLE, _SOFT,
    ),
    LibraryFactor(
        "consistent_revenue", "Consistent high revenue", "Buys much, year after year.", _A, _S.SLIDES, _HARD,
        unit="money a year",
    ),
    LibraryFactor(
        "sales_opportunities", "Opportunities to increase sales", "What else it could buy from us.", _A, _S.SLIDES,
        _SOFT,
    ),
    LibraryFactor(
        "loyal_partner", "Looks for a loyal partner or adviser", "Wants more than a supplier.", _A, _S.SLIDES, _SOFT
    ),
    LibraryFactor(
        "opinion_leader", "Strategic industry or opinion leader", "Its market listens to it.", _A, _S.SLIDES, _SOFT
    ),
    LibraryFactor(
        "cost_to_serve", "Cost to serve", "A reverse factor: less is better, so its bands run the other way.", _A,
        _S.METHOD, _HARD, _LOW, "percent of net revenue", _bands("10", "20", (8, 5, 2)),
    ),
    LibraryFactor(
        "vulnerability", "Vulnerability", "How easily the business is lost. Score 10 for hardly.", _A, _S.METHOD,
        _SOFT, _LOW,
    ),
    LibraryFactor("closeness", "Closeness", "How near the relationship is to us.", _B, _S.SALES_ARTICLE, _SOFT),
    LibraryFactor(
        "values_our_offer", "Values our offer", "What we do well is what it looks for.", _B, _S.SALES_ARTICLE, _SOFT
    ),
    LibraryFactor(
        "ease_of_business", "Ease of doing business", "How little trouble we are.", _B, _S.CRANFIELD, _SOFT
    ),
    LibraryFactor("product_quality", "Quality of product", "What we deliver is right.", _B, _S.CRANFIELD, _SOFT),
    LibraryFactor("people_quality", "Quality of people", "Those who serve the customer.", _B, _S.CRANFIELD, _SOFT),
    LibraryFactor("price", "Price", "Level of price for the same.", _B, _S.SLIDES, _SOFT),
    LibraryFactor("delivery", "Delivery", "On time and complete.", _B, _S.SLIDES, _SOFT),
    LibraryFactor("system_cost", "System cost", "What our product costs in use.", _B, _S.SLIDES, _SOFT),
    LibraryFactor(
        "acquisition_cost", "Total cost of acquisition", "All it costs to buy from us.", _B, _S.SLIDES, _SOFT
    ),
    LibraryFactor(
        "purchase_value", "Value and volume of purchases", "What it buys from us.", _I, _S.FIOCCA, _HARD, unit="money"
    ),
    LibraryFactor(
        "potential_and_prestige", "Potential and prestige", "What it may become, and its name.", _I, _S.FIOCCA, _SOFT
    ),
    LibraryFactor("market_leadership", "Market leadership", "Whether it leads its market.", _I, _S.FIOCCA, _SOFT),
    LibraryFactor(
        "strategic_desirability", "Desirable for strategic improvement",
        "We get better by serving it and adapting to its specifications.", _I, _S.FIOCCA, _SOFT,
    ),
    LibraryFactor(
        "customer_competition", "Competition for the customer", "How hard rivals fight for it.", _D, _S.FIOCCA, _SOFT
    ),
    LibraryFactor(
        "buying_behaviour", "Its buying behaviour", "How demanding its way of buying is.", _D, _S.FIOCCA, _SOFT
    ),
    LibraryFactor(
        "product_characteristics", "Characteristics of the product", "How difficult the product is to sell and serve.",
        _D, _S.FIOCCA, _SOFT,
    ),
)  # fmt: skip

_BY_KEY = {factor.key: factor for factor in LIBRARY}


def other_axis_warnings(model: ScoringModel) -> list[Verdict]:
    """Warn of factors that the sources name but that do not measure attractiveness, such as closeness to us."""
    warnings = []
    for index, factor in enumerate(model.factors):
        known = _BY_KEY.get(factor.key)
        if known is not None and known.axis is not FactorAxis.ATTRACTIVENESS:
            message = f"{known.name} measures {known.axis.value.replace('_', ' ')}, not how attractive an account is."
            warnings.append(Verdict(f"/factors/{index}/key", "factor_of_another_axis", message))
    return warnings


@dataclass(frozen=True, slots=True)
class LibrarySuccessFactor:
    """A reusable success factor; `weight` is its share (0-100) in the default set, None if it is not in that set."""

    name: str
    description: str
    source: FactorSource
    weight: Decimal | None = None


# Ease of doing business, quality of product and of people (Cranfield); quality, price, delivery, system cost and total
# cost of acquisition (behavioural triangle of purchasing). The default set takes price and total cost as one.
SUCCESS_FACTORS: tuple[LibrarySuccessFactor, ...] = (
    LibrarySuccessFactor(
        "Quality of product", "What we deliver does what it is bought for", FactorSource.CRANFIELD, Decimal(30)
    ),
    LibrarySuccessFactor("Delivery", "On time, complete, where it is needed", FactorSource.SLIDES, Decimal(20)),
    LibrarySuccessFactor(
        "Price and total cost", "The price, and what it costs to buy, own and use", FactorSource.SLIDES, Decimal(20)
    ),
    LibrarySuccessFactor(
        "Ease of doing business", "How little effort it takes to work with us", FactorSource.CRANFIELD, Decimal(15)
    ),
    LibrarySuccessFactor(
        "Quality of people",
        "How able and reliable the people the customer meets are",
        FactorSource.CRANFIELD,
        Decimal(15),
    ),
    LibrarySuccessFactor("Price", "The price alone; what decides for a transactional buyer", FactorSource.SLIDES),
    LibrarySuccessFactor(
        "System cost", "The cost of the whole solution; decides for a commercial buyer", FactorSource.SLIDES
    ),
    LibrarySuccessFactor(
        "Total cost of acquisition",
        "All it costs to get and keep what is bought; decides for a relational buyer",
        FactorSource.SLIDES,
    ),
)
DEFAULT_SUCCESS_FACTORS: tuple[tuple[str, Decimal], ...] = tuple(
    (factor.name, factor.weight) for factor in SUCCESS_FACTORS if factor.weight is not None
)
"""Names and weights to begin with when the customer has not named its own factors; the weights sum to 100."""
