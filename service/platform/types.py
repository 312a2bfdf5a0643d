"""Strict scalars for request values, so that nothing ambiguous and nothing that the database cannot hold is accepted.

One type serves JSON bodies (`validate_json`), query strings (`validate_python` with the context `QUERY`) and Python
values (GraphQL, imports). JSON Schema decides which JSON values fit: `748.0` is an integer, `"5"` and `true` are not.
In `Annotated`, `Field` stands before the validators; otherwise its bounds are missing from the OpenAPI document. Not
for SQL: see `framework/database/columns.py`.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from service.platform.patterns import fitting

BIGGEST = 2**53 - 1
"""The largest integer that every JSON reader holds exactly."""

EXACT_DECIMALS = 17
"""Decimals that exact numbers keep: as many as a JSON number (a double) between 0.1 and 10 can distinguish."""

_FINEST = Decimal(1).scaleb(-EXACT_DECIMALS)

QUERY = "query"
"""The validation context for texts of a query string, in which digits are a number."""

_MONEY = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,2})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Shape(BaseModel):
    """The base of every request body, query and answer. Unknown members are refused, by name."""

    # built at first use: most shapes are only documented, and building all of them takes a tenth of the start
    model_config = ConfigDict(extra="forbid", frozen=True, use_enum_values=True, defer_build=True)

    def given(self) -> dict[str, Any]:
        """Return only the members that were sent, as Python values: the changes of a merge patch."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _numeric(kinds: Any, pattern: re.Pattern[str], code: str, message: str) -> BeforeValidator:
    """Return a validator that refuses what JSON Schema does not count among the `kinds` of numbers. In a query string a
    text that fits the pattern is a number.
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        if info.context == QUERY:
            fits = isinstance(value, str) and pattern.fullmatch(value) is not None
        else:
            fits = isinstance(value, kinds) and not isinstance(value, bool)
        if not fits:
            raise PydanticCustomError(code, message)
        return value

    return BeforeValidator(check)


def _four_places(value: Decimal) -> Decimal:
    """Round to the four decimals that the database keeps, half to even."""
    return value.quantize(Decimal("0.0001"), ROUND_HALF_EVEN).normalize() + 0


_WIDE = Context(prec=60)


def _as_sent(value: Decimal) -> Decimal:
    """Keep every digit of a JSON number: no rounding may move an account across a border."""
    kept = value if _decimals(value) <= EXACT_DECIMALS else value.quantize(_FINEST, ROUND_HALF_EVEN, _WIDE)
    return _WIDE.add(kept.normalize(_WIDE), 0)


def _decimals(value: Decimal) -> int:
    """Return the number of digits after the decimal point."""
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _flag(value: Any, info: ValidationInfo) -> Any:
    """Refuse any value but true and false."""
    if isinstance(value, bool) or (info.context == QUERY and value in ("true", "false")):
        return value
    raise PydanticCustomError("bool_type", "Must be true or false")


def _money(value: Any) -> Any:
    """Refuse numbers: money is a decimal string, so that no reader rounds it."""
    if isinstance(value, Decimal) or (isinstance(value, str) and _MONEY.fullmatch(value)):
        return value
    raise PydanticCustomError("money_format", "Must be a decimal string with at most 13 digits and 2 decimals")


def _day(value: Any) -> Any:
    """Refuse numbers and other spellings of a date."""
    if (type(value) is date) or (isinstance(value, str) and DAY.fullmatch(value)):
        return value
    raise PydanticCustomError("date_format", "Must be a date as YYYY-MM-DD")


def _instant(value: Any) -> Any:
    """Refuse numbers, naive times and other spellings of an instant."""
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value
    elif isinstance(value, str) and INSTANT.fullmatch(value):
        return value.upper()
    raise PydanticCustomError("instant_format", "Must be an RFC 3339 instant with an offset, like 2026-11-21T21:35:00Z")


def _utc(value: datetime) -> datetime:
    """Return the instant in UTC."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("instant_range", "Must lie between the years 1 and 9999 in UTC") from None


def _uuid(value: Any) -> str:
    """Return the UUID as lower-case text with hyphens, the only spelling inside the service."""
    if isinstance(value, str) and _UUID.fullmatch(lower := value.lower()):
        return lower
    raise PydanticCustomError("uuid_format", "Must be a UUID")


def _composed(value: Any) -> Any:
    """Return a text in Unicode's composed form (NFC): the same words, however they were typed, are the same text."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) and not value.isascii() else value


def _integer(lowest: int, highest: int, form: str = "int32") -> Any:
    """Return the bounds and the JSON Schema format of an integer."""
    return Field(ge=lowest, le=highest, json_schema_extra={"format": form})


def _within(**bounds: Any) -> Any:
    """Return the bounds (`ge`, `gt`, `le`) of a decimal."""
    return Field(allow_inf_nan=False, **bounds)


def _schema(**bounds: Any) -> WithJsonSchema:
    """Return the JSON Schema of a decimal that travels as a number; pydantic's own would also take a text."""
    names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}
    return WithJsonSchema({"type": "number", **{names[name]: bound for name, bound in bounds.items()}})


_WHOLE = _numeric(int | float, re.compile(r"-?[0-9]{1,16}"), "int_type", "Must be an integer")
_PARSED = _numeric(
    int | float | Decimal, re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,16})?"), "number_type", "Must be a number"
)
_ROUNDED = AfterValidator(_four_places)
_EXACT = AfterValidator(_as_sent)

CURSOR = fitting(r"^[A-Za-z0-9_-]+$", "Must be one or more of A-Z, a-z, 0-9, `_` and `-`, as it was given")


def _small_scheme(value: Any) -> Any:
    """Return a URL with its scheme in small letters."""
    if not isinstance(value, str):
        return value
    scheme, colon, rest = value.partition(":")
    return f"{scheme.lower()}{colon}{rest}" if scheme.isascii() else value


COMPOSED = BeforeValidator(_composed)
"""For texts that people write, and ids of other systems; secrets stay as they were sent."""

NO_NUL = fitting(r"^[^\u0000]*$", "Must not contain the character U+0000")
"""The pattern of a text that PostgreSQL can hold. Lone surrogates are refused by pydantic."""

NO_COMMA = fitting(r"^[^\u0000,]*$", "Must not contain a comma or the character U+0000")
NOT_BLANK = fitting(
    r"^[^\u0000]*[^\s\u0000][^\u0000]*$", "Must have a character that is not blank, and none that is U+0000"
)
Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200, pattern=NOT_BLANK), COMPOSED]
"""1 to 200 characters, not all blank."""

Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000, pattern=NO_NUL), COMPOSED]
"""1 to 2,000 characters."""
LongText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=20000, pattern=NO_NUL), COMPOSED]
"""1 to 20,000 characters."""

SLUG = fitting(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", "Must begin with a letter A-Z or a digit, followed by those and `_`, `.` or `-`"
)
Slug = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=SLUG)]
"""A key that programs use: 1 to 100 of letters, digits, `_`, `.`, `-`."""

Search = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200, pattern=NO_NUL), COMPOSED]
"""Words to look for."""
Currency = Annotated[
    str,
    StringConstraints(
        strict=True,
        pattern=fitting(r"^[A-Z]{3}$", "Must be a currency: three capital letters of ISO 4217, such as EUR"),
    ),
]
"""ISO 4217 code."""
CountryCode = Annotated[
    str,
    StringConstraints(
        strict=True, pattern=fitting(r"^[A-Z]{2}$", "Must be a country: two capital letters of ISO 3166-1, such as DE")
    ),
]
"""ISO 3166-1 alpha-2 code."""

Email = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=254,
        pattern=fitting(
            r'^[^@\s\u0000<>,;"]{1,64}@[^@\s\u0000<>,;".]+(\.[^@\s\u0000<>,;".]+)+$',
            "Must be one e-mail address without a display name, such as ada@example.com",
        ),
    ),
    COMPOSED,
]
"""One address without a display name."""

WebUrl = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=2000,
        pattern=fitting(
            r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\u0000/?#@]+([/?#][^\s\u0000]*)?$",
            "Must be an absolute URL with http or https and without a user name, such as https://example.com/path",
        ),
    ),
    BeforeValidator(_small_scheme),
]
"""Absolute http or https URL without user name; the scheme, in any case, is kept in small letters."""

Flag = Annotated[bool, BeforeValidator(_flag)]

Count = Annotated[int, _integer(0, 2**31 - 1), _WHOLE]
"""0 to 2,147,483,647."""
GraceSeconds = Annotated[int, _integer(0, 604_800), _WHOLE]
"""Seconds, up to a week."""
Whole = Annotated[int, _integer(-(2**31), 2**31 - 1), _WHOLE]
"""Any 32-bit integer."""
AnswerStatus = Annotated[int, _integer(200, 399), _WHOLE]
"""An HTTP status from 200 to 399."""
Rank4 = Annotated[int, _integer(1, 4), _WHOLE]
"""A level from 1 to 4."""
Rank5 = Annotated[int, _integer(1, 5), _WHOLE]
"""A level from 1 to 5."""
Balance = Annotated[int, _integer(-2, 2), _WHOLE]
"""From 2 against, over neutral, to 2 in favour."""
BigCount = Annotated[int, _integer(0, BIGGEST, "int64"), _WHOLE]
"""0 to 2^53 - 1."""
InFlight = Annotated[int, _integer(1, 64), _WHOLE]
"""1 to 64 at once."""
CallSeconds = Annotated[int, _integer(1, 30), _WHOLE]
"""1 to 30 seconds."""
Version = Annotated[int, _integer(1, 2**31 - 1), _WHOLE]
"""Grows by one with every change; also the ETag."""
Limit = Annotated[int, _integer(1, 200), _WHOLE]
"""Items per page, 1 to 200."""
Score = Annotated[Decimal, _within(ge=0, le=10), _PARSED, _ROUNDED, _schema(ge=0, le=10)]
"""0 to 10 as a JSON number, kept to 4 decimals (half to even)."""
ExactScore = Annotated[Decimal, _within(ge=0, le=10), _PARSED, _EXACT, _schema(ge=0, le=10)]
"""0 to 10 as a JSON number, kept as it was sent: a score that decides a quadrant is never rounded."""
Weight = Annotated[Decimal, _within(ge=0, le=1000), _PARSED, _EXACT, _schema(ge=0, le=1000)]
"""0 to 1,000 as a JSON number, kept as it was sent. Weights are compared within one model only."""
Ratio = Annotated[Decimal, _within(gt=0, le=10), _PARSED, _EXACT, _schema(gt=0, le=10)]
"""Above 0 to 10 as a JSON number, kept as it was sent."""
BandWidth = Annotated[Decimal, _within(ge=0, le=5), _PARSED, _EXACT, _schema(ge=0, le=5)]
"""0 to 5 score points as a JSON number, kept as it was sent."""

RatePerSecond = Annotated[
    Decimal, _within(ge=Decimal("0.01"), le=10_000), _PARSED, _ROUNDED, _schema(ge=0.01, le=10_000)
]
"""0.01 to 10,000 per second, kept to 4 decimals."""

Measure = Annotated[Decimal, _within(ge=-(10**12), le=10**12), _PARSED, _ROUNDED, _schema(ge=-(10**12), le=10**12)]
"""A measured value (metric, baseline, target) between plus and minus a million million, kept to 4 decimals."""
Figure = Annotated[Decimal, _within(ge=-9999, le=9999), _PARSED, _ROUNDED, _schema(ge=-9999, le=9999)]
"""A number that scores and ratios are compared with, kept to 4 decimals. Every column that it is compared with can hold
it.
"""

ExactMeasure = Annotated[Decimal, _within(ge=-(10**12), le=10**12), _PARSED, _EXACT, _schema(ge=-(10**12), le=10**12)]
"""As Measure, but kept as it was sent: score bands turn this metric into a score."""

Money = Annotated[
    Decimal,
    Field(ge=0),
    BeforeValidator(_money),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[0-9]{1,13}(\.[0-9]{1,2})?$", "maxLength": 16, "examples": ["1250000.00"]}
    ),
]
"""Zero or more: a decimal string, at most 13 digits before and 2 after the point. The currency is a field of its own.
"""

SignedMoney = Annotated[
    Decimal,
    BeforeValidator(_money),
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,2})?$", "maxLength": 17, "examples": ["-250.00"]}
    ),
]
"""As Money, and may be negative."""

DayText = Annotated[date, BeforeValidator(_day)]
"""A calendar day as YYYY-MM-DD; a `date` inside."""
InstantText = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_utc)]
"""An RFC 3339 instant with an offset; an aware UTC `datetime` inside."""
Id = Annotated[str, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
"""A UUID; lower-case text with hyphens inside."""

_AttributeKey = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL), COMPOSED]
_AttributeText = Annotated[str, StringConstraints(strict=True, max_length=2000, pattern=NO_NUL), COMPOSED]
_AttributeNumber = Annotated[
    float,
    Field(ge=-BIGGEST, le=BIGGEST, allow_inf_nan=False, strict=True),
    WithJsonSchema({"type": "number", "minimum": -BIGGEST, "maximum": BIGGEST}),
]
_AttributeInt = Annotated[
    int,
    Field(ge=-BIGGEST, le=BIGGEST, strict=True),
    WithJsonSchema({"type": "integer", "minimum": -BIGGEST, "maximum": BIGGEST}),
]


def _name_pattern(schema: dict[str, Any]) -> None:
    """Describe the limits of free members once for all names: `patternProperties` would accept any other name."""
    for pattern, values in schema.pop("patternProperties", {}).items():
        schema["additionalProperties"] = values
        schema.setdefault("propertyNames", {})["pattern"] = pattern


Attributes = Annotated[
    dict[_AttributeKey, _AttributeText | bool | _AttributeInt | _AttributeNumber | None],
    Field(max_length=100, json_schema_extra=_name_pattern),
]
"""Free fields of the client: up to 100 names, each with a text, number, boolean or null."""
