"""The demo's portfolio as data: thirty invented companies of several industries, and the course of each over a year.

Every company is invented and no person has a name: our people and the customers' are called by their function. Scores
are on the default model's scale. A path of stages is a list of (day of the year, stage).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One of our people, called by the function."""

    title: str
    function: str


@dataclass(frozen=True)
class Company:
    """One account: its master data, its attractiveness (first and last quarter), our strength and the best competitor's
    (likewise), and its path of stages.
    """

    name: str
    industry: str
    country: str
    revenue: int
    owner: int
    attractive: tuple[float, float]
    ours: tuple[float, float]
    rival: tuple[float, float]
    path: tuple[tuple[int, str], ...]
    target: str | None = None
    parent: str | None = None
    scope: str = "key_national"


TEAM = (
    Member("Key account manager, machinery", "field sales"),
    Member("Key account manager, food and retail", "field sales"),
    Member("Key account manager, energy", "field sales"),
    Member("Key account manager, health", "field sales"),
    Member("Key account manager, logistics", "inside sales"),
    Member("Head of key accounts", "senior management"),
    Member("Application engineer", "technical service"),
    Member("Supply planner", "distribution"),
)
RIVALS = ("Nordhaven Supply", "Castellane Group", "Brightwater Components")
EARLY, MID, PARTNER, SYNERGY, LEAVING = "early_kam", "mid_kam", "partnership_kam", "synergistic_kam", "uncoupling_kam"

COMPANIES = (
    Company("Aurelia Robotics", "Industrial automation", "DE", 4_200_000, 0, (7.9, 8.6), (7.2, 8.1), (6.9, 6.8), ((20, EARLY), (90, MID), (230, PARTNER)), SYNERGY, None, "key_global"),
    Company("Aurelia Robotics Iberia", "Industrial automation", "ES", 640_000, 0, (6.1, 6.4), (6.5, 6.9), (6.6, 6.4), ((60, EARLY), (210, MID)), PARTNER, "Aurelia Robotics"),
    Company("Ferrovia Drives", "Industrial automation", "IT", 2_750_000, 0, (7.0, 6.8), (5.9, 6.6), (7.1, 7.0), ((25, EARLY), (160, MID)), PARTNER),
    Company("Kestrel Machine Works", "Machinery", "GB", 1_180_000, 0, (5.4, 4.6), (7.4, 7.6), (6.2, 6.1), ((30, EARLY), (80, MID)), MID),
    Company("Halden Presses", "Machinery", "SE", 480_000, 0, (3.8, 3.6), (5.1, 4.8), (6.4, 6.9), ((45, EARLY),), EARLY),
    Company("Tamar Castings", "Machinery", "GB", 310_000, 0, (2.9, 3.1), (6.8, 6.6), (6.0, 6.0), ((40, EARLY), (150, MID)), MID),
    Company("Meridian Foods", "Food and drink", "FR", 5_600_000, 1, (8.1, 8.3), (8.0, 8.4), (7.1, 7.0), ((10, EARLY), (50, MID), (120, PARTNER), (300, SYNERGY)), SYNERGY, None, "key_regional"),
    Company("Meridian Foods Polska", "Food and drink", "PL", 720_000, 1, (6.6, 7.1), (6.0, 6.4), (6.3, 6.3), ((55, EARLY), (240, MID)), PARTNER, "Meridian Foods"),
    Company("Osterfeld Dairies", "Food and drink", "DK", 1_950_000, 1, (4.7, 5.4), (7.7, 7.9), (6.6, 6.5), ((15, EARLY), (75, MID), (200, PARTNER)), PARTNER),
    Company("Calder Beverages", "Food and drink", "IE", 860_000, 1, (6.3, 6.6), (4.9, 5.8), (6.7, 6.6), ((35, EARLY),), MID),
    Company("Sundara Spices", "Food and drink", "IN", 390_000, 1, (7.4, 7.8), (4.4, 4.9), (6.8, 6.9), ((70, EARLY),), MID, None, "development_national"),
    Company("Bellwether Grocers", "Retail", "GB", 3_350_000, 1, (4.2, 3.9), (7.0, 6.6), (7.2, 7.5), ((18, EARLY), (65, MID), (280, LEAVING)), MID),
    Company("Lindgren Home", "Retail", "SE", 1_420_000, 1, (5.6, 5.9), (6.2, 6.8), (6.5, 6.3), ((28, EARLY), (140, MID)), MID),
    Company("Paloma Stores", "Retail", "ES", 540_000, 1, (3.3, 3.0), (4.6, 4.2), (6.1, 6.4), ((50, EARLY),), EARLY),
    Company("Northlight Wind", "Energy", "NO", 3_900_000, 2, (8.4, 8.8), (6.4, 7.3), (7.0, 6.9), ((22, EARLY), (110, MID), (290, PARTNER)), PARTNER, None, "key_regional"),
    Company("Granite Hydro", "Energy", "CH", 2_240_000, 2, (5.1, 4.9), (8.1, 8.2), (6.9, 6.8), ((12, EARLY), (60, MID), (170, PARTNER)), PARTNER),
    Company("Solvara", "Energy", "PT", 1_060_000, 2, (7.6, 8.0), (5.3, 6.9), (6.9, 6.7), ((40, EARLY), (190, MID)), PARTNER),
    Company("Estuary Grid", "Energy", "NL", 1_720_000, 2, (6.0, 6.2), (6.1, 6.0), (6.2, 6.3), ((33, EARLY), (130, MID)), MID),
    Company("Peat and Coal Holdings", "Energy", "EE", 260_000, 2, (1.8, 1.4), (5.0, 4.4), (5.2, 5.4), ((58, EARLY), (260, LEAVING)), None),
    Company("Clearwell Hospitals", "Health", "US", 2_980_000, 3, (7.7, 7.9), (7.1, 7.4), (7.0, 7.1), ((16, EARLY), (85, MID), (220, PARTNER)), PARTNER),
    Company("Vitalis Diagnostics", "Health", "AT", 1_340_000, 3, (8.0, 8.2), (5.6, 6.3), (7.3, 7.2), ((26, EARLY), (175, MID)), PARTNER),
    Company("Harbour Pharmacies", "Health", "AU", 910_000, 3, (4.4, 4.7), (6.7, 6.9), (6.1, 6.2), ((44, EARLY), (155, MID)), MID),
    Company("Orchid Medical Devices", "Health", "SG", 1_580_000, 3, (7.1, 7.5), (6.6, 7.0), (6.5, 6.6), ((38, EARLY), (125, MID)), PARTNER),
    Company("Brookfield Care Homes", "Health", "GB", 220_000, 3, (2.6, 2.8), (5.4, 5.2), (5.9, 6.0), ((66, EARLY),), EARLY),
    Company("Transalpine Freight", "Logistics", "AT", 2_060_000, 4, (5.8, 5.2), (7.3, 7.5), (6.7, 6.6), ((14, EARLY), (70, MID), (210, PARTNER)), PARTNER),
    Company("Baltic Container Lines", "Logistics", "LV", 1_260_000, 4, (6.5, 6.9), (5.7, 6.1), (6.6, 6.5), ((31, EARLY), (165, MID)), MID),
    Company("Pelican Couriers", "Logistics", "NL", 430_000, 4, (3.6, 3.9), (6.3, 6.5), (5.8, 5.9), ((52, EARLY), (180, MID)), MID),
    Company("Saguaro Warehousing", "Logistics", "US", 680_000, 4, (6.7, 7.0), (3.9, 4.7), (6.3, 6.4), ((74, EARLY),), MID, None, "development_national"),
    Company("Kitsune Air Cargo", "Logistics", "JP", 1_890_000, 4, (7.2, 7.3), (6.9, 7.1), (6.8, 6.7), ((24, EARLY), (105, MID)), PARTNER, None, "key_regional"),
    Company("Fjordline Ferries", "Logistics", "NO", 150_000, 4, (2.2, 2.4), (4.1, 4.0), (5.6, 5.6), (), None, None, "target_national"),
)  # fmt: skip

STAKEHOLDERS = (
    ("Head of purchasing", "purchasing", ("buyer", "gatekeeper"), 8.0),
    ("Plant manager", "operation", ("user", "influencer"), 6.0),
    ("Chief financial officer", "senior management", ("economic_buyer", "approver"), 9.0),
    ("Quality lead", "quality control", ("technical_buyer",), 5.0),
    ("Development engineer", "R&D", ("initiator", "coach"), 4.0),
)

OBJECTIVES = (
    ("Become first choice for a second product line", "Share of wallet", "percent", 22, 35),
    ("Grow with the customer's new site", "Revenue", "EUR", None, None),
    ("Cut the customer's cost of handling our deliveries", "Cost per delivery", "EUR", 41, 33),
)
ACTIONS = (
    ("Map who decides on the second line", "Decision makers and their criteria are written down"),
    ("Run a joint workshop with operations", "Three ideas with amounts that the customer confirms"),
    ("Offer a delivery calendar per site", "Calendar agreed and in use"),
    ("Review prices against the new volumes", "A price model that both sides sign"),
)

SECOND_MODEL_DAY = 187.0
SECOND_MODEL = "Second half"
SHIFTED_WEIGHTS = {"growth": -5, "profit_potential": 5}
HIGHER_CUT, DEAD_BAND = 5.5, 0.2
"""The scoring model of the second half-year: profit weighs more, growth less, the cut is higher, and a dead band holds
accounts near a border.
"""

DISAGREEING = 3
"""Every account whose number is a multiple of this gets a second rater with other scores."""

EXPECTED_DAY = 315.0
FORECASTS = (
    ("Aurelia Robotics", 9.2, 1.3, "Their second plant doubles what they buy"),
    ("Northlight Wind", 9.0, 1.25, "Two wind parks are licensed, and we are in both bids"),
    ("Solvara", 8.4, 1.15, "Our development work with them begins to pay"),
    ("Sundara Spices", 8.6, 1.02, "They move production to where we deliver"),
    ("Vitalis Diagnostics", 8.5, 1.1, "The framework contract is open next year"),
    ("Bellwether Grocers", 3.0, 0.75, "They build a purchasing alliance of their own"),
    ("Halden Presses", 2.8, 0.6, "Their product is at the end of its life"),
    ("Meridian Foods", 8.8, 1.2, "Joint planning with two more of their sites"),
    ("Granite Hydro", 3.9, 1.2, "No new plants after the present one"),
)
"""Forecasts of some accounts for three years ahead: attractiveness, relative strength, and the reason."""
