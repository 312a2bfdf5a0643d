"""Kinds of records: what one is called, where its records stand, and the rules of its own."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.framework.database.listing import Listing
from service.platform.errors import KamError
from service.queries.accounts.accounts import ACCOUNTS
from service.records.context import Transaction

Members = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of record: its name in the singular and the plural, in plain words, and its listing."""

    singular: str
    plural: str
    listing: Listing

    @property
    def name(self) -> str:
        """The word that references, events and bodies use: `site_visit`."""
        return self.singular.replace(" ", "_")

    @property
    def names(self) -> str:
        """The same in the plural, as in the names of operations: `site_visits`."""
        return self.plural.replace(" ", "_")

    @property
    def path(self) -> str:
        """The segment of its paths: `site-visits`."""
        return self.plural.replace(" ", "-")

    @property
    def type_name(self) -> str:
        """The name of its type in GraphQL: `SiteVisit`."""
        return self.singular.title().replace(" ", "")

    @property
    def one(self) -> str:
        """One of them, in words: `a site visit`."""
        return f"{'an' if self.singular[0] in 'aeio' else 'a'} {self.singular}"

    @property
    def column(self) -> str:
        """The column by which other records name one: `site_visit_id`."""
        return f"{self.name}_id"


ACCOUNT = Kind("account", "accounts", ACCOUNTS)


@dataclass(frozen=True)
class Place:
    """Where a record stands: the record it is created under, and its account as events sum it up."""

    parent: Members = field(default_factory=dict)
    account: Members | None = None

    @property
    def owner(self) -> tuple[Members, ...]:
        """The account as an argument of an event of its record; none for a record without an account."""
        return () if self.account is None else (self.account,)


@dataclass(frozen=True)
class Rule:
    """What one kind of write demands beyond its fields: a check, the sentences that clients read, and its errors.

    The check runs inside the transaction, before the record is written, and raises what it refuses:
    creating   `check(tx, place, values)`: the columns of the new row
    changing   `check(tx, before, changes)`: the columns that differ; it may add further ones
    deleting   `check(tx, before, place)`
    restoring  `check(tx, before, changes)`: the columns that are set when the deleted record comes back
    """

    check: Callable[[Transaction, Any, Any], Awaitable[None]] | None = None
    says: str = ""
    errors: tuple[type[KamError], ...] = ()
    members: frozenset[str] | None = None
    """The members whose change is checked; None for all."""

    def concerns(self, changed: Collection[str]) -> bool:
        """Return whether a change of these members is to be checked."""
        return self.members is None or not self.members.isdisjoint(changed)


NO_RULE = Rule()
