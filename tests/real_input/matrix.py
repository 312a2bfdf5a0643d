"""The portfolio as a four-box matrix in plain text: attractiveness upwards, our strength growing to the left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from tests.real_input.api import Record

BOXES = (("high", "strategic", "star"), ("low", "status", "streamline"))
"""Rows from the top: attractiveness, the box of high strength, the box of low strength."""

WIDTH, NAMES = 44, 3


def draw(accounts: Iterable[Record]) -> str:
    """Draw the boxes with their number of accounts, revenue and largest accounts; accounts are as the API gives them."""
    listed = sorted(accounts, key=lambda account: Decimal(account["revenue"] or 0), reverse=True)
    boxes: dict[str | None, list[Record]] = {}
    for account in listed:
        boxes.setdefault(account["quadrant"], []).append(account)
    rule = f"{'':15}+{'-' * WIDTH}+{'-' * WIDTH}+"
    lines = [f"{'':15} {'strength high':^{WIDTH}} {'strength low':^{WIDTH}}", rule]
    for height, left, right in BOXES:
        cells = zip(_cell(left, boxes.get(left, ())), _cell(right, boxes.get(right, ())), strict=True)
        for number, (one, other) in enumerate(cells):
            label = ("attractiveness", height)[number] if number < 2 else ""
            lines.append(f"{label:15}|{one:{WIDTH}}|{other:{WIDTH}}|")
        lines.append(rule)
    if unclassified := boxes.get(None):
        lines.append(f"not classified: {len(unclassified)}")
    return "\n".join(lines)


def _cell(name: str, accounts: Sequence[Record]) -> list[str]:
    revenue = sum((Decimal(account["revenue"] or 0) for account in accounts), Decimal(0))
    largest = [_line(account) for account in accounts[:NAMES]]
    return [f" {name.upper()}  {len(accounts)}", f" revenue {revenue:,.0f}", *largest, *[""] * (NAMES - len(largest))]


def _line(account: Record) -> str:
    return f"   {account['name'][: WIDTH - 14]:{WIDTH - 14}}{Decimal(account['revenue'] or 0):>10,.0f}"
