"""What is asked for when the portfolio is classified anew."""

from __future__ import annotations

from pydantic import Field as Member

from service.platform.types import Shape, Text


class ReclassificationCreate(Shape):
    """Why the portfolio is to be classified anew."""

    reason: Text | None = Member(
        default=None, description="Why: kept in each account's history and told in the events", examples=["New cuts"]
    )
