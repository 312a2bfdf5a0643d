"""Every event type by its name. Importing this module imports the subjects, which declare the classes."""

# ruff: noqa: F401 - importing a module of events declares their classes

from service.events import accounts, classification, plans, relationship, system, webhooks
from service.events.event import DECLARED, Event
from service.events.patterns import matches


def catalogue() -> dict[str, type[Event]]:
    """Return every event class by its type, sorted by type."""
    return dict(sorted(DECLARED.items()))


def known_types(pattern: str) -> list[str]:
    """Return the event types that match a pattern, sorted."""
    return [name for name in catalogue() if matches([pattern], name)]
