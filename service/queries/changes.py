"""The order of changes of plain records."""

from service.events.feed.changes import END, WAITING
from service.framework.database.changes import ChangeOrder, follow
from service.framework.database.listing import Listing
from service.models.events.changes import record_changes

SYNC_NOTE = "A sync uses `changed_after`: a change is committed later than its `updated_at` says, so this misses some"
ORDER = ChangeOrder(record_changes, END, WAITING)


def followed(listing: Listing, kind: str) -> Listing:
    """Return the listing of the plain records of a kind, with its changes and with its deleted records."""
    return follow(listing, ORDER, kind)
