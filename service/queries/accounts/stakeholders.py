"""How stakeholders are read."""

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.statements import Statement
from service.models.accounts.stakeholders import StakeholderRead, stakeholders
from service.queries.listings import listing_of

s = stakeholders.c

STAKEHOLDERS = listing_of(stakeholders, StakeholderRead, "stakeholder")


def _line_above() -> Statement:
    higher = stakeholders.alias("higher")
    first = sa.select(s.id, s.reports_to_id).where(
        s.id == bind("id", s.id),
        s.account_id == bind("account_id", s.account_id),
        s.deleted_at.is_(None),
    )
    line = first.cte("line", recursive=True)
    line = line.union(sa.select(higher.c.id, higher.c.reports_to_id).where(higher.c.id == line.c.reports_to_id))
    return Statement(sa.select(line.c.id))


LINE_ABOVE = _line_above()
"""The ids of a live stakeholder `:id` of the account `:account_id` and of everybody above; none when there is none."""

BELOW = Statement(
    sa.select(s.id)
    .where(
        s.account_id == bind("account_id", s.account_id),
        s.reports_to_id == bind("id", s.id),
        s.deleted_at.is_(None),
    )
    .order_by(s.id)
)
"""The ids of the live stakeholders who report to `:id`."""
