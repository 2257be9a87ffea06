"""Turns the figures of one run into the tables people read: `report.py RUN.json` prints bench/RESULTS.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import report_cpp
import report_database
from applications import KINDS
from flask_part import FROM_SQL_KIND

BASE, OURS, PEER = "bare", "Vedfolnir", "Flask-Session"
SHOWN = {"redis": "redis-py", "boost": "Boost"}
MIB = 2**20


def tables(outcome: dict[str, Any]) -> str:
    """All figures of the run as Markdown."""
    parts = outcome["parts"]
    texts = []
    if "flask" in parts:
        texts.append(_flask(outcome, parts["flask"]))
    if "cpp" in parts:
        texts.append(report_cpp.text(parts["cpp"]))
    if "load" in parts:
        texts.append(_load(parts["load"]))
    if "database" in parts:
        texts.append(report_database.text(parts["database"]))
    return "\n".join(texts)


def document(outcome: dict[str, Any]) -> str:
    """bench/RESULTS.md."""
    where = outcome["machine"]
    known = ("cpu", "cores", "memory", "system", "load", "redis-server", "compiler")
    versions = ", ".join(
        f"{SHOWN.get(name, name)} {value}" for name, value in where.items() if name not in known
    )
    return f"""# Results

Written by `{outcome["command"]}`; run it to repeat them, on an otherwise idle machine. Do not edit.
What the parts do is described in [bench/README.md](README.md).

{where["cores"]} cores of {where["cpu"]}, {where["memory"]}, {where["system"]}; Redis {where["redis-server"]} on a
Unix socket; {where["compiler"]}; {versions}.
Load average of the machine before the run: {where["load"]}.

{outcome["rounds"]} interleaved rounds of {outcome["seconds"]:g} s (C++: shorter): medians, with the lowest and the
highest round in brackets. All figures come from one run and are to be compared with each other, not with those of
another machine.

{tables(outcome)}"""


def _flask(outcome: dict[str, Any], flask: dict[str, Any]) -> str:
    return f"""## Flask

One gunicorn worker (gthread, 4 threads) per kind, pinned to one core; Redis and the client (wrk,
{flask["connections"]} connections, keep-alive) on the other. {flask["sessions"]} sessions of 11 fields in rotation.
"Added" is the CPU of the worker per request over the same application without sessions.

![CPU per request](plots/flask_cpu.svg) ![Wall time](plots/flask_latency.svg)

{_cpu(flask)}
{_wall(flask)}
{_counted(flask)}
{_from_sql(flask["from_sql"])}
What stands behind the rows: *untouched* never uses the session, *read* reads three values, *write*
changes one, *login* clears the session, gets a new id and stores all fields and the user. Our login
includes a durable SQL transaction (row, sequence, audit event), which no other kind has. Bytes are what
1000 sessions of 1000 users leave in Redis, keys and indexes together, divided by 1000.
"""


def _load(load: dict[str, Any]) -> str:
    grown = (load["worker_bytes"] - load["worker_bytes_before"]) / MIB
    return f"""## {load["sessions"]:,} sessions, {load["clients"]:,} clients

{load["workers"]} workers of 8 threads, every client with a connection of its own that it keeps; every fifth request
writes. {load["requests"]:.0f} requests in {load["seconds"]:.1f} s, all rounds together. A *lost update* is a write
that was answered with 200 and is not in its session afterwards.

| | |
|---|---:|
| Errors | {load["errors"]:.0f} |
| Lost updates, of {load["writes_answered"]} writes | {load["lost"]} |
| Requests per second | {_spread(load["per_second"])} |
| Wall time p50, ms | {_spread(_millis(load["p50_us"]))} |
| Wall time p99, ms | {_spread(_millis(load["p99_us"]))} |
| Memory of the workers, MiB (grown by) | {load["worker_bytes"] / MIB:.0f} ({grown:.0f}) |
| Memory of Redis, MiB | {load["redis_bytes"] / MIB:.0f} |
"""


def _cpu(flask: dict[str, Any]) -> str:
    rows = [
        "### Server CPU per request, µs",
        "",
        "| | " + " | ".join(KINDS) + f" | {OURS} added ÷ {PEER} added |",
        "|---|" + "---:|" * (len(KINDS) + 1),
    ]
    for name, kinds in flask["measured"].items():
        base = kinds[BASE]["cpu_us"]["median"]
        added = {kind: kinds[kind]["cpu_us"]["median"] - base for kind in KINDS}
        cells = [_spread(kinds[kind]["cpu_us"]) for kind in KINDS]
        cells = [
            cell if kind == BASE else f"{cell}; added {added[kind]:.0f}"
            for kind, cell in zip(KINDS, cells, strict=True)
        ]
        ratio = f"{added[OURS] / added[PEER]:.2f}" if added[PEER] > 0 else "–"
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(rows) + "\n"


def _from_sql(kinds: dict[str, Any]) -> str:
    base, *others = (kinds[kind]["cpu_us"]["median"] for kind in (BASE, PEER, FROM_SQL_KIND))
    peer, ours = (other - base for other in others)
    return f"""### While SQL stands in for Redis

A read whose session comes from its copy in SQLite (`vedfolnir fallback on`, near cache off) adds {ours:.0f} µs of CPU;
one of {PEER} on a healthy Redis adds {peer:.0f} µs, measured beside it: {ours / peer:.2f} (target: at most 2).
"""


def _wall(flask: dict[str, Any]) -> str:
    rows = [
        f"### Wall time at {flask['connections']} connections, µs: p50 / p99",
        "",
        "| | " + " | ".join(KINDS) + " |",
        "|---|" + "---:|" * len(KINDS),
    ]
    for name, kinds in flask["measured"].items():
        cells = [
            f"{kinds[kind]['p50_us']['median']:.0f} / {kinds[kind]['p99_us']['median']:.0f}"
            for kind in KINDS
        ]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _counted(flask: dict[str, Any]) -> str:
    counted = flask["counted"]
    rows = [
        "### Counted, per request or session",
        "",
        "| | " + " | ".join(KINDS) + " |",
        "|---|" + "---:|" * len(KINDS),
    ]
    for name in flask["measured"]:
        cells = [f"{counted[kind]['commands'][name]:g}" for kind in KINDS]
        rows.append(f"| Redis commands, {name} | " + " | ".join(cells) + " |")
    for name in flask["measured"]:
        cells = [
            f"{counted[kind]['statements'][name]:g}" if counted[kind]["statements"] else "–"
            for kind in KINDS
        ]
        rows.append(f"| SQL statements, {name} | " + " | ".join(cells) + " |")
    for name, label in (
        ("bytes_anonymous", "Redis bytes, anonymous session"),
        ("bytes_authenticated", "Redis bytes, authenticated session with its indexes"),
    ):
        cells = [f"{counted[kind][name]:.0f}" for kind in KINDS]
        rows.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _millis(microseconds: dict[str, float]) -> dict[str, float]:
    return {name: microseconds[name] / 1e3 for name in ("median", "low", "high")}


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.0f} ({values['low']:.0f}–{values['high']:.0f})"


if __name__ == "__main__":
    print(document(json.loads(Path(sys.argv[1]).read_text())), end="")
