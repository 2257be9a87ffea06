"""Turns the figures of one run into the tables people read."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import stack
from applications import KINDS

BASE, OURS, PEER = "bare", "Vedfolnir", "Flask-Session"
PACKAGES = ("flask", "werkzeug", "gunicorn", "flask-session", "redis", "hiredis", "msgspec")


def machine() -> dict[str, str]:
    """Hardware and versions, as far as they matter for the figures."""
    cpu = "unknown"
    memory = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            memory = f"{int(line.split()[1]) / 2**20:.0f} GiB"
    redis = subprocess.run(
        [stack.program("redis-server"), "--version"], capture_output=True, text=True, check=True
    )
    return {
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": memory,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        # Of other work, when this is asked before the start.
        "load": f"{os.getloadavg()[0]:.1f}",
        "redis-server": redis.stdout.split("v=")[1].split()[0],
        **{name: metadata.version(name) for name in PACKAGES},
    }


def table(outcome: dict[str, Any]) -> str:
    """The figures as Markdown tables."""
    return "\n".join((_cpu(outcome), _wall(outcome), _counted(outcome)))


def document(outcome: dict[str, Any]) -> str:
    """bench/RESULTS.md."""
    where = outcome["machine"]
    shown = {"redis": "redis-py"}
    versions = ", ".join(f"{shown.get(name, name)} {where[name]}" for name in ("python", *PACKAGES))
    return f"""# Results

Written by `{outcome["command"]}`; run it to repeat them, on an otherwise idle machine. Do not edit.

{where["cores"]} cores of {where["cpu"]}, {where["memory"]}, {where["system"]};
Redis {where["redis-server"]} on a Unix socket; {versions}.
Load average of the machine before the run: {where["load"]}.

One gunicorn worker (gthread, 4 threads) per kind, pinned to one core; Redis and the client (wrk,
{outcome["connections"]} connections, keep-alive) on the other. {outcome["sessions"]} sessions of 11 fields in rotation,
{outcome["rounds"]} interleaved rounds of {outcome["seconds"]:g} s: medians, lowest and highest round in brackets.
"Added" is the CPU of the worker per request over the same application without sessions. All figures
come from one run and are to be compared with each other, not with those of another machine.

{table(outcome)}
What stands behind the rows: *untouched* never uses the session, *read* reads three values, *write*
changes one, *login* clears the session, gets a new id and stores all fields and the user. Our login
includes a durable SQL transaction (row, sequence, audit event), which no other kind has. Bytes are what
1000 sessions of 1000 users leave in Redis, keys and indexes together, divided by 1000.
"""


def _cpu(outcome: dict[str, Any]) -> str:
    rows = [
        "### Server CPU per request, µs",
        "",
        "| | " + " | ".join(KINDS) + f" | {OURS} added ÷ {PEER} added |",
        "|---|" + "---:|" * (len(KINDS) + 1),
    ]
    for name, kinds in outcome["measured"].items():
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


def _wall(outcome: dict[str, Any]) -> str:
    rows = [
        f"### Wall time at {outcome['connections']} connections, µs: p50 / p99",
        "",
        "| | " + " | ".join(KINDS) + " |",
        "|---|" + "---:|" * len(KINDS),
    ]
    for name, kinds in outcome["measured"].items():
        cells = [
            f"{kinds[kind]['p50_us']['median']:.0f} / {kinds[kind]['p99_us']['median']:.0f}"
            for kind in KINDS
        ]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _counted(outcome: dict[str, Any]) -> str:
    counted = outcome["counted"]
    rows = [
        "### Counted, per request or session",
        "",
        "| | " + " | ".join(KINDS) + " |",
        "|---|" + "---:|" * len(KINDS),
    ]
    for name in outcome["measured"]:
        cells = [f"{counted[kind]['commands'][name]:g}" for kind in KINDS]
        rows.append(f"| Redis commands, {name} | " + " | ".join(cells) + " |")
    for name in outcome["measured"]:
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


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.0f} ({values['low']:.0f}–{values['high']:.0f})"


if __name__ == "__main__":
    import json

    print(document(json.loads(Path(sys.argv[1]).read_text())))
