"""Our Flask sessions beside Flask-Session + redis-py, Flask's signed cookie, and none at all.

One gunicorn worker (gthread, 4 threads) per kind with a Redis of its own, all in one run; the rounds of
the kinds are interleaved, so that what the machine does meanwhile hits all alike. The client is wrk with
requests built beforehand: it costs a few µs each, on the other core. Figures that matter: CPU of the
worker per request (utime + stime) and what that adds to Flask without sessions; wall time at 16
connections; and the counted costs: Redis commands, SQL statements, bytes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import counts
import stack
from applications import KINDS
from figures import table
from machine import OTHER_CORE, WORKER_CORE, on_core

BENCH = Path(__file__).resolve().parent
SESSIONS = 200
CONNECTIONS = 16
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    with_cookie: bool = True


OPERATIONS = (
    Operation("untouched", "GET", "/untouched"),
    Operation("read", "GET", "/read"),
    Operation("write", "POST", "/write"),
    Operation("login", "POST", "/login?user=", with_cookie=False),
)

#: Where `vedfolnir fallback on` keeps Redis out of it, beside others as they always are.
FROM_SQL = Operation("read from SQL", "GET", "/read")
FROM_SQL_KIND = "Vedfolnir, no near cache"
FROM_SQL_KINDS = ("bare", "Flask-Session", FROM_SQL_KIND)


@dataclass(frozen=True)
class Sample:
    """One round of one operation on one kind."""

    cpu_us: float
    p50_us: int
    p99_us: int
    requests: int


@dataclass
class Bench:
    """The stacks, and everything measured so far."""

    folder: Path
    servers: dict[str, stack.Gunicorn] = field(default_factory=dict)
    redis: dict[str, stack.Redis] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    cookies: dict[str, Path] = field(default_factory=dict)
    samples: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    logins: int = 0

    def measure(self, kind: str, operation: Operation, seconds: float) -> None:
        self._load(kind, operation, min(1.0, seconds / 2))
        before = self._cpu_seconds(kind)
        result = self._load(kind, operation, seconds)
        used = self._cpu_seconds(kind) - before
        if result["errors"]:
            raise stack.StackError(
                f"{kind}, {operation.name}: {result['errors']} errors. The log ends:\n"
                + stack.log_tail(self.servers[kind].log)
            )
        count = int(result["requests"])
        sample = Sample(used * 1e6 / count, int(result["p50_us"]), int(result["p99_us"]), count)
        self.samples.setdefault((kind, operation.name), []).append(sample)

    def _load(self, kind: str, operation: Operation, seconds: float) -> dict[str, float]:
        whole = max(1, round(seconds))
        cookies = str(self.cookies[kind]) if operation.with_cookie else "-"
        command = [
            *on_core(OTHER_CORE),
            *(stack.program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{whole}s", "-s"),
            *(str(BENCH / "load.lua"), self.servers[kind].url, "--"),
            *(operation.method, operation.path, cookies, str(self.logins)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.logins += 0 if operation.with_cookie else 20_000
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return result

    def _cpu_seconds(self, kind: str) -> float:
        (worker,) = self.servers[kind].workers()
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """All kinds, each with 200 sessions made."""
    bench = Bench(folder)
    options = (
        "--workers",
        "1",
        "--worker-class",
        "gthread",
        "--threads",
        "4",
        "--keep-alive",
        "30",
    )
    with ExitStack() as opened:
        for number, kind in enumerate(KINDS):
            place = folder / str(number)
            redis = stack.Redis(place / "redis", prefix=on_core(OTHER_CORE))
            bench.redis[kind] = opened.enter_context(redis)
            url = redis.url if kind.startswith("Vedfolnir") else redis.tools_url
            environment = stack.demo_environment(place, url, "only for the bench")
            environment["BENCH_KIND"] = kind
            bench.environments[kind] = environment
            server = stack.Gunicorn(
                "applications:create()",
                stack.free_port(),
                environment,
                place / "gunicorn.log",
                python_path=BENCH,
                options=options,
                prefix=on_core(WORKER_CORE),
            )
            bench.servers[kind] = opened.enter_context(server)
            bench.cookies[kind] = place / "cookies"
            lines = counts.make_sessions(server.url, SESSIONS)
            bench.cookies[kind].write_text("".join(f"{line}\n" for line in lines))
        yield bench


def use_sql_only(bench: Bench) -> None:
    """From here on the sessions of FROM_SQL_KIND, those of logged-in users now, are read from their copies."""
    url = bench.servers[FROM_SQL_KIND].url
    environment = bench.environments[FROM_SQL_KIND]
    with closing(sqlite3.connect(Path(environment["VEDFOLNIR_STATE_DIR"]) / "sessions.db")) as db:
        before = _copies(db)
        lines = [counts.log_in(url, f"from-sql-{number}") for number in range(SESSIONS)]
        stack.wait_until(lambda: _copies(db) >= before + SESSIONS, "all are copied", 60)
    bench.cookies[FROM_SQL_KIND].write_text("".join(f"{line}\n" for line in lines))
    command = [str(stack.CLI), "fallback", "on"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    stack.wait_until(lambda: counts.uses_sql(url), "the worker knows of the fallback", 10)


def _copies(db: sqlite3.Connection) -> int:
    (count,) = db.execute("SELECT COUNT(*) FROM records WHERE user_tag IS NOT NULL").fetchone()
    return int(count)


def run(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    with running(folder) as bench:
        costs = {kind: counts.count(bench.servers[kind].url, bench.redis[kind]) for kind in KINDS}
        for kind, cost in costs.items():
            counts.weigh(bench.servers[kind].url, bench.redis[kind], cost)
        for number in range(rounds):
            for operation in OPERATIONS:
                print(f"Flask, round {number + 1} of {rounds}: {operation.name}", file=sys.stderr)
                for kind in KINDS:
                    bench.measure(kind, operation, seconds)
        use_sql_only(bench)
        for number in range(rounds):
            print(f"Flask, round {number + 1} of {rounds}: {FROM_SQL.name}", file=sys.stderr)
            for kind in FROM_SQL_KINDS:
                bench.measure(kind, FROM_SQL, seconds)
    return {
        "sessions": SESSIONS,
        "connections": CONNECTIONS,
        "from_sql": {
            kind: table([asdict(sample) for sample in bench.samples[kind, FROM_SQL.name]])
            for kind in FROM_SQL_KINDS
        },
        "counted": {kind: asdict(cost) for kind, cost in costs.items()},
        "measured": {
            operation.name: {
                kind: table([asdict(sample) for sample in bench.samples[kind, operation.name]])
                for kind in KINDS
            }
            for operation in OPERATIONS
        },
    }
