"""The C++ programs: single steps, loads from Redis beside hiredis and Boost.Redis, memory per near-cache entry.

Each runs on one core, with a Redis of its own on the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stack
from figures import Figure, table
from machine import OTHER_CORE, WORKER_CORE, on_core

BIN = stack.ROOT / "build" / "bin"
ENTRIES = 20_000
IN_NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6}
# name -> (ours, theirs, value, at most or at least, limit): the targets of the design.
RATIOS = {
    "one blocking caller": (
        *("SessionManager::load", "hiredis GET"),
        *("p50_us", "at most", 1.6),
    ),
    "the caller drives the loop": (
        *("Core::async_load, caller's loop", "hiredis GET"),
        *("p50_us", "at most", 1.35),
    ),
    "256 in flight, store": (
        *("RedisStore::load, 256 in flight", "Boost.Redis GET, 256 in flight"),
        *("per_second", "at least", 0.8),
    ),
    "256 in flight, manager": (
        *("Core::async_load, 256 in flight", "Boost.Redis GET, 256 in flight"),
        *("per_second", "at least", 0.5),
    ),
}
HIT = "SessionManager::load, near-cache hit"


def run(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    print("C++, single steps", file=sys.stderr)
    with environment(folder / "micro") as env:
        micro = run_micro(env, rounds, seconds / 8)
    print("C++, from Redis beside hiredis and Boost.Redis", file=sys.stderr)
    with environment(folder / "redis") as env:
        redis = run_redis(env, rounds, seconds / 2)
    print("C++, memory of the near cache", file=sys.stderr)
    with environment(folder / "memory") as env:
        memory = json.loads(output("bench_memory", env, str(ENTRIES)))
    return {"micro": micro, "redis": redis, "ratios": ratios(redis), "memory": memory}


@contextmanager
def environment(folder: Path) -> Iterator[dict[str, str]]:
    """What the programs need to find a Redis that is theirs alone."""
    with stack.Redis(folder / "redis", prefix=on_core(OTHER_CORE)) as redis:
        (folder / "state").mkdir(mode=0o700)
        yield stack.demo_environment(folder, redis.url, "only for the bench")


def output(program: str, env: dict[str, str], *arguments: str) -> str:
    path = BIN / program
    if not path.exists():
        raise stack.StackError(f"{path} is missing: run ./x bench, which builds it")
    done = subprocess.run(
        [*on_core(WORKER_CORE), str(path), *arguments],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise stack.StackError(f"{program} ended with {done.returncode}")
    return done.stdout


def run_micro(env: dict[str, str], rounds: int, seconds: float) -> dict[str, dict[str, Figure]]:
    """Per step: nanoseconds of processor time, allocations, and for hits their distribution."""
    text = output(
        "bench_micro",
        env,
        f"--benchmark_repetitions={rounds}",
        f"--benchmark_min_time={seconds:g}",
        "--benchmark_enable_random_interleaving=true",
        "--benchmark_format=json",
    )
    steps: dict[str, list[dict[str, float]]] = {}
    for entry in json.loads(text)["benchmarks"]:
        if entry.get("error_occurred"):
            raise stack.StackError(f"{entry['name']}: {entry['error_message']}")
        if entry["run_type"] != "iteration":
            continue
        values = {"cpu_ns": entry["cpu_time"] * IN_NANOSECONDS[entry["time_unit"]]}
        for name in ("allocations", "p50_ns", "p99_ns"):
            if name in entry:
                values[name] = entry[name]
        steps.setdefault(entry["run_name"], []).append(values)
    # They ran in random order.
    return {name: table(values) for name, values in sorted(steps.items())}


def run_redis(env: dict[str, str], rounds: int, seconds: float) -> dict[str, dict[str, Figure]]:
    cases = json.loads(output("bench_redis", env, str(rounds), f"{seconds:g}"))
    return {name: table(values) for name, values in cases.items()}


def ratios(redis: dict[str, dict[str, Figure]]) -> dict[str, dict[str, Any]]:
    """Ours to theirs: of the medians, and of each round with itself (their lowest and highest)."""
    out = {}
    for name, (ours, theirs, value, bound, limit) in RATIOS.items():
        pairs = zip(redis[ours][value]["rounds"], redis[theirs][value]["rounds"], strict=True)
        each = [mine / other for mine, other in pairs]
        ratio = redis[ours][value]["median"] / redis[theirs][value]["median"]
        cpu = redis[ours]["cpu_us"]["median"] / redis[theirs]["cpu_us"]["median"]
        met = ratio <= limit if bound == "at most" else ratio >= limit
        out[name] = {
            "ours": ours,
            "theirs": theirs,
            "value": value,
            "bound": bound,
            "limit": limit,
            "ratio": ratio,
            "low": min(each),
            "high": max(each),
            "cpu_ratio": cpu,
            "met": met,
        }
    return out
