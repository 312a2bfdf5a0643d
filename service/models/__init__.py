"""One file per part: its fields once, its table, its shapes in and out; foreign keys by name, no ORM relationships."""

from sqlmodel import SQLModel

# Every constraint has a name, the same on both databases: migrations drop by name, and violations are told by name.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(column_0_label)s",
}
