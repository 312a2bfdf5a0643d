"""Draw the legend of the matrix: the meaning of sizes, colours and marks, what is not drawn, and the colours."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from service.documents.matrix_bubbles import SMALLEST, Drawn
from service.documents.matrix_scales import PLOT
from service.documents.svg import box, line_of, number, segment, text_width

_LEFT, _WIDTH = 912, 250
_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#d98200", "#00926b", "#7d8590"
_BRIGHTER = {_BLUE: "#55b4ec", _ORANGE: "#f5b04c", _GREEN: "#46cfa3", _GREY: "#b4bdc7"}
"""The same colours in the dark."""
_TINTS = {
    "strategic": _BLUE,
    "star": _ORANGE,
    "status": _GREEN,
    "streamline": _GREY,
    "high_strong": _BLUE,
    "high_average": _BLUE,
    "high_weak": _BLUE,
    "medium_strong": _GREEN,
    "medium_average": _ORANGE,
    "medium_weak": _ORANGE,
    "low_strong": _GREEN,
    "low_average": _ORANGE,
    "low_weak": _GREY,
}
_LIGHT = {"page": "#ffffff", "ink": "#1b2430", "soft": "#55606e", "edge": "#9aa5b1", "cell": ".07", "near": ".10"}
_DARK = {"page": "#12171e", "ink": "#eef2f6", "soft": "#aab6c3", "edge": "#5d6975", "cell": ".16", "near": ".12"}


def style(name: str) -> str:
    """Return the picture's style for light and dark surroundings. It does not affect anything outside the picture."""
    own = f".{name}"
    fixed = [
        f"{own} text{{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans',sans-serif;"
        "font-size:12px}",
        f"{own} .h1{{font-size:20px;font-weight:600}}",
        f"{own} .h2{{font-size:14px;font-weight:600}}",
        f"{own} .axis,{own} .value{{font-weight:600}}",
        f"{own} .name{{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}}",
        f"{own} .frame{{fill:none}}{own} .cut{{stroke-width:1.6}}{own} .b{{fill-opacity:.5;stroke-width:1.2}}",
        f"{own} .own{{stroke-dasharray:4 3}}{own} .hollow{{fill-opacity:.08}}",
        f"{own} .aim{{fill:none;stroke-width:1.4;stroke-dasharray:5 3}}",
    ]
    light = _shades(own, _LIGHT) + _tinted(own, _TINTS)
    dark = _shades(own, _DARK) + _tinted(own, {key: _BRIGHTER[tint] for key, tint in _TINTS.items()})
    return "".join([*fixed, light, f"@media (prefers-color-scheme:dark){{{dark}}}"])


def _tinted(own: str, tints: Mapping[str, str]) -> str:
    """Return a rule for each colour that a box or bubble of the picture has."""
    rules = []
    for tint in dict.fromkeys(tints.values()):
        keys = [key for key, each in tints.items() if each == tint]
        boxes, bubbles = (",".join(f"{own} .{kind}-{key}" for key in keys) for kind in ("c", "b"))
        rules.append(f"{boxes}{{fill:{tint}}}{bubbles}{{fill:{tint};stroke:{tint}}}")
    return "".join(rules)


def _shades(own: str, shade: Mapping[str, str]) -> str:
    return (
        f"{own} .page{{fill:{shade['page']}}}{own} text{{fill:{shade['ink']}}}{own} .soft{{fill:{shade['soft']}}}"
        f"{own} .name{{stroke:{shade['page']};stroke-opacity:.8}}{own} .cell{{fill-opacity:{shade['cell']}}}"
        f"{own} .near{{fill:{shade['ink']};fill-opacity:{shade['near']}}}"
        f"{own} .frame,{own} .tick,{own} .scale{{stroke:{shade['edge']}}}{own} .scale{{fill:none}}"
        f"{own} .cut,{own} .aim{{stroke:{shade['ink']}}}{own} .tip{{fill:{shade['ink']}}}"
    )


def subtitle(document: Mapping[str, Any]) -> str:
    """Return the line that names the scoring model and the instant of the data."""
    model = document["model"]
    when = "" if document.get("as_of") is None else f", as of {document['as_of'][:16].replace('T', ' ')} UTC"
    return f"Scoring model {model['name']}, version {model['version']}{when}"


def panel(document: Mapping[str, Any], drawn: Drawn, named: int) -> Iterator[str]:
    """Draw the legend from top to bottom."""
    top = PLOT.top
    yield line_of("Bubble: our revenue in twelve months", _LEFT, top + 10, style="value")
    top += 18
    if drawn.largest > 0:
        for part, height in _sizes(drawn, top):
            yield part
            top = max(top, height)
    for sample, text in _marks(document, drawn):
        top += 24
        yield from sample(top)
        yield line_of(text, _LEFT + 40, top + 4, style="soft")
    top += 34
    yield line_of("Notes", _LEFT, top, style="value")
    for note in _notes(document, drawn, named):
        for line in _wrapped(note, _WIDTH):
            top += 16
            yield line_of(line, _LEFT, top, style="soft")
        top += 5


def _sizes(drawn: Drawn, top: float) -> Iterator[tuple[str, float]]:
    """Draw circles of round amounts in the scale of the picture."""
    amount = _round_down(drawn.largest)
    y = top
    for part in (amount, amount / 4, amount / 20):
        radius = drawn.largest_radius * math.sqrt(float(part / drawn.largest))
        if radius < SMALLEST:
            break
        y += radius + 6
        circle = f'<circle class="scale" cx="{_LEFT + 46}" cy="{number(y)}" r="{number(radius)}"/>'
        yield circle + line_of(_short(part), _LEFT + 102, y + 4, style="soft"), y + radius
        y += radius


def _round_down(amount: Decimal) -> Decimal:
    """Return 1, 2 or 5 times a power of ten, at most the amount."""
    power = Decimal(10) ** amount.adjusted()
    return next(factor * power for factor in (5, 2, 1) if factor * power <= amount)


def _short(amount: Decimal) -> str:
    for size, word in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if amount >= size:
            return f"{float(amount / size):g} {word}"
    return f"{float(amount):g}"


def _marks(document: Mapping[str, Any], drawn: Drawn) -> Iterator[tuple[Any, str]]:
    """Draw samples of the lines and marks that the picture contains."""
    width = document["border_width"]
    if document["view"] == "four_box":
        near = f"near a cut: ±{width['attractiveness']:g} up, ±{width['relative_strength']:g} across"
    else:
        near = f"near a limit: within {width['fiocca']:g}"
    yield (lambda y: [box(_LEFT + 2, y - 7, 28, 14, "near")]), near
    cut = "cut line" if document["view"] == "four_box" else "limit"
    yield (lambda y: [segment(_LEFT + 2, y, _LEFT + 30, y, "cut")]), cut
    if any(bubble.own_score_only for bubble in drawn.bubbles):
        yield (lambda y: [_sample(y, "b b-streamline own")]), "no competitor known: own total / 5"
    if any(not bubble.known_revenue for bubble in drawn.bubbles):
        yield (lambda y: [_sample(y, "b b-streamline hollow")]), "revenue unknown"
    if any(bubble.target is not None for bubble in drawn.bubbles):
        yield (lambda y: [segment(_LEFT + 2, y, _LEFT + 30, y, "aim")]), "to its forecast position"


def _sample(y: float, style_name: str) -> str:
    return f'<circle class="{style_name}" cx="{_LEFT + 16}" cy="{number(y)}" r="7"/>'


def _notes(document: Mapping[str, Any], drawn: Drawn, named: int) -> Iterator[str]:
    """Say what the picture leaves out or moves."""
    total, shown = document["classified"], len(drawn.bubbles)
    yield f"{shown:,} of {document['total']:,} accounts are drawn, {named:,} with their names."
    if shown > named:
        yield "The others show theirs when pointed at."
    if document["unclassified"]:
        yield f"{document['unclassified']:,} have no position: scores are missing."
    if drawn.without_place:
        yield f"{drawn.without_place:,} stand in a box by hand and have no complete scores."
    if total > shown + drawn.without_place:
        yield f"{total - shown - drawn.without_place:,} smaller ones are left out."
    if drawn.beyond:
        yield f"{drawn.beyond:,} lie beyond the scale of strength and stand at its edge."
    if document["view"] == "four_box" and float(document["dead_band"]) > 0:
        yield (
            f"An account changes its box only when it is {document['dead_band']:g} score points past the line: one "
            "in the colour of the neighbouring box is held there."
        )
    if drawn.currencies > 1:
        yield "Revenues in several currencies are compared by their numbers."


def _wrapped(text: str, width: float) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and text_width(f"{line} {word}", 12) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line
