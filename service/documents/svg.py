"""Write SVG as text: escaping, numbers, text widths, a whole document. Nothing here knows an account.

The same data gives the same bytes. There are no scripts, links or external parts, so a picture can be shown anywhere.
"""

import re
import unicodedata
from xml.sax.saxutils import escape, quoteattr

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STEERING = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Invisible characters that change the direction of text: a name must not rearrange the text around it."""

_NARROW = frozenset("iljtfrI.,:;'|!()[] ")
_WIDE = frozenset("mwMW@%&")


def clean(text: str) -> str:
    """Return the text on one line, without characters that XML forbids or that change how others are shown."""
    return " ".join(_STEERING.sub("", _NOT_XML.sub(" ", text)).split())


def content(text: str) -> str:
    """Return a text as the content of an element."""
    return escape(clean(text))


def attribute(text: str) -> str:
    """Return a text as an attribute's value, quotes included."""
    return quoteattr(clean(text))


def number(value: float) -> str:
    """Return a coordinate with at most one decimal, so that the picture is small and its bytes are always the same."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def text_width(text: str, size: float) -> float:
    """Estimate the width of a line of text in the pictures' typeface, rather too wide than too narrow."""
    total = 0.0
    for letter in text:
        if unicodedata.combining(letter):
            continue
        if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0xFFFF:
            total += 1.05
        elif letter in _NARROW:
            total += 0.33
        elif letter in _WIDE:
            total += 0.92
        else:
            total += 0.7 if letter.isupper() else 0.58
    return total * size


def shortened(text: str, size: float, width: float) -> str:
    """Return the text, cut with an ellipsis where it is wider than `width`."""
    text = clean(text)
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    while text and unicodedata.combining(text[-1]):
        text = text[:-1]
    return text.rstrip() + "…"


def line_of(text: str, x: float, y: float, *, style: str, anchor: str = "start") -> str:
    """Return a line of text; `y` is its baseline."""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{style}" x="{number(x)}" y="{number(y)}"{where}>{content(text)}</text>'


def segment(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a straight line."""
    return f'<line class="{style}" x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"/>'


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    """Return a rectangle."""
    return f'<rect class="{style}" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"/>'


def page(name: str, width: int, height: int, title: str, description: str, style: str, parts: list[str]) -> bytes:
    """Return the whole document. `name` prefixes its ids and style, so that several pictures fit into one page."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" role="img" lang="en" '
        f'aria-labelledby="{name}-title {name}-desc" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<title id="{name}-title">{content(title)}</title><desc id="{name}-desc">{content(description)}</desc>'
        f"<style>{style}</style>"
    )
    return "\n".join([head, *parts, "</svg>\n"]).encode()
