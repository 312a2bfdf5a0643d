"""The pictures of the matrix: well-formed whatever accounts are called, the right way round, readable when full."""

from __future__ import annotations

import itertools
import random
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.documents.labels import SIZE, Area, Disc, place
from service.documents.matrix import draw_matrix
from service.documents.matrix_scales import PLOT, RatioScale, height_of
from service.documents.svg import clean, shortened, text_width
from service.rules.classification.fiocca import VERBS
from service.rules.vocabulary import QUADRANTS

SVG = "{http://www.w3.org/2000/svg}"


def account(name: str, attractiveness: float, ratio: float | None, **more: Any) -> dict[str, Any]:
    """An account as the matrix lists it."""
    strong = more.get("business_strength", 6.0) >= 5 if ratio is None else ratio >= 1
    quadrant = {(True, True): "strategic", (True, False): "star", (False, True): "status", (False, False): "streamline"}
    found = quadrant[attractiveness >= 5, strong]
    return {
        "id": name, "name": name, "quadrant": found, "raw_quadrant": found, "quadrant_source": "computed",
        "attractiveness": attractiveness, "business_strength": 6.0, "relative_strength": ratio, "revenue": "1000.00",
        "currency": "EUR", "forecast": None, **more,
    }  # fmt: skip


def four_boxes(accounts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The document of the four boxes."""
    boxes = [
        {"box": box.value, "name": terms.name, "investment_strategy": terms.investment_strategy,
         "accounts": (own := [each for each in accounts if each["quadrant"] == box]), "count": len(own)}
        for box, terms in QUADRANTS.items()
    ]  # fmt: skip
    return _document("four_box", boxes, len(accounts), more)


def nine_cells(accounts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The document of Fiocca's cells; all accounts stand in the middle one."""
    boxes = [
        {"box": f"{high.value}_{strong.value}", "name": " / ".join(verb.value.replace("_", " ") for verb in verbs),
         "investment_strategy": None, "accounts": (own := accounts if (high, strong) == ("medium", "average") else []),
         "count": len(own)}
        for (high, strong), verbs in VERBS.items()
    ]  # fmt: skip
    return _document("fiocca", boxes, len(accounts), more)


def _document(view: str, boxes: Any, count: int, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "view": view, "boxes": boxes, "classified": count, "unclassified": 0, "total": count,
        "model": {"id": "m", "name": "Default", "version": 1}, "cuts": {"attractiveness": 5.0, "relative_strength": 1.0},
        "limits": {"low": 3.3, "high": 6.7}, "dead_band": 0.0,
        "border_width": {"attractiveness": 0.3, "relative_strength": 0.05, "fiocca": 0.3}, **more,
    }  # fmt: skip


def drawn(document: dict[str, Any]) -> ElementTree.Element:
    """The picture, parsed."""
    return ElementTree.fromstring(draw_matrix(document))


def bubbles(picture: ElementTree.Element) -> dict[str, tuple[float, float, float]]:
    """Where each account is drawn and how large, by the beginning of its tooltip."""
    found = {}
    for circle in picture.iter(f"{SVG}circle"):
        title = circle.find(f"{SVG}title")
        if title is not None and "b" in circle.get("class", "").split():
            found[str(title.text).split(":")[0]] = tuple(float(circle.get(name, "0")) for name in ("cx", "cy", "r"))
    return found  # type: ignore[return-value]


def texts(picture: ElementTree.Element) -> list[str]:
    return [str(each.text) for each in picture.iter(f"{SVG}text")]


def test_strength_is_high_on_the_left_and_attractiveness_on_top() -> None:
    placed = bubbles(drawn(four_boxes([
        account("Strategic", 8, 1.2), account("Star", 8, 0.8), account("Status", 2, 1.2), account("Streamline", 2, 0.8)
    ])))  # fmt: skip
    assert placed["Strategic"][0] < placed["Star"][0] and placed["Strategic"][1] < placed["Status"][1]
    assert placed["Strategic"][0] == placed["Status"][0] and placed["Star"][1] == placed["Strategic"][1]
    middle = (PLOT.left + PLOT.right) / 2
    assert placed["Status"][0] < middle < placed["Streamline"][0]
    assert placed["Star"][1] < height_of(5) < placed["Streamline"][1]


def test_on_the_cut_is_on_the_line() -> None:
    placed = bubbles(drawn(four_boxes([account("Border", 5, 1.0)])))
    assert placed["Border"][:2] == ((PLOT.left + PLOT.right) / 2, height_of(5))


def test_the_area_of_a_bubble_is_its_revenue() -> None:
    placed = bubbles(drawn(four_boxes([
        account("Large", 8, 1.2, revenue="4000000.00"), account("Quarter", 3, 1.2, revenue="1000000.00"),
        account("Unknown", 2, 0.8, revenue=None),
    ])))  # fmt: skip
    assert placed["Large"][2] == pytest.approx(2 * placed["Quarter"][2], abs=0.1)
    assert 0 < placed["Unknown"][2] < placed["Quarter"][2]


def test_values_beyond_the_scale_stand_at_its_edge_and_are_told() -> None:
    picture = drawn(four_boxes([account(f"A{n}", 8, 1.1) for n in range(60)] + [account("Monopoly", 8, 40.0)]))
    assert bubbles(picture)["Monopoly"][0] == PLOT.left
    assert any("beyond the scale" in text for text in texts(picture))


def test_without_a_known_competitor_the_own_total_decides_the_side() -> None:
    picture = drawn(four_boxes([
        account("High", 8, None, business_strength=6.0), account("Low", 8, None, business_strength=4.0)
    ]))  # fmt: skip
    middle = (PLOT.left + PLOT.right) / 2
    assert bubbles(picture)["High"][0] < middle < bubbles(picture)["Low"][0]
    assert "no competitor known: own total / 5" in texts(picture)


def test_what_is_not_drawn_is_counted() -> None:
    unscored = dict.fromkeys(("attractiveness", "business_strength", "relative_strength"))
    by_hand = {**account("By hand", 8, 1.2), **unscored}
    picture = drawn(four_boxes([account("A", 8, 1.2), by_hand], unclassified=7, total=9, classified=2))
    notes = " ".join(texts(picture))
    assert "1 of 9 accounts are drawn" in notes
    assert "7 have no position" in notes and "1 stand in a box by hand" in notes


def test_forecasts_are_arrows_beside_the_positions() -> None:
    forecast = {
        "attractiveness": 9, "relative_strength": 1.3, "business_strength": None, "quadrant": "strategic", "on": "2029-11-21"
    }  # fmt: skip
    accounts = [account("Riser", 4, 0.8, forecast=forecast), account("Other", 4, 0.9)]
    picture = drawn(four_boxes(accounts))
    tips = list(picture.iter(f"{SVG}polygon"))
    assert len(tips) == 1
    x, y = (float(value) for value in tips[0].get("points", "").split()[0].split(","))
    assert x < bubbles(picture)["Riser"][0] and y == height_of(9)
    assert "Riser: forecast for 2029-11-21, strategic" in [title.text for title in picture.iter(f"{SVG}title")]


def test_the_nine_cells_show_their_verbs_and_limits() -> None:
    told = texts(drawn(nine_cells([account("A", 5, 1.0, business_strength=5.0)])))
    assert "withdraw · 0" in told and "maintain selectively · 1" in told
    assert told.count("6.7") == 2 and told.count("3.3") == 2


@pytest.mark.parametrize("make", [four_boxes, nine_cells])
@settings(max_examples=50, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4))
def test_any_name_gives_valid_xml_without_scripts(make: Any, names: list[str]) -> None:
    hostile = [*names, '<script>alert("x")</script>', "]]>&amp;\"'", "\u202eabc\x08\ufffe\U0001f600", "-->"]
    picture = drawn(make([account(name, 5 + at / 10, 1 + at / 100) for at, name in enumerate(hostile)]))
    assert {each.tag for each in picture.iter()} <= {
        f"{SVG}{name}" for name in ("svg", "title", "desc", "style", "rect", "line", "text", "circle", "g", "polygon")
    }
    assert all(not name.startswith("on") and "href" not in name for each in picture.iter() for name in each.attrib)


def test_a_screen_reader_gets_title_and_description() -> None:
    picture = drawn(four_boxes([account("Aurelia", 8, 1.2)], unclassified=3))
    ids = str(picture.get("aria-labelledby")).split()
    told = {each.get("id"): each.text for each in picture if each.tag in (f"{SVG}title", f"{SVG}desc")}
    assert picture.get("role") == "img" and [bool(told[each]) for each in ids] == [True, True]
    assert "Strategic 1" in str(told[ids[1]]) and "3 without a position" in str(told[ids[1]])


def test_light_and_dark_and_nothing_from_outside() -> None:
    text = draw_matrix(four_boxes([account("A", 8, 1.2)])).decode()
    assert "prefers-color-scheme:dark" in text
    assert re.findall(r"(?:url\(|@import|https?://(?!www\.w3\.org/2000/svg))", text) == []
    style = text[text.index("<style>") + 7 : text.index("</style>")].replace("@media (prefers-color-scheme:dark){", "")
    selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", style) for part in rule.split(",")]
    assert all(selector.startswith(".kam-matrix-four-box ") for selector in selectors)


def test_the_same_portfolio_gives_the_same_bytes() -> None:
    assert draw_matrix(crowd(40)) == draw_matrix(crowd(40))


def crowd(count: int) -> dict[str, Any]:
    """Many accounts, most of them in the middle."""
    chance = random.Random(7)
    return four_boxes([
        account(f"Account with a long name {number}", min(10, max(0, round(chance.gauss(5.5, 2), 2))),
                round(2 ** chance.gauss(0, 0.25), 3), revenue=f"{10 ** chance.gauss(6, 0.6):.2f}")
        for number in range(count)
    ])  # fmt: skip


@pytest.mark.parametrize("count", [5, 300])
def test_names_never_cover_each_other_and_stay_inside(count: int) -> None:
    picture = drawn(crowd(count))
    boxes = []
    for each in picture.iter(f"{SVG}text"):
        if each.get("class") == "name":
            width, x, y = text_width(str(each.text), SIZE), float(each.get("x", "0")), float(each.get("y", "0"))
            boxes.append(Area(x - width / 2, y - SIZE * 0.8, x + width / 2, y + SIZE * 0.2))
    assert len(boxes) == count if count == 5 else 20 <= len(boxes) <= 50
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].meets(pair[1])]
    assert all(PLOT.holds(box) for box in boxes)
    assert len(bubbles(picture)) == count


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(1, 40)), max_size=40))
def test_labels_keep_their_distance(spots: list[tuple[float, float, float]]) -> None:
    frame, taken = Area(0, 0, 400, 300), [Area(0, 0, 100, 40)]
    labels = place([Disc(x, y, radius, "Meridian Foods") for x, y, radius in spots], frame, taken, insistent=0)
    width = text_width("Meridian Foods", SIZE)
    areas = {
        number: Area(label.x - width / 2, label.y - SIZE * 0.8, label.x + width / 2, label.y + SIZE * 0.2)
        for number, label in labels.items()
    }
    for number, area in areas.items():
        assert frame.holds(area) and not area.meets(taken[0])
        assert not any(area.meets(other) for at, other in areas.items() if at != number)
        assert not any(
            Disc(x, y, radius - 1.5, "").meets(area) for at, (x, y, radius) in enumerate(spots) if at != number
        )


@given(st.floats(0.05, 10), st.lists(st.floats(0.001, 1000), min_size=1, max_size=30))
def test_every_ratio_lies_on_its_side_of_the_cut(cut: float, values: list[float]) -> None:
    scale = RatioScale.fitting(cut, values)
    middle = (PLOT.left + PLOT.right) / 2
    for value in values:
        x = scale.x(value)
        assert PLOT.left <= x <= PLOT.right
        assert (x <= middle + 1e-9) if value >= cut else (x >= middle - 1e-9)


def test_long_and_strange_texts() -> None:
    assert text_width(shortened("Extraordinarily long company name of the north", 12, 100), 12) <= 100
    assert clean("a\x00b\u202e c\n\td") == "a b c d"
    assert shortened("株式会社" * 20, 12, 120).endswith("…")
