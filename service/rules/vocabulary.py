"""The words of key account management, one word for one thing, with what each means.

Five models look alike and are kept apart on purpose: the Fiocca portfolio cell (how should effort move), the four-box
quadrant (how much to invest), the relationship stage (how close are we), the perception level (what are we in the
customer's eyes) and the supplier status (where are we on the buyer's list). Account scope is about geography only.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Quadrant(StrEnum):
    """The Cranfield four boxes: attractiveness against our strength. A star has LOW strength, unlike the BCG star."""

    STRATEGIC = "strategic"
    STAR = "star"
    STATUS = "status"
    STREAMLINE = "streamline"


class QuadrantSource(StrEnum):
    """Whether an account's quadrant was computed from scores or set by a person."""

    COMPUTED = "computed"
    OVERRIDE = "override"


class ClassificationCause(StrEnum):
    """The cause of an entry in an account's classification history."""

    ATTRACTIVENESS = "attractiveness"
    BUSINESS_STRENGTH = "business_strength"
    SCORING_MODEL = "scoring_model"
    RECLASSIFICATION = "reclassification"
    OVERRIDE = "override"
    OVERRIDE_REMOVED = "override_removed"
    OVERRIDE_EXPIRED = "override_expired"
    CONFIRMATION = "confirmation"
    LEADING_VERB = "leading_verb"


class ClassificationStatus(StrEnum):
    """Whether an account has every score it needs: a missing score is missing, never 0, and gives no quadrant."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


class Direction(StrEnum):
    """Which way a factor's metric is good. It orders the score bands; a score itself is always 10 = best."""

    HIGHER_IS_BETTER = "higher_is_better"
    LOWER_IS_BETTER = "lower_is_better"


class FioccaAttractiveness(StrEnum):
    """Vertical axis of the account portfolio (Fiocca 1982, as adapted in the source slides)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class FioccaPosition(StrEnum):
    """Horizontal axis of the account portfolio: the supplier's competitive position at this account."""

    STRONG = "strong"
    AVERAGE = "average"
    WEAK = "weak"


class Stage(StrEnum):
    """The relationship stages of Millman & Wilson 1995."""

    PRE_KAM = "pre_kam"
    EARLY_KAM = "early_kam"
    MID_KAM = "mid_kam"
    PARTNERSHIP_KAM = "partnership_kam"
    SYNERGISTIC_KAM = "synergistic_kam"
    UNCOUPLING_KAM = "uncoupling_kam"


class OnDeleted(StrEnum):
    """What an upsert does when the record of its reference was deleted."""

    RESTORE = "restore"
    CREATE = "create"
    REFUSE = "refuse"


class AccountStatus(StrEnum):
    """The programme status of an account. It becomes a key account only when the customer agrees."""

    CUSTOMER = "customer"
    CANDIDATE = "candidate"
    SELECTED = "selected"
    AGREED = "agreed"
    PLANNED = "planned"
    MANAGED = "managed"
    DESELECTED = "deselected"


class AccountScope(StrEnum):
    """The account scope ladder, low to high: geography, independent of closeness; a region is several countries."""

    TARGET_NATIONAL = "target_national"
    DEVELOPMENT_NATIONAL = "development_national"
    KEY_NATIONAL = "key_national"
    KEY_REGIONAL = "key_regional"
    KEY_GLOBAL = "key_global"
    GLOBAL_PARTNER = "global_partner"


class SupplierStatus(StrEnum):
    """Our place on the buyer's list, given by the customer's purchasing (behavioural triangle of purchasing)."""

    AVAILABLE = "available"
    APPROVED = "approved"
    PREFERRED = "preferred"
    PARTNER = "partner"


class PerceptionLevel(IntEnum):
    """The customer perception stairs, 1 to 4: what we are in the customer's eyes; the customer decides the level."""

    COMMODITY_BROKER = 1
    PRODUCT_SERVICE_PROVIDER = 2
    VALUE_ADDER = 3
    BUSINESS_PARTNER = 4


class StakeholderRole(StrEnum):
    """Roles a person can hold in the customer's decision-making unit; one person may hold several."""

    INITIATOR = "initiator"
    USER = "user"
    INFLUENCER = "influencer"
    DECIDER = "decider"
    APPROVER = "approver"
    BUYER = "buyer"
    GATEKEEPER = "gatekeeper"
    ECONOMIC_BUYER = "economic_buyer"
    USER_BUYER = "user_buyer"
    TECHNICAL_BUYER = "technical_buyer"
    COACH = "coach"
    SPONSOR = "sponsor"
    ANTI_SPONSOR = "anti_sponsor"
    STRATEGIC_COACH = "strategic_coach"
    KEY_PLAYER = "key_player"


class Stance(IntEnum):
    """How a person stands towards us, -2 to 2; separate from role and influence, and never shown to the client."""

    ANTI_SPONSOR = -2
    CRITIC = -1
    NEUTRAL = 0
    SUPPORTER = 1
    SPONSOR = 2


class PlanState(StrEnum):
    """The life of an account plan."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    ACTIVE = "active"
    CLOSED = "closed"


class ObjectiveState(StrEnum):
    """The life of an objective."""

    OPEN = "open"
    ACHIEVED = "achieved"
    MISSED = "missed"
    DROPPED = "dropped"


class ActionState(StrEnum):
    """The life of an action on the action list."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class QuadrantTerms:
    """What a quadrant means: both axes, how much to invest, and the synonym other textbooks use."""

    name: str
    attractiveness: str
    strength: str
    investment_strategy: str
    what_it_is: str
    what_to_do: str
    synonym: str


@dataclass(frozen=True, slots=True)
class SupplierStatusTerms:
    """A rung of the supplier ladder: its level 1-4, how such a buyer behaves and what decides."""

    level: int
    buying_behaviour: str
    critical_factor: str


@dataclass(frozen=True, slots=True)
class RoleTerms:
    """A stakeholder role: the set it belongs to and a test for it."""

    role_set: str
    meaning: str


# Cranfield four boxes; the synonyms are Cheverton's.
QUADRANTS: dict[Quadrant, QuadrantTerms] = {
    Quadrant.STRATEGIC: QuadrantTerms(
        name="Strategic",
        attractiveness="high",
        strength="high",
        investment_strategy="strategic investment",
        what_it_is="A complex partnership that buys added value and not price, with very broad contacts and products "
        "developed side by side.",
        what_to_do="Invest; plan jointly; put a problem solver in charge; aim at an interdependent or integrated "
        "relationship.",
        synonym="key account",
    ),
    Quadrant.STAR: QuadrantTerms(
        name="Star",
        attractiveness="high",
        strength="low",
        investment_strategy="selective investment",
        what_it_is="We want a deeper relationship; price still matters, but so do security of supply and service.",
        what_to_do="Invest step by step against proof; build strength on the customer's own success factors.",
        synonym="key development account",
    ),
    Quadrant.STATUS: QuadrantTerms(
        name="Status",
        attractiveness="low",
        strength="high",
        investment_strategy="proactive maintenance",
        what_it_is="Very important in value today; committed, but less than a strategic account. Not a growth target.",
        what_to_do="Keep putting in the resources that hold it; do not over-invest.",
        synonym="maintenance account",
    ),
    Quadrant.STREAMLINE: QuadrantTerms(
        name="Streamline",
        attractiveness="low",
        strength="low",
        investment_strategy="management for cash",
        what_it_is="A standard product, bought on price; transactional.",
        what_to_do="Keep the cost to serve low; automate; no large investment.",
        synonym="opportunistic account",
    ),
}

# Behavioural triangle of purchasing. The leap from approved to preferred needs another argument, not a lower price.
SUPPLIER_STATUSES: dict[SupplierStatus, SupplierStatusTerms] = {
    SupplierStatus.AVAILABLE: SupplierStatusTerms(1, "transactional", "quality, price, delivery"),
    SupplierStatus.APPROVED: SupplierStatusTerms(2, "commercial", "system costs, savings"),
    SupplierStatus.PREFERRED: SupplierStatusTerms(3, "relational", "total cost of acquisition, purchasing value"),
    SupplierStatus.PARTNER: SupplierStatusTerms(4, "strategic", "value chain management"),
}

SCOPE_LEVELS: dict[AccountScope, int] = {scope: level for level, scope in enumerate(AccountScope, start=1)}

PERCEPTION_NAMES: dict[PerceptionLevel, str] = {
    PerceptionLevel.COMMODITY_BROKER: "commodity broker",
    PerceptionLevel.PRODUCT_SERVICE_PROVIDER: "product/service provider",
    PerceptionLevel.VALUE_ADDER: "value-adder",
    PerceptionLevel.BUSINESS_PARTNER: "business partner",
}

STANCE_NAMES: dict[Stance, str] = {stance: stance.name.lower() for stance in Stance}

_BUYING_CENTRE = "buying centre"  # Webster & Wind 1972; initiator added by Bonoma, approver by Kotler
_MILLER_HEIMAN = "buying influences"  # Miller-Heiman
_LARGE_ACCOUNT = "large account roles"  # Miller-Heiman large account management

ROLES: dict[StakeholderRole, RoleTerms] = {
    StakeholderRole.INITIATOR: RoleTerms(_BUYING_CENTRE, "first sees the need and asks for a purchase"),
    StakeholderRole.USER: RoleTerms(_BUYING_CENTRE, "works with what is bought"),
    StakeholderRole.INFLUENCER: RoleTerms(_BUYING_CENTRE, "shapes the specification or the opinion of others"),
    StakeholderRole.DECIDER: RoleTerms(_BUYING_CENTRE, "chooses the supplier or the product"),
    StakeholderRole.APPROVER: RoleTerms(_BUYING_CENTRE, "authorises what deciders and buyers propose"),
    StakeholderRole.BUYER: RoleTerms(_BUYING_CENTRE, "has the formal authority to select suppliers and arrange terms"),
    StakeholderRole.GATEKEEPER: RoleTerms(_BUYING_CENTRE, "controls the flow of information and access"),
    StakeholderRole.ECONOMIC_BUYER: RoleTerms(_MILLER_HEIMAN, "can alone release the funds"),
    StakeholderRole.USER_BUYER: RoleTerms(_MILLER_HEIMAN, "judges the effect on the daily work"),
    StakeholderRole.TECHNICAL_BUYER: RoleTerms(_MILLER_HEIMAN, "screens offers: can say no, but not yes"),
    StakeholderRole.COACH: RoleTerms(_MILLER_HEIMAN, "guides us in this sale"),
    StakeholderRole.SPONSOR: RoleTerms(
        _LARGE_ACCOUNT, "has authority, has influence and credibility, and supports our presence for the long term"
    ),
    StakeholderRole.ANTI_SPONSOR: RoleTerms(
        _LARGE_ACCOUNT, "is credible, works against us and can influence decisions"
    ),
    StakeholderRole.STRATEGIC_COACH: RoleTerms(_LARGE_ACCOUNT, "guides us in the whole account"),
    StakeholderRole.KEY_PLAYER: RoleTerms(_LARGE_ACCOUNT, "matters to the account's direction, whatever the title"),
}
