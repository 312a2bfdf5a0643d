"""Map positions of the matrix to places on the picture: strength high on the left, attractiveness high on top."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from service.documents.labels import Area

PLOT = Area(84, 96, 884, 716)
_SPANS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_BEYOND_ALLOWED = 0.02
_RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True, slots=True)
class RatioScale:
    """A logarithmic scale of relative strength: twice as strong lies as far from the cut as half as strong.

    Values beyond the ends are drawn at the edge and counted.
    """

    cut: float
    span: float

    @classmethod
    def fitting(cls, cut: float, values: Sequence[float]) -> Self:
        """Return the narrowest scale that holds all but a few of the values."""
        for span in _SPANS:
            scale = cls(cut, span)
            if sum(scale.beyond(value) for value in values) <= len(values) * _BEYOND_ALLOWED:
                return scale
        return cls(cut, _SPANS[-1])

    def beyond(self, value: float) -> bool:
        """Return whether the value lies outside the scale."""
        return not self.cut / self.span <= value <= self.cut * self.span

    def x(self, value: float) -> float:
        """Return the value's place from the left. The strongest is leftmost."""
        least, most = self.cut / self.span, self.cut * self.span
        share = math.log(min(max(value, least), most) / self.cut) / math.log(self.span)
        return PLOT.left + (1 - share) / 2 * (PLOT.right - PLOT.left)

    def ticks(self) -> Iterable[tuple[float, str]]:
        """Return the marks of the axis: place and text."""
        last = -1000.0
        for value in sorted((ratio for ratio in _RATIOS if not self.beyond(ratio)), reverse=True):
            if (at := self.x(value)) - last >= 34 and abs(at - self.x(self.cut)) >= 34:
                last = at
                yield at, f"{value:g}"


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """A scale of scores 0 to 10 as strength: 10 is leftmost."""

    def beyond(self, value: float) -> bool:
        """Return false: no score lies outside."""
        return not 0 <= value <= 10

    def x(self, value: float) -> float:
        """Return the score's place from the left."""
        return PLOT.left + (10 - min(max(value, 0.0), 10.0)) / 10 * (PLOT.right - PLOT.left)

    def ticks(self) -> Iterable[tuple[float, str]]:
        """Return a mark for every second score."""
        return [(self.x(value), str(value)) for value in (10, 8, 6, 4, 2, 0)]


def height_of(score: float) -> float:
    """Return the place of an attractiveness of 0 to 10, from the top."""
    return PLOT.top + (10 - min(max(score, 0.0), 10.0)) / 10 * (PLOT.bottom - PLOT.top)
