"""Draw the portfolio matrix: the four boxes as Cranfield draws them, or Fiocca's nine cells.

The input is the document that the API answers with (`MatrixRead`), so the picture shows the same numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.documents import matrix_legend as legend
from service.documents.labels import SIZE, Area, place
from service.documents.matrix_bubbles import Drawn, arrange, arrows, circles, strength_of
from service.documents.matrix_scales import PLOT, RatioScale, ScoreScale, height_of
from service.documents.svg import box, line_of, page, segment, shortened, text_width

WIDTH, HEIGHT = 1180, 800


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of the matrix as an area of the picture."""

    key: str
    area: Area
    heading: str
    line: str | None


@dataclass(frozen=True, slots=True)
class Grid:
    """The axes of a matrix: the horizontal scale, where the lines cross it, and the width of their borders."""

    scale: RatioScale | ScoreScale
    lines_x: tuple[float, ...]
    lines_y: tuple[float, ...]
    border_x: float
    border_y: float
    axis: str


def draw_matrix(document: Mapping[str, Any]) -> bytes:
    """Return the matrix as SVG in UTF-8. The same document gives the same bytes."""
    grid = _grid(document)
    cut = grid.lines_x[0]
    drawn = arrange(document, grid.scale, cut)
    cells = _cells(document, grid)
    headings = [_heading_area(cell) for cell in cells]
    labels = place([bubble.disc() for bubble in drawn.bubbles], PLOT, headings)
    parts = [
        box(0, 0, WIDTH, HEIGHT, "page"),
        line_of(_title(document), 28, 36, style="h1"),
        line_of(legend.subtitle(document), 28, 58, style="soft"),
        *(box(c.area.left, c.area.top, c.area.right - c.area.left, c.area.bottom - c.area.top, f"cell c-{c.key}")
          for c in cells),
        *_borders(grid),
        *_axes(grid),
        *circles(drawn.bubbles),
        *arrows(drawn.bubbles),
        *(part for cell in cells for part in _heading(cell)),
        *(line_of(label.text, label.x, label.y, style="name", anchor="middle") for label in labels.values()),
        *legend.panel(document, drawn, len(labels)),
    ]  # fmt: skip
    name = "kam-matrix-" + str(document["view"]).replace("_", "-")
    return page(name, WIDTH, HEIGHT, _title(document), _description(document, drawn), legend.style(name), parts)


def _title(document: Mapping[str, Any]) -> str:
    what = "the four boxes" if document["view"] == "four_box" else "the nine cells (Fiocca)"
    return f"Key account portfolio: {what}"


def _grid(document: Mapping[str, Any]) -> Grid:
    width = document["border_width"]
    if document["view"] == "fiocca":
        limits = (document["limits"]["high"], document["limits"]["low"])
        axis = "Our competitive position with the customer (own total, 0 to 10)"
        return Grid(ScoreScale(), limits, limits, width["fiocca"], width["fiocca"], axis)
    cuts = document["cuts"]
    cut = float(cuts["relative_strength"])
    listed = [account for each in document["boxes"] for account in each["accounts"]]
    listed += [account["forecast"] for account in listed if account.get("forecast")]
    values = [strength_of(account, "four_box", cut) for account in listed]
    scale = RatioScale.fitting(cut, [value for value in values if value is not None])
    axis = "Our strength with the customer, relative to the best competitor (logarithmic)"
    attractiveness = (float(cuts["attractiveness"]),)
    return Grid(scale, (cut,), attractiveness, width["relative_strength"], width["attractiveness"], axis)


def _cells(document: Mapping[str, Any], grid: Grid) -> list[Cell]:
    """Return the boxes row by row from the top, and within a row from the left, as the document lists them."""
    xs = [PLOT.left, *(grid.scale.x(line) for line in grid.lines_x), PLOT.right]
    ys = [PLOT.top, *(height_of(line) for line in grid.lines_y), PLOT.bottom]
    across = len(xs) - 1
    cells = []
    for at, each in enumerate(document["boxes"]):
        row, column = divmod(at, across)
        area = Area(xs[column], ys[row], xs[column + 1], ys[row + 1])
        cells.append(Cell(each["box"], area, f"{each['name']} · {each['count']:,}", each["investment_strategy"]))
    return cells


def _heading_area(cell: Cell) -> Area:
    """Return the place of a box's heading: at its outer edge, top or bottom, so that the middle stays free."""
    room = cell.area.right - cell.area.left - 16
    wanted = max(text_width(cell.heading, 14), text_width(cell.line or "", SIZE)) * 1.06
    width = max(min(wanted, room), 0)
    lines = 2 if cell.line else 1
    left = cell.area.left + 8 if cell.area.right < PLOT.right else cell.area.right - 8 - width
    at_top = cell.area.bottom < PLOT.bottom
    top = cell.area.top + 6 if at_top else cell.area.bottom - 8 - 16 * lines
    return Area(left, top, left + width, top + 16 * lines)


def _heading(cell: Cell) -> Iterator[str]:
    area = _heading_area(cell)
    room = cell.area.right - cell.area.left - 16
    if area.bottom > cell.area.bottom or area.top < cell.area.top or room < 40:
        return
    at, anchor = (area.left, "start") if cell.area.right < PLOT.right else (area.right, "end")
    yield line_of(shortened(cell.heading, 14, room), at, area.top + 13, style="h2 name", anchor=anchor)
    if cell.line:
        yield line_of(shortened(cell.line, SIZE, room), at, area.top + 29, style="soft name", anchor=anchor)


def _borders(grid: Grid) -> Iterator[str]:
    """Draw a strip on both sides of each line: an account in it is near the border."""
    for line in grid.lines_x:
        left, right = grid.scale.x(line + grid.border_x), grid.scale.x(max(line - grid.border_x, 1e-6))
        yield box(left, PLOT.top, right - left, PLOT.bottom - PLOT.top, "near")
    for line in grid.lines_y:
        top, bottom = height_of(line + grid.border_y), height_of(line - grid.border_y)
        yield box(PLOT.left, top, PLOT.right - PLOT.left, bottom - top, "near")
    for line in grid.lines_x:
        yield segment(grid.scale.x(line), PLOT.top - 6, grid.scale.x(line), PLOT.bottom + 6, "cut")
    for line in grid.lines_y:
        yield segment(PLOT.left - 6, height_of(line), PLOT.right + 6, height_of(line), "cut")


def _axes(grid: Grid) -> Iterator[str]:
    """Draw the frame, the marks, the names of the axes, and the value of each line."""
    yield box(PLOT.left, PLOT.top, PLOT.right - PLOT.left, PLOT.bottom - PLOT.top, "frame")
    low, high = PLOT.bottom + 22, PLOT.bottom + 46
    for at, text in grid.scale.ticks():
        if all(abs(at - grid.scale.x(line)) > 22 for line in grid.lines_x):
            yield segment(at, PLOT.bottom, at, PLOT.bottom + 5, "tick")
            yield line_of(text, at, low, style="soft", anchor="middle")
    for line in grid.lines_x:
        yield line_of(f"{line:g}", grid.scale.x(line), low, style="value", anchor="middle")
    for score in range(0, 11, 2):
        if all(abs(score - line) > 0.45 for line in grid.lines_y):
            yield segment(PLOT.left - 5, height_of(score), PLOT.left, height_of(score), "tick")
            yield line_of(str(score), PLOT.left - 10, height_of(score) + 4, style="soft", anchor="end")
    for line in grid.lines_y:
        yield line_of(f"{line:g}", PLOT.left - 10, height_of(line) + 4, style="value", anchor="end")
    yield line_of("◀ strong", PLOT.left, high, style="soft")
    yield line_of("weak ▶", PLOT.right, high, style="soft", anchor="end")
    yield line_of(grid.axis, (PLOT.left + PLOT.right) / 2, high, style="axis", anchor="middle")
    middle = (PLOT.top + PLOT.bottom) / 2
    yield f'<g transform="rotate(-90 34 {middle:g})">'
    yield line_of("Attractiveness of the account (0 to 10)", 34, middle, style="axis", anchor="middle") + "</g>"


def _description(document: Mapping[str, Any], drawn: Drawn) -> str:
    """Describe the picture in words for a reader who cannot see it."""
    counts = "; ".join(f"{each['name']} {each['count']}" for each in document["boxes"])
    lines = (
        f"cut at attractiveness {document['cuts']['attractiveness']:g} and relative strength "
        f"{document['cuts']['relative_strength']:g}"
        if document["view"] == "four_box"
        else f"limits at {document['limits']['low']:g} and {document['limits']['high']:g} on both axes"
    )
    biggest = ", ".join(bubble.name for bubble in drawn.bubbles[:5])
    return (
        f"A matrix with strength high on the left and attractiveness high on top, {lines}. Accounts by box: {counts}. "
        f"{document['unclassified']} without a position. {legend.subtitle(document)}. "
        + (f"Largest by revenue: {biggest}." if biggest else "No account is drawn.")
    )
