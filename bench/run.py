"""./x bench: our Flask sessions beside Flask-Session + redis-py, Flask's signed cookie, and none at all.

One gunicorn worker (gthread, 4 threads) per kind with a Redis of its own, all in one run; the rounds of
the kinds are interleaved, so that what the machine does meanwhile hits all alike. The client is wrk with
requests built beforehand: it costs a few µs each, on the other core. Figures that matter: CPU of the
worker per request (utime + stime) and what that adds to Flask without sessions; wall time at 16
connections; and the counted costs: Redis commands, SQL statements, bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent / "tools"), str(BENCH)]

import counts  # noqa: E402
import report  # noqa: E402
import stack  # noqa: E402
from applications import KINDS  # noqa: E402

SESSIONS = 200
CONNECTIONS = 16
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# The worker on one core; Redis and the client on the other.
CORES = sorted(os.sched_getaffinity(0))
WORKER_CORE, OTHER_CORE = CORES[0], CORES[-1]


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


def on_core(core: int) -> list[str]:
    return [stack.program("taskset", "util-linux"), "-c", str(core)]


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
            url = redis.url if kind.startswith(report.OURS) else redis.tools_url
            environment = stack.demo_environment(place, url, "only for the bench")
            environment["BENCH_KIND"] = kind
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="./x bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=4, help="per measurement (default 4)")
    parser.add_argument(
        "--quick", action="store_true", help="one round of one second: a trial only"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 1
    try:
        with tempfile.TemporaryDirectory(prefix="vedfolnir-bench-") as name:
            outcome = run(Path(name), arguments.rounds, arguments.seconds)
    except stack.StackError as error:
        print(f"x: {error}", file=sys.stderr)
        return 1
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    (BENCH / "out").mkdir(exist_ok=True)
    (BENCH / "out" / f"{stamp}.json").write_text(json.dumps(outcome, indent=2) + "\n")
    print(f"\n{report.table(outcome)}\nbench/out/{stamp}.json")
    if not arguments.quick:
        (BENCH / "RESULTS.md").write_text(report.document(outcome))
        print("bench/RESULTS.md")
    return 0


def run(folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    machine = report.machine()
    with running(folder) as bench:
        costs = {kind: counts.count(bench.servers[kind].url, bench.redis[kind]) for kind in KINDS}
        for kind, cost in costs.items():
            counts.weigh(bench.servers[kind].url, bench.redis[kind], cost)
        for number in range(rounds):
            for operation in OPERATIONS:
                for kind in KINDS:
                    bench.measure(kind, operation, seconds)
                    print(f"\rround {number + 1}/{rounds}  {operation.name:<10} {kind:<14}", end="")
                    sys.stdout.flush()
    print()
    return {
        "rounds": rounds,
        "seconds": seconds,
        "sessions": SESSIONS,
        "connections": CONNECTIONS,
        "command": f"./x bench --rounds {rounds} --seconds {seconds:g}",
        "machine": machine,
        "counted": {kind: asdict(cost) for kind, cost in costs.items()},
        "measured": {
            operation.name: {kind: summary(bench.samples[kind, operation.name]) for kind in KINDS}
            for operation in OPERATIONS
        },
    }


def summary(samples: list[Sample]) -> dict[str, object]:
    """Medians, the lowest and the highest of the rounds, and the rounds themselves."""
    found: dict[str, object] = {"rounds": [asdict(sample) for sample in samples]}
    for name in ("cpu_us", "p50_us", "p99_us"):
        values = [getattr(sample, name) for sample in samples]
        found[name] = {
            "median": statistics.median(values),
            "low": min(values),
            "high": max(values),
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
