"""People on our side: key account managers, team members, sponsors."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.models.shapes import Referenced, Synced, SyncedRead
from service.platform.types import Email, Flag, Name


class PersonFields(Fields):
    """The members of a person that clients write."""

    name: Name = Field(description="The person's name")
    email: Email | None = Field(default=None, description="Business e-mail address")
    title: Name | None = Field(default=None, description="Job title")
    function: Name | None = Field(default=None, description="Function in our company, for example technical service")
    active: Flag = Field(default=True, description="Whether the person still works with accounts")


class PersonCreate(Referenced, PersonFields):
    """A person to add."""


PersonPatch = patch_of(PersonCreate, "PersonPatch")


class Person(Synced, PersonFields, table=True):
    """The table."""

    __tablename__ = "people"


people = table_of(Person)
sa.Index("ix_people_name", people.c.name, people.c.id)


@read_of(PersonCreate)
class PersonRead(SyncedRead):
    """A person on our side."""
