"""One file for each part: its fields, table and shapes; foreign keys are named as text, without ORM relationships."""

from sqlmodel import SQLModel

# Each constraint has the same name on both databases: migrations drop it, and violations are reported, by that name.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(column_0_label)s",
}
