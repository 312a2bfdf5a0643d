"""The request to reclassify the portfolio."""

from pydantic import Field as Member

from service.platform.types import Shape, Text


class ReclassificationCreate(Shape):
    """The request to reclassify the portfolio."""

    reason: Text | None = Member(
        default=None, description="The reason, kept in each account's history and in the events", examples=["New cuts"]
    )
