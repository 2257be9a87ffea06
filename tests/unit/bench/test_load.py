"""The load part of ./x bench: every round is in its figures."""

from __future__ import annotations

import compare
import load_part
import pytest
import report

pytestmark = pytest.mark.ids("S33", "S79")

ROUNDS = [
    {"requests": 900, "seconds": 1.0, "p50_us": 100_000, "p99_us": 300_000, "errors": 0},
    {"requests": 1100, "seconds": 1.0, "p50_us": 90_000, "p99_us": 500_000, "errors": 2},
    {"requests": 2000, "seconds": 2.0, "p50_us": 110_000, "p99_us": 400_000, "errors": 0},
]


def test_every_round_is_measured_and_kept() -> None:
    summary = load_part.repeated(3, iter(ROUNDS).__next__)
    assert (summary["requests"], summary["seconds"], summary["errors"]) == (4000, 4.0, 2)
    assert summary["per_second"]["rounds"] == [900, 1100, 1000]
    assert summary["per_second"]["median"] == 1000
    assert (summary["p50_us"]["low"], summary["p50_us"]["high"]) == (90_000, 110_000)


def test_a_slower_load_is_a_regression_and_the_report_shows_the_spread() -> None:
    def outcome(factor: float) -> dict[str, object]:
        rounds = [{**each, "requests": each["requests"] * factor} for each in ROUNDS]
        rest = {"sessions": 3, "clients": 1, "workers": 2, "writes_answered": 5, "lost": 0}
        memory = {"worker_bytes_before": 0, "worker_bytes": 2**20, "redis_bytes": 2**20}
        return {
            "parts": {"load": {**load_part.repeated(3, iter(rounds).__next__), **rest, **memory}}
        }

    assert "| Requests per second | 1000 (900–1100) |" in report.tables(outcome(1))
    [worse] = compare.regressions(outcome(1), outcome(0.5))
    assert worse.name == "load / per_second"
