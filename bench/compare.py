"""Finds what became worse between two runs (S80).

The stated spread of a figure is the range of its rounds. Worse means: the ranges of the two runs do not touch,
and the medians differ by more than 10 %. What is counted (commands, statements) has no spread: any rise counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

TOLERANCE = 0.10
# Figures to compare, and whether more is better. Tails (p99) are published but decide nothing.
MEASURED = {"cpu_ns": False, "cpu_us": False, "p50_us": False, "p50_ns": False, "per_second": True}
COUNTED = ("commands", "statements")
# Numbers without rounds: bytes per session or entry, allocations.
EXACT = ("bytes_anonymous", "bytes_authenticated", "bytes_filled", "bytes_opened", "errors", "lost")


class Regression(NamedTuple):
    name: str
    old: float
    new: float


def regressions(old: dict[str, Any], new: dict[str, Any]) -> list[Regression]:
    """In the parts that both runs have; a figure that only one has is not compared."""
    found = []
    for path, before in _figures(old["parts"]):
        after = _at(new["parts"], path)
        if after is None:
            continue
        worse = _worse(path, before, after)
        if worse:
            found.append(Regression(" / ".join(path), _middle(before), _middle(after)))
    return found


def lines(found: list[Regression]) -> list[str]:
    """What to print."""
    if not found:
        return ["nothing became worse beyond the spread"]
    return [f"worse: {each.name}: {each.old:g} -> {each.new:g}" for each in found]


def _figures(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        here = (*path, name)
        counted = any(each in here for each in COUNTED)
        if (isinstance(value, dict) and "rounds" in value and "median" in value) or (
            isinstance(value, int | float) and (counted or name in EXACT)
        ):
            yield here, value
        else:
            yield from _figures(value, here)


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(node, dict) or name not in node:
            return None
        node = node[name]
    return node


def _middle(value: Any) -> float:
    return float(value["median"] if isinstance(value, dict) else value)


def _worse(path: tuple[str, ...], old: Any, new: Any) -> bool:
    if not isinstance(old, dict):
        room = 0 if any(each in path for each in COUNTED) else TOLERANCE
        return bool(new > old * (1 + room))
    name = path[-1]
    if name == "allocations":
        return bool(new["median"] >= old["median"] + 0.5)
    if name not in MEASURED:
        return False
    if MEASURED[name]:
        return bool(new["high"] < old["low"] and new["median"] < old["median"] * (1 - TOLERANCE))
    return bool(new["low"] > old["high"] and new["median"] > old["median"] * (1 + TOLERANCE))
