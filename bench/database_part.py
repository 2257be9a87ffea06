"""What SQL costs: logins, loads while it stands in for Redis, recovery into an empty Redis, the sweep.

On SQLite as it is installed (write-ahead log, `synchronous=FULL`). Redis runs on the other core.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import cpp_part
import stack
from figures import Figure, figure, table
from machine import OTHER_CORE, on_core

FALLBACK_SESSIONS = 1_000
RECOVERED = 100_000
#: Of `--quick`, that is one round.
RECOVERED_QUICKLY = 5_000
WITHIN = 900.0


def run(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    print("database: logins", file=sys.stderr)
    with cpp_part.environment(folder / "logins") as env:
        logins = cases(env, "logins", str(rounds), f"{seconds / 2:g}")
    print("database: loads while it stands in for Redis", file=sys.stderr)
    with cpp_part.environment(folder / "fallback") as env:
        arguments = (str(rounds), f"{seconds / 2:g}", str(FALLBACK_SESSIONS))
        fallback = cases(env, "fallback", *arguments)
    sessions = RECOVERED if rounds > 1 else RECOVERED_QUICKLY
    place = folder / "recover"
    with stack.Redis(place / "redis", prefix=on_core(OTHER_CORE)) as redis:
        env = stack.demo_environment(place, redis.url, "only for the bench")
        print(f"database: making {sessions} sessions", file=sys.stderr)
        cpp_part.output("bench_database", env, "fill", str(sessions))
        print("database: recovery", file=sys.stderr)
        recovered = figure(recovery(env, redis, sessions) for _ in range(rounds))
        print("database: sweep", file=sys.stderr)
        swept = sweep(env, redis, place / "state" / "sessions.db", sessions)
    return {
        "engine": "SQLite",
        "logins": logins,
        "fallback_sessions": FALLBACK_SESSIONS,
        "fallback": fallback,
        "sessions": sessions,
        "recovered_per_second": recovered,
        "swept_per_second": swept,
    }


def cases(env: dict[str, str], what: str, *arguments: str) -> dict[str, dict[str, Figure]]:
    found = json.loads(cpp_part.output("bench_database", env, what, *arguments))
    return {name: table(values) for name, values in found.items()}


def recovery(env: dict[str, str], redis: stack.Redis, sessions: int) -> float:
    """Sessions per second of `vedfolnir recover` into a Redis that lost everything, its start included."""
    with redis.client() as client:
        client.flushall()
    started = time.monotonic()
    report = json.loads(command(env, "--json", "recover"))
    took = time.monotonic() - started
    if report["restored"] != sessions:
        raise stack.StackError(f"vedfolnir recover restored {report['restored']} of {sessions}")
    return sessions / took


def sweep(env: dict[str, str], redis: stack.Redis, database: Path, sessions: int) -> float:
    """Expired sessions per second that `vedfolnir serve` takes out of Redis and closes in SQL.

    As after a night. Their records are gone, as Redis removes them by itself; what is left are the index of a user and
    two sets of each shard, and an open row with a copy.
    """
    with redis.client() as client:
        let_expire(client)
        with closing(sqlite3.connect(database)) as db, db:
            db.execute("UPDATE sessions SET absolute_expiry_ms = 1000 WHERE ended_ms IS NULL")
            db.execute("UPDATE records SET expires_ms = 1000, absolute_expiry_ms = 1000")
        serve = subprocess.Popen(
            [*on_core(cpp_part.WORKER_CORE), str(stack.CLI), "serve"],
            env=env | {"REDIS_SESSION_CLEANUP_INTERVAL": "60"},
            stderr=subprocess.DEVNULL,
        )
        try:
            stack.wait_until(lambda: still_open(database) < sessions, "the sweep begins", WITHIN)
            before, started = still_open(database), time.monotonic()
            stack.wait_until(lambda: waiting(client) == 0, "Redis is swept", WITHIN)
            stack.wait_until(lambda: still_open(database) == 0, "all rows are closed", WITHIN)
            return before / (time.monotonic() - started)
        finally:
            serve.terminate()
            serve.wait()


def let_expire(client: Any) -> None:
    pipeline = client.pipeline(transaction=False)
    for key in client.scan_iter(match="*", count=10_000):
        if key.endswith(b":expiry"):
            for member, _ in client.zscan_iter(key):
                pipeline.zadd(key, {member: 1000})
        elif client.type(key) == b"string" and client.strlen(key) > 200:
            pipeline.delete(key)
        if len(pipeline) > 10_000:
            pipeline.execute()
    pipeline.execute()


def waiting(client: Any) -> int:
    return sum(client.zcard(key) for key in client.scan_iter(match="*:expiry", count=10_000))


def still_open(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=60)) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM sessions WHERE ended_ms IS NULL").fetchone()
        return int(count)


def command(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [*on_core(cpp_part.WORKER_CORE), str(stack.CLI), *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise stack.StackError(f"vedfolnir {' '.join(arguments)}: {done.stderr}")
    return done.stdout
