"""The figures of SQL as Markdown."""

from __future__ import annotations

from typing import Any

from report_cpp import spread


def text(database: dict[str, Any]) -> str:
    swept = database["swept_per_second"]
    return f"""## {database["engine"]}

One process on one core, Redis on the other. A login is one transaction that is on the disk when it is answered
(`synchronous=FULL`: row, sequence, audit event), and one call of Redis.

{_cases("Logins", database["logins"])}
Loads of {database["fallback_sessions"]:,} sessions in rotation while SQL stands in for Redis (`vedfolnir fallback on`),
near cache off. (Target: 20 000 a second.)

{_cases("Loads from SQL", database["fallback"])}
| {database["sessions"]:,} sessions | Per second | Target |
|---|---:|---:|
| `vedfolnir recover` into an empty Redis, its start included | {spread(database["recovered_per_second"])} | 40 000 |
| sweep: out of Redis, and closed in SQL with an event each | {swept:.0f} | 10 000 |
"""


def _cases(title: str, cases: dict[str, Any]) -> str:
    rows = [f"| {title} | p50, µs | p99, µs | CPU, µs | Per second |", "|---|---:|---:|---:|---:|"]
    for name, figures in cases.items():
        rows.append(
            f"| {name} | {spread(figures['p50_us'])} | {spread(figures['p99_us'])} "
            f"| {spread(figures['cpu_us'], 1)} | {spread(figures['per_second'])} |"
        )
    return "\n".join(rows) + "\n"
