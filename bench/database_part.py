"""What SQL costs: logins, loads while it stands in for Redis, recovery into an empty Redis, the sweep, the audit trail.

On each engine as it is installed, with commits that are on the disk (SQLite: write-ahead log, `synchronous=FULL`). Ours
runs on one core, Redis and the database server on the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cpp_part
import stack
from figures import Figure, figure, table
from machine import OTHER_CORE, on_core
from support import databases

ENGINES = (databases.Sqlite.name, *databases.SERVERS)
FALLBACK_SESSIONS = 1_000
RECOVERED = 100_000
#: Of `--quick`, that is one round.
RECOVERED_QUICKLY = 5_000
WITHIN = 900.0


def run(
    folder: Path, rounds: int, seconds: float, engines: Sequence[str] = ENGINES
) -> dict[str, Any]:
    sessions = RECOVERED if rounds > 1 else RECOVERED_QUICKLY
    return {
        "sessions": sessions,
        "fallback_sessions": FALLBACK_SESSIONS,
        "engines": {
            name: on_engine(name, folder / name, rounds, seconds, sessions) for name in engines
        },
    }


def on_engine(
    name: str, folder: Path, rounds: int, seconds: float, sessions: int
) -> dict[str, Any]:
    with engine(name) as new_database:
        print(f"{name}: logins", file=sys.stderr)
        with environment(folder / "logins", new_database) as (env, _, database):
            logins = cases(env, "logins", str(rounds), f"{seconds / 2:g}")
            version = database.version
        print(f"{name}: loads while it stands in for Redis", file=sys.stderr)
        with environment(folder / "fallback", new_database) as (env, _, _):
            arguments = (str(rounds), f"{seconds / 2:g}", str(FALLBACK_SESSIONS))
            fallback = cases(env, "fallback", *arguments)
        with environment(folder / "recover", new_database) as (env, redis, database):
            print(f"{name}: making {sessions} sessions", file=sys.stderr)
            cpp_part.output("bench_database", env, "fill", str(sessions))
            print(f"{name}: recovery", file=sys.stderr)
            recovered = figure([recovery(env, redis, sessions) for _ in range(rounds)])
            print(f"{name}: sweep", file=sys.stderr)
            swept = sweep(env, redis, database, sessions)
            print(f"{name}: audit", file=sys.stderr)
            verified = figure([verification(env) for _ in range(rounds)])
    return {
        "version": version,
        "logins": logins,
        "fallback": fallback,
        "recovered_per_second": recovered,
        "swept": swept,
        "verified_per_second": verified,
    }


Database = databases.Sqlite | databases.Database


@contextmanager
def engine(name: str) -> Iterator[Callable[[Path], Database]]:
    """Makes an empty database for an installation in that folder."""
    if name == databases.Sqlite.name:
        yield lambda folder: databases.Sqlite(folder / "state" / "sessions.db")
        return
    with databases.SERVERS[name](durable=True, prefix=on_core(OTHER_CORE)) as server:
        yield lambda folder: server.fresh_database()


@contextmanager
def environment(
    folder: Path, new_database: Callable[[Path], Database]
) -> Iterator[tuple[dict[str, str], stack.Redis, Database]]:
    """An installation with a Redis that is its own."""
    with stack.Redis(folder / "redis", prefix=on_core(OTHER_CORE)) as redis:
        (folder / "state").mkdir(mode=0o700)
        database = new_database(folder)
        env = stack.demo_environment(folder, redis.url, "only for the bench")
        yield env | {"SESSION_DATABASE_URL": database.url}, redis, database


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


def sweep(
    env: dict[str, str], redis: stack.Redis, database: Database, sessions: int
) -> dict[str, float]:
    """Sessions per second that `vedfolnir serve` takes out of Redis, and closes in SQL with an event each.

    As after a night. Their records are gone, as Redis removes them by itself; what is left are the index of a user and
    two sets of each shard, and an open row with a copy. They fell due in the order in which they began.
    """
    with redis.client() as client:
        expiry_sets = let_expire(client)
        database.change("UPDATE sessions SET absolute_expiry_ms = 1000 WHERE ended_ms IS NULL")
        database.change("UPDATE records SET expires_ms = 1000, absolute_expiry_ms = 1000")

        def waiting() -> int:
            pipeline = client.pipeline(transaction=False)
            for key in expiry_sets:
                pipeline.zcard(key)
            return sum(pipeline.execute())

        def still_open() -> int:
            ((count,),) = database.rows("SELECT COUNT(*) FROM sessions WHERE ended_ms IS NULL")
            return int(count)

        serve = subprocess.Popen(
            [*on_core(cpp_part.WORKER_CORE), str(stack.CLI), "serve"],
            env=env | {"REDIS_SESSION_CLEANUP_INTERVAL": "1"},
            stderr=subprocess.DEVNULL,
        )
        try:
            stack.wait_until(lambda: waiting() < sessions, "the sweep begins", WITHIN)
            before, started = waiting(), time.monotonic()
            stack.wait_until(lambda: waiting() == 0, "Redis is swept", WITHIN)
            stack.wait_until(lambda: still_open() == 0, "all rows are closed", WITHIN)
            return {"per_second": before / (time.monotonic() - started)}
        finally:
            serve.terminate()
            serve.wait()


def let_expire(client: Any) -> list[bytes]:
    """Ten days earlier; the expiry sets."""
    earlier = 10 * 86_400_000
    sets = []
    pipeline = client.pipeline(transaction=False)
    for key in client.scan_iter(match="*", count=10_000):
        if key.endswith(b":expiry"):
            sets.append(key)
            for member, score in client.zscan_iter(key):
                pipeline.zadd(key, {member: score - earlier})
        elif client.type(key) == b"string" and client.strlen(key) > 200:
            pipeline.delete(key)
        if len(pipeline) > 10_000:
            pipeline.execute()
    pipeline.execute()
    return sets


def verification(env: dict[str, str]) -> float:
    """Events per second of `vedfolnir audit verify`, its start included."""
    started = time.monotonic()
    report = json.loads(command(env, "--json", "audit", "verify"))
    return float(report["entries"]) / (time.monotonic() - started)


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
