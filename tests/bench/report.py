"""From the runs of a benchmark to medians, ratios and a table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

GOALS = {
    ("W1", "f1"): 0.60, ("W2", "f5"): 0.75, ("W3", "f5"): 0.85, ("W3b", "f5"): 0.65, ("W4", "f1"): 0.75,
    ("W1", "before"): 0.95, ("W2", "before"): 0.95, ("W3", "before"): 0.95,
}  # fmt: skip
"""The part of a target's rate that the service must reach."""
DEEP = 1.25
"""What the p50 of a deep page may be of the first page's."""

_FIGURES = ("rate", "p50_ms", "p99_ms", "cpu_us", "database_cpu_us", "bytes")


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Per workload: the medians of each target, and the service's rate as a part of each floor's, round by round."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(run["workload"] for run in runs):
        own = [run for run in runs if run["workload"] == name]
        targets = {
            target: {
                figure: statistics.median(run[figure] for run in own if run["target"] == target) for figure in _FIGURES
            }
            for target in dict.fromkeys(run["target"] for run in own)
        }
        found[name] = {
            "targets": targets,
            "bad": sum(run["bad"] + run["errors"] for run in own),
            "ratios": {
                target: [round(ratio, 3) for ratio in _ratios(own, target)] for target in targets if target != "service"
            },
        }
    return found


def _ratios(runs: Sequence[Mapping[str, Any]], floor: str) -> list[float]:
    """The service's rate divided by the floor's of the same round: lowest, median, highest."""
    rates = {(run["target"], run["round"]): run["rate"] for run in runs}
    ratios = sorted(
        rates["service", number] / rate for (target, number), rate in rates.items() if target == floor and rate
    )
    return [ratios[0], statistics.median(ratios), ratios[-1]]


def table(result: Mapping[str, Any]) -> str:
    """The result as text."""
    settings = result["postgresql"]
    lines = [
        "",
        f"{result['accounts']} accounts, {result['rounds']} rounds of {result['seconds']} s, {result['connections']}"
        f" connections, {result['load']}, {result['cores']} cores",
        "PostgreSQL " + ", ".join(f"{name} {value}" for name, value in settings.items()),
        "",
        f"{'workload':12}{'target':>9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'cpu us':>9}{'db us':>9}{'bytes':>9}"
        "   service is (lowest - highest round)",
    ]
    for name, each in result["summary"].items():
        for target, t in each["targets"].items():
            lines.append(
                f"{name:12}{target:>9}{t['rate']:9.0f}{t['p50_ms']:9.2f}{t['p99_ms']:9.2f}{t['cpu_us']:9.0f}"
                f"{t['database_cpu_us']:9.0f}{t['bytes']:9.0f}   {_verdict(name, target, each['ratios'])}".rstrip()
            )
        if each["bad"]:
            lines.append(f"{'':12}{each['bad']} answers were not as they should be")
    lines += ["", *_depth(result["summary"])]
    for name, words in (("service", "service"), ("before", "before"), ("f1", "floors")):
        if name not in result["idle"]:
            continue
        idle, loaded = result["idle"][name], result["loaded"][name]
        lines.append(
            f"{words}: first answer after {result['start_seconds'][name]:.2f} s; idle {idle['rss_mb']:.0f} MB resident,"
            f" {idle['pss_mb']:.0f} MB proportional; after the load {loaded['rss_mb']:.0f} and {loaded['pss_mb']:.0f}"
        )
    return "\n".join(lines)


def _verdict(workload: str, target: str, ratios: Mapping[str, Sequence[float]]) -> str:
    if target not in ratios:
        return ""
    low, middle, high = ratios[target]
    goal = GOALS.get((workload, target))
    text = f"{middle:.2f} of it ({low:.2f} - {high:.2f})"
    return text if goal is None else f"{text}, goal {goal:.2f}: {'reached' if middle >= goal else 'MISSED'}"


def _depth(found: Mapping[str, Any]) -> list[str]:
    pages = [(name, each["targets"]["service"]) for name, each in found.items() if "page" in name]
    if len(pages) < 2:
        return []
    (_, first), (name, deep) = pages
    part = deep["p50_ms"] / first["p50_ms"]
    return [
        f"p50 of {name} is {part:.2f} of the first page's, at most {DEEP}: {'reached' if part <= DEEP else 'MISSED'}"
    ]
