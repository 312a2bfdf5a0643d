"""How a rule says no: verdicts are data that an operation turns into an error; rules never raise."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LOWEST_SCORE = Decimal(0)
HIGHEST_SCORE = Decimal(10)
FULL_WEIGHT = Decimal(100)
WEIGHT_TOLERANCE = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One finding: a `pointer` (RFC 6901) into what was judged, a `code` for programs, a `message` for people."""

    pointer: str
    code: str
    message: str


def escaped(segment: str) -> str:
    """Write a name as one RFC 6901 pointer segment."""
    return segment.replace("~", "~0").replace("/", "~1")


def exact(value: Decimal | int | float | str) -> Decimal:
    """Read a number exactly; a float counts as its shortest decimal text, so 0.1 is one tenth."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def as_decimal(value: Fraction) -> Decimal:
    """Write a number that was given as a decimal (a cut, a sum of weights) as one again, exact to 28 digits."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def shown(value: Fraction | Decimal | int, places: int = 4) -> Decimal:
    """Round an exact number for show to so many decimal places, half up (away from 0), as the databases round."""
    exactly = Fraction(value)
    units = (2 * abs(exactly.numerator) * 10**places + exactly.denominator) // (2 * exactly.denominator)
    return Decimal(units if exactly >= 0 else -units).scaleb(-places)


def plain(value: Fraction | Decimal | int, places: int = 4) -> str:
    """Write a number for a sentence: rounded, without trailing zeros."""
    text = f"{shown(value, places):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_score(value: Decimal | Fraction) -> bool:
    """Tell whether a number is a score: finite and 0 to 10, both included."""
    return (isinstance(value, Fraction) or value.is_finite()) and LOWEST_SCORE <= value <= HIGHEST_SCORE


def score_verdict(pointer: str, value: Decimal | Fraction) -> Verdict | None:
    """Refuse a score outside 0 to 10."""
    if is_score(value):
        return None
    return Verdict(pointer, "score_out_of_range", f"A score lies between 0 and 10; this is {value}.")


def weight_verdicts(weights: Sequence[Decimal], pointer: str) -> list[Verdict]:
    """Judge a set of weights: each above 0 and at most 100, all together 100 within 0.01; refused, never normalised.

    A factor that is good when low takes reversed score bands, never a negative weight. `pointer` is the list's pointer.
    """
    verdicts = [
        Verdict(
            f"{pointer}/{index}/weight", "weight_out_of_range", f"A weight is above 0 and at most 100, not {weight}."
        )
        for index, weight in enumerate(weights)
        if not (weight.is_finite() and 0 < weight <= FULL_WEIGHT)
    ]
    if weights and not verdicts:
        total = sum(map(Fraction, weights), Fraction(0))
        if abs(total - Fraction(FULL_WEIGHT)) > Fraction(WEIGHT_TOLERANCE):
            verdicts.append(
                Verdict(
                    pointer, "weights_do_not_sum_to_100", f"The weights sum to {plain(total)}; they must sum to 100."
                )
            )
    return verdicts
