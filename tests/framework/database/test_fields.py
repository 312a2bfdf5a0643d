"""One line declares a field: its column, its CHECK, and its place in the patch and the read model."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from pydantic import MISSING, ValidationError
from pydantic import Field as Member
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Day, Exact, Instant, Json, Money, Uuid
from service.framework.database.fields import WRITE_ONLY, Fields, patch_of, read_of, table_of
from service.platform import types
from service.platform.types import Count, DayText, Flag, Id, InstantText, LongText, Name, Shape


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class ThingFields(Fields):
    name: Name = Field(description="Its name", schema_extra={"examples": ["Anvil"]})
    note: LongText | None = Field(default=None, description="Free text")
    count: Count = Field(default=0, description="How many")
    secret: Annotated[str, WRITE_ONLY] | None = Field(default=None, description="Never shown")


class ThingCreate(ThingFields):
    """A thing."""


class Thing(ThingFields, table=True):
    __tablename__ = "things_of_a_test"

    id: Id = Field(primary_key=True, description="Its id")
    colour: Colour | None = Field(description="Its colour")
    shade: Colour
    price: types.Money | None
    score: Decimal = Field(sa_type=Exact(6, 4))
    sold: Flag = False
    sold_on: DayText | None
    sold_at: InstantText | None
    labels: list[str]
    hidden: dict[str, Any] | None


THINGS = table_of(Thing, unchecked=("shade",))
SQLModel.metadata.remove(THINGS)  # migrations compare the database with the metadata


@read_of(ThingCreate, Thing, order="id total name", omit="note")
class ThingRead(Shape):
    """A thing as it is read."""

    total: Count = Member(description="Computed")
    as_of: InstantText | None = Member(default=None, description="Of a look back")


def test_the_type_of_a_field_gives_its_column() -> None:
    kinds = {column.name: type(column.type) for column in THINGS.c}
    assert kinds == {
        "name": sa.Text, "note": sa.Text, "count": sa.BigInteger, "secret": sa.Text, "id": Uuid, "colour": sa.Text,
        "shade": sa.Text, "price": Money, "score": Exact, "sold": sa.Boolean, "sold_on": Day, "sold_at": Instant,
        "labels": Json, "hidden": Json,
    }  # fmt: skip
    nullable = {column.name for column in THINGS.c if column.nullable}
    assert nullable == {"note", "secret", "colour", "price", "sold_on", "sold_at", "hidden"}


def test_a_vocabulary_gives_a_check_unless_it_is_named_unchecked() -> None:
    checks = [str(item.sqltext) for item in THINGS.constraints if isinstance(item, sa.CheckConstraint)]
    assert checks == ["colour IS NULL OR colour IN ('red', 'blue')"]


def test_a_decimal_without_digits_is_refused() -> None:
    class Loose(Fields, table=True):
        id: Id = Field(primary_key=True)
        share: Decimal

    with pytest.raises(TypeError, match=r"loose\.share needs a sa_type"):
        table_of(Loose)
    SQLModel.metadata.remove(SQLModel.metadata.tables["loose"])


def test_a_read_model_has_the_described_fields_and_its_own_members_in_order() -> None:
    assert list(ThingRead.model_fields) == ["id", "total", "name", "count", "colour", "as_of"]
    schema = ThingRead.model_json_schema()
    assert schema["required"] == ["id", "total", "name", "count", "colour"]
    assert schema["properties"]["count"]["description"] == "How many"
    assert schema["description"] == "A thing as it is read."


def test_a_read_model_can_be_a_base() -> None:
    class Shown(ThingRead):
        more: Flag = Member(description="One more")

    assert list(Shown.model_fields) == [*ThingRead.model_fields, "more"]


def test_a_patch_tells_absent_from_null() -> None:
    patch = patch_of(ThingCreate, "ThingPatch", exclude=["count"])
    assert patch.model_validate_json("{}").given() == {}
    assert patch.model_validate_json('{"note":null}').given() == {"note": None}
    assert patch.model_validate_json("{}").model_dump() == {}
    assert patch().name is MISSING
    for refused in ('{"name":null}', '{"count":1}', '{"name":""}'):
        with pytest.raises(ValidationError):
            patch.model_validate_json(refused)
    schema = patch.model_json_schema()
    assert "required" not in schema
    assert schema["properties"]["name"] == {
        "description": "Its name",
        "examples": ["Anvil"],
        "maxLength": 200,
        "minLength": 1,
        "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
        "title": "Name",
        "type": "string",
    }
    assert {"type": "null"} in schema["properties"]["note"]["anyOf"]
