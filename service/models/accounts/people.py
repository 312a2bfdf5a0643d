"""People on our side: key account managers, team members, sponsors."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.fields import Fields, patch_of
from service.models.shapes import Living, ReadBase, Reference, References, references_field
from service.platform.types import Email, Flag, Name


class PersonFields(Fields):
    """What callers say of a person."""

    name: Name = Field(sa_type=sa.Text, description="The person's name")
    email: Email | None = Field(default=None, sa_type=sa.Text, description="Business e-mail address")
    title: Name | None = Field(default=None, sa_type=sa.Text, description="Job title")
    function: Name | None = Field(
        default=None, sa_type=sa.Text, description="Function in our company, for example technical service"
    )
    active: Flag = Field(default=True, sa_type=sa.Boolean, description="Whether the person still works with accounts")


class PersonCreate(PersonFields):
    """A person to add."""

    refs: References = references_field()


PersonPatch = patch_of(PersonCreate, "PersonPatch")


class Person(Living, PersonFields, table=True):
    """The table."""

    __tablename__ = "people"


people: sa.Table = Person.__table__  # type: ignore[attr-defined]
sa.Index("ix_people_name", people.c.name, people.c.id)


class PersonRead(ReadBase):
    """A person on our side."""

    name: Name = Member(description="The person's name")
    email: Email | None = Member(description="Business e-mail address")
    title: Name | None = Member(description="Job title")
    function: Name | None = Member(description="Function in our company")
    active: Flag = Member(description="Whether the person still works with accounts")
    refs: Annotated[list[Reference], Member(max_length=20)] = Member(
        description="Ids of the same record in other systems"
    )
