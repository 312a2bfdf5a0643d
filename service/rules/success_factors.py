"""Critical success factors to begin with, where a customer has not named its own yet; each says where it comes from.

Which of them count, and how much, is the customer's: it should give or confirm the factors and their weights.
"""

from dataclasses import dataclass
from decimal import Decimal

from service.rules.factor_library import FactorSource


@dataclass(frozen=True, slots=True)
class LibrarySuccessFactor:
    """A reusable success factor; `weight` is its share (0-100) in the default set, None if it is not in that set."""

    name: str
    description: str
    source: FactorSource
    weight: Decimal | None = None


_S = FactorSource

# Ease of doing business, quality of product and of people (Cranfield); quality, price, delivery, system cost and total
# cost of acquisition (behavioural triangle of purchasing). The default set takes price and total cost as one.
SUCCESS_FACTORS: tuple[LibrarySuccessFactor, ...] = (
    LibrarySuccessFactor("Quality of product", "What we deliver does what it is bought for", _S.CRANFIELD, Decimal(30)),
    LibrarySuccessFactor("Delivery", "On time, complete, where it is needed", _S.SLIDES, Decimal(20)),
    LibrarySuccessFactor(
        "Price and total cost", "The price, and what it costs to buy, own and use", _S.SLIDES, Decimal(20)
    ),
    LibrarySuccessFactor(
        "Ease of doing business", "How little effort it takes to work with us", _S.CRANFIELD, Decimal(15)
    ),
    LibrarySuccessFactor(
        "Quality of people", "How able and reliable the people the customer meets are", _S.CRANFIELD, Decimal(15)
    ),
    LibrarySuccessFactor("Price", "The price alone; what decides for a transactional buyer", _S.SLIDES),
    LibrarySuccessFactor("System cost", "The cost of the whole solution; decides for a commercial buyer", _S.SLIDES),
    LibrarySuccessFactor(
        "Total cost of acquisition",
        "All it costs to get and keep what is bought; decides for a relational buyer",
        _S.SLIDES,
    ),
)
