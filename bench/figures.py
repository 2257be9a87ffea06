"""Medians and spread of rounds; the one shape in which every measured number is stored."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import TypedDict


class Figure(TypedDict):
    """The middle round, the lowest, the highest, and all of them."""

    median: float
    low: float
    high: float
    rounds: list[float]


def figure(values: Iterable[float]) -> Figure:
    rounds = list(values)
    return {
        "median": statistics.median(rounds),
        "low": min(rounds),
        "high": max(rounds),
        "rounds": rounds,
    }


def table(rounds: list[dict[str, float]]) -> dict[str, Figure]:
    """From one dictionary per round to one Figure per name."""
    return {name: figure(each[name] for each in rounds) for name in rounds[0]}
