"""Pages of a plain record's lists: as they are now, with deleted records, and in the order of changes."""

from service.access.policy import Permission
from service.framework.database.changes import ChangedPage
from service.framework.database.database import Page
from service.framework.database.listing import Listing, PageRequest
from service.records.context import Context


async def changed_page(ctx: Context, reads: Permission, listing: Listing, request: PageRequest) -> Page:
    """Return a page of the records that changed after the request's position, deleted ones too. Raises CursorInvalid
    and CursorExpired.

    What was committed before the call is in it: a last page beside which changes wait for their positions is read again
    after they got them, whether or not a worker runs.
    """
    changes = listing.changes
    if changes is None:
        raise TypeError(f"{listing.name} has no order of changes")
    async with ctx.reading(reads, fresh=True) as reader:
        page: ChangedPage = await changes.page(reader, request, ctx.cursors)
    if page.has_more or not page.waiting:
        return page
    await ctx.number_changes()
    async with ctx.reading(reads, fresh=True) as reader:
        again: ChangedPage = await changes.page(reader, request, ctx.cursors)
    return again


def listed(listing: Listing, request: PageRequest) -> Listing:
    """Return the listing that a request for a plain list reads: with deleted records if it asks for them."""
    with_deleted = listing.with_deleted
    return with_deleted if request.include_deleted and with_deleted is not None else listing
