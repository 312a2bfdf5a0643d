"""Place names beside bubbles so that no name covers another name or bubble. Other names are left to the tooltip."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from service.documents.svg import shortened, text_width

SIZE = 12.0
WIDEST = 170.0
_GAP = 3.0
_LIFT = SIZE * 0.36
"""Distance from the middle of a line of text down to its baseline."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Self) -> bool:
        """Return whether two rectangles overlap."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Self) -> bool:
        """Return whether another rectangle lies wholly inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


@dataclass(frozen=True, slots=True)
class Disc:
    """A bubble: its place, its size and its name."""

    x: float
    y: float
    radius: float
    name: str

    def meets(self, area: Area) -> bool:
        """Return whether the bubble reaches into a rectangle."""
        x, y = min(max(self.x, area.left), area.right), min(max(self.y, area.top), area.bottom)
        return (x - self.x) ** 2 + (y - self.y) ** 2 < self.radius**2


@dataclass(frozen=True, slots=True)
class Label:
    """A name with its place: `x` is its middle and `y` its baseline."""

    text: str
    x: float
    y: float


def place(
    discs: Sequence[Disc], frame: Area, taken: Iterable[Area], insistent: int = 12, most: int = 50
) -> dict[int, Label]:
    """Place names by the number of their bubble, the most important bubble first.

    No name covers another, leaves the frame, or covers an area of `taken`. The first `insistent` names may cover
    bubbles when there is no free place, because a reader looks for the largest accounts by name. After `most` names the
    picture is full.
    """
    blocked = list(taken)
    placed: dict[int, Label] = {}
    for number, disc in enumerate(discs):
        if len(placed) >= most:
            break
        text = shortened(disc.name, SIZE, WIDEST)
        width = text_width(text, SIZE) + 4
        found = _free(disc, discs, number, width, frame, blocked, over=False)
        if found is None and number < insistent:
            found = _free(disc, discs, number, width, frame, blocked, over=True)
        if found is not None:
            blocked.append(found)
            middle = (found.left + found.right) / 2
            placed[number] = Label(text, middle, (found.top + found.bottom) / 2 + _LIFT)
    return placed


def _free(
    disc: Disc, discs: Sequence[Disc], own: int, width: float, frame: Area, blocked: Sequence[Area], *, over: bool
) -> Area | None:
    for area in _candidates(disc, width):
        if not frame.holds(area) or any(area.meets(other) for other in blocked):
            continue
        if over or not any(other.meets(area) for number, other in enumerate(discs) if number != own):
            return area
    return None


def _candidates(disc: Disc, width: float) -> Iterable[Area]:
    """Yield the places where a name may stand: inside its bubble, right, left, above, below, and at the corners."""
    height = SIZE + 2
    x, y, away = disc.x, disc.y, disc.radius + _GAP
    slant = disc.radius * 0.71 + _GAP
    if width <= disc.radius * 1.85:
        yield Area(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    for left, top in (
        (x + away, y - height / 2),
        (x - away - width, y - height / 2),
        (x - width / 2, y - away - height),
        (x - width / 2, y + away),
        (x + slant, y - slant - height / 2),
        (x + slant, y + slant - height / 2),
        (x - slant - width, y - slant - height / 2),
        (x - slant - width, y + slant - height / 2),
    ):
        yield Area(left, top, left + width, top + height)
