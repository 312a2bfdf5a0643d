"""The verdict of a rule: data that an operation turns into an error. Rules never raise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

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


def fraction(value: Fraction | Decimal | int) -> Fraction:
    """Return an exact number to calculate with. The few scores and weights that recur are cached."""
    return value if type(value) is Fraction else _fraction(value)


@lru_cache(4096)
def _fraction(value: Fraction | Decimal | int) -> Fraction:
    return Fraction(value)


def weighted_sum(pairs: Iterable[tuple[Fraction | Decimal, Fraction | Decimal]]) -> Fraction:
    """Return the exact sum of weight x score; 0 of none. Calculates with whole numbers and divides once, at the end."""
    total, divisor = 0, 1
    for weight, score in pairs:
        one, other = fraction(weight), fraction(score)
        product, denominator = one.numerator * other.numerator, one.denominator * other.denominator
        if denominator == divisor:
            total += product
        else:
            total, divisor = total * denominator + product * divisor, divisor * denominator
    return Fraction(total, divisor)


def as_decimal(value: Fraction) -> Decimal:
    """Write a number that was given as a decimal (a cut, a sum of weights) as one again, exact to 28 digits."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def shown(value: Fraction | Decimal | int, places: int = 4) -> Decimal:
    """Round an exact number for show to this many decimal places, half up (away from 0), as the databases round."""
    exactly = fraction(value)
    units = (2 * abs(exactly.numerator) * 10**places + exactly.denominator) // (2 * exactly.denominator)
    return Decimal(units if exactly >= 0 else -units).scaleb(-places)


def plain(value: Fraction | Decimal | int, places: int = 4) -> str:
    """Write a number for a sentence: rounded, without trailing zeros."""
    text = f"{shown(value, places):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_score(value: Decimal | Fraction) -> bool:
    """Return whether a number is a score: finite and 0 to 10, both included."""
    if isinstance(value, Fraction):
        return 0 <= value.numerator <= 10 * value.denominator
    return value.is_finite() and LOWEST_SCORE <= value <= HIGHEST_SCORE


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
        total = sum(map(fraction, weights), Fraction(0))
        if abs(total - fraction(FULL_WEIGHT)) > fraction(WEIGHT_TOLERANCE):
            verdicts.append(
                Verdict(
                    pointer, "weights_do_not_sum_to_100", f"The weights sum to {plain(total)}; they must sum to 100."
                )
            )
    return verdicts
