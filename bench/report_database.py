"""The figures of SQL as Markdown: a column for each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from report_cpp import spread

Figures = dict[str, Any]


def text(database: Figures) -> str:
    engines: dict[str, Figures] = database["engines"]
    head = _row("", (each["version"] for each in engines.values()))
    rule = "|---|" + "---:|" * len(engines)
    rows = [
        *_cases("login", "logins", engines),
        *_cases("load", "fallback", engines),
        _of_each(
            "`vedfolnir recover`, a second",
            engines,
            lambda each: spread(each["recovered_per_second"]),
        ),
        _of_each(
            "sweep, a second",
            engines,
            lambda each: f"{each['swept']['per_second']:.0f}",
        ),
        _of_each(
            "`vedfolnir audit verify`, events a second",
            engines,
            lambda each: spread(each["verified_per_second"]),
        ),
    ]
    return "\n".join((_introduction(database), head, rule, *rows)) + "\n"


def _introduction(database: Figures) -> str:
    return f"""## Databases

One process on one core, Redis and the database server on the other. A login is on the disk when it is answered
(SQLite: `synchronous=FULL`; the servers as they are installed). Loads are of {database["fallback_sessions"]:,} sessions
in rotation while SQL stands in for Redis (`vedfolnir fallback on`), near cache off. Recovery is of
{database["sessions"]:,} sessions into an empty Redis, the command's start included; the sweep takes as many out of
Redis and closes them in SQL with an event each.

Targets a second: loads 20 000 on SQLite; recovery 40 000 on SQLite, 20 000 on the servers; sweep 10 000; audit 100 000.
"""


def _cases(what: str, key: str, engines: dict[str, Figures]) -> list[str]:
    """Median and tail in microseconds, and how many a second."""
    first = next(iter(engines.values()))[key]
    return [
        row
        for case in first
        for row in (
            _of_each(
                f"{what}, {case}: p50 / p99, µs",
                engines,
                lambda each, case=case: " / ".join(
                    f"{each[key][case][tail]['median']:.0f}" for tail in ("p50_us", "p99_us")
                ),
            ),
            _of_each(
                f"{what}, {case}: a second",
                engines,
                lambda each, case=case: spread(each[key][case]["per_second"]),
            ),
        )
    ]


def _of_each(what: str, engines: dict[str, Figures], cell: Callable[[Figures], str]) -> str:
    return _row(what, (cell(each) for each in engines.values()))


def _row(what: str, cells: Iterable[str]) -> str:
    return f"| {what} | " + " | ".join(cells) + " |"
