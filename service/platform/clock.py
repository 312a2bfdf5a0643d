"""UTC time from one place, so that tests and the demo can set it. No other module reads the machine's time."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's clock, in UTC."""

    live = True
    """Whether time passes by itself, so that a statement may take the database's clock for it."""

    def now(self) -> datetime:
        """Return the present instant: aware, in UTC, with microseconds."""
        return datetime.now(UTC)


class SetClock(Clock):
    """A clock that changes only when it is set, for tests and for making a history in the past."""

    live = False

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant that was set."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move the clock to an instant, forwards or back."""
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move the clock on by a duration."""
        self._at += by


def instant_text(at: datetime) -> str:
    """Return an instant as every answer shows it: RFC 3339 in UTC with six decimals and `Z`."""
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"
