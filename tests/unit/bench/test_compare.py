"""./x bench --compare: what counts as worse, and what is only noise."""

from __future__ import annotations

from typing import Any

import compare
import pytest
from figures import figure

pytestmark = pytest.mark.ids("S80")


def outcome(cpu: list[float], per_second: list[float], commands: float = 1) -> dict[str, Any]:
    return {
        "parts": {
            "cpp": {
                "redis": {
                    "load": {
                        "cpu_us": figure(cpu),
                        "per_second": figure(per_second),
                        "p99_us": figure(cpu),
                    }
                },
                "memory": {"entries": 20_000, "bytes_filled": 700.0},
            },
            "flask": {"counted": {"Vedfolnir": {"commands": {"write": commands}}}},
        }
    }


BEFORE = outcome([10, 11, 12], [900, 1000, 1100])


def names(new: dict[str, Any]) -> list[str]:
    return [each.name for each in compare.regressions(BEFORE, new)]


def test_the_same_run_has_no_regression() -> None:
    assert names(BEFORE) == []
    assert compare.lines([]) == ["nothing became worse beyond the spread"]


def test_rounds_that_overlap_are_noise() -> None:
    assert names(outcome([11.9, 14, 15], [700, 850, 901])) == []


def test_rounds_apart_by_less_than_a_tenth_are_noise() -> None:
    assert names(outcome([12.01, 12.05, 12.09], [900, 1000, 1100])) == []


def test_more_time_beyond_the_spread_is_worse() -> None:
    assert names(outcome([13, 14, 15], [900, 1000, 1100])) == ["cpp / redis / load / cpu_us"]


def test_less_throughput_beyond_the_spread_is_worse() -> None:
    assert names(outcome([10, 11, 12], [600, 700, 800])) == ["cpp / redis / load / per_second"]


def test_better_is_not_worse() -> None:
    assert names(outcome([1, 2, 3], [2000, 2100, 2200], commands=0)) == []


def test_one_more_command_is_worse() -> None:
    found = compare.regressions(BEFORE, outcome([10, 11, 12], [900, 1000, 1100], commands=1.05))
    assert compare.lines(found) == [
        "worse: flask / counted / Vedfolnir / commands / write: 1 -> 1.05"
    ]


def test_more_memory_is_worse_beyond_a_tenth() -> None:
    new = outcome([10, 11, 12], [900, 1000, 1100])
    new["parts"]["cpp"]["memory"]["bytes_filled"] = 769
    assert names(new) == []
    new["parts"]["cpp"]["memory"]["bytes_filled"] = 771
    assert names(new) == ["cpp / memory / bytes_filled"]


def test_parts_that_did_not_run_are_not_compared() -> None:
    new = outcome([13, 14, 15], [600, 700, 800])
    del new["parts"]["cpp"]
    assert names(new) == []
