"""How long a process that shares no table of counters goes on showing what another has replaced.

Two processes over one Redis, each with a near cache of its own (VEDFOLNIR_NEAR_CACHE_SHARED=false), learn of
each other's writes by Redis' push only, as two containers would. One writes and notes when it had its answer;
the other reads in a loop and notes when the last read that still showed the old value began. The difference is
the delay; none where the push was there before the writer's own answer. Beside it the same with a common table,
where no read that begins after the answer may show the old value at all.

Writes bench/staleness.json and prints it: bench/staleness.py [--rounds N]
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
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent / "tools"), str(BENCH.parent / "python" / "src")]

import stack  # noqa: E402
from vedfolnir import _core  # noqa: E402

SECRET = "only for this run: signs the cookies of the bench"


class Worker:
    """The child: obeys one line per request."""

    def __init__(self) -> None:
        self.manager = _core.SessionManager.open({}, os.environ, None)

    def request(self, cookie: str) -> _core.RequestContext:
        header = f"{self.manager.cookie_name}={cookie}" if cookie else ""
        return _core.RequestContext(header.encode())

    def write(self, cookie: str, value: int) -> str:
        """The cookie of a new session, or when the answer was there."""
        request = self.request(cookie)
        session = self.manager.load(request)
        session.set("n", value)
        result = self.manager.commit(session, request)
        answered = time.monotonic_ns()
        if cookie:
            return str(answered)
        return str(result.set_cookie).partition("=")[2].partition(";")[0]

    def read_until(self, cookie: str, value: int) -> str:
        """When the last read that showed an older value began. Says `watching` once there was one."""
        request = self.request(cookie)
        self.manager.load(request)
        print("watching", flush=True)
        last = 0
        while True:
            began = time.monotonic_ns()
            if self.manager.load(request).get("n") == value:
                return str(last)
            last = began

    def serve(self) -> None:
        for line in sys.stdin:
            command, cookie, value = line.split(" ")
            do = self.write if command == "write" else self.read_until
            print(do(cookie, int(value)), flush=True)


class Client:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.into, self.out = process.stdin, process.stdout

    def say(self, *words: object) -> None:
        print(*words, file=self.into, flush=True)

    def hear(self) -> str:
        return self.out.readline().strip()


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[Client]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--worker"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Client(process)
        process.stdin.close()  # type: ignore[union-attr]


def delays(environment: dict[str, str], rounds: int) -> list[float]:
    """In microseconds, one per round."""
    found = []
    with worker(environment) as writer, worker(environment) as reader:
        writer.say("write", "", 0)
        cookie = writer.hear()
        for value in range(1, rounds + 1):
            reader.say("read", cookie, value)
            assert reader.hear() == "watching"
            writer.say("write", cookie, value)
            answered = int(writer.hear())
            last = int(reader.hear())
            found.append(max(0, last - answered) / 1000)
    return found


def summary(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {
        "none %": round(100 * sum(value == 0 for value in ordered) / len(ordered), 1),
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "p999": at(0.999),
        "max": round(ordered[-1], 1),
        "mean": round(statistics.fmean(ordered), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5000)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        Worker().serve()
        return
    outcome: dict[str, Any] = {"rounds": arguments.rounds, "load": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory(prefix="vedfolnir-") as name, ExitStack() as running:
        folder = Path(name)
        redis = running.enter_context(stack.Redis(folder / "redis"))
        environment = {
            **os.environ,
            **stack.demo_environment(folder, redis.url, SECRET),
            # A machine that is busy with other things ends no round.
            "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS": "10000",
            "VEDFOLNIR_REQUEST_BUDGET_MS": "20000",
        }
        for kind, shared in (("push only", "false"), ("common table", "true")):
            shares = {**environment, "VEDFOLNIR_NEAR_CACHE_SHARED": shared}
            outcome[kind] = summary(delays(shares, arguments.rounds))
            if shared == "true" and outcome[kind]["max"] > 0:
                sys.exit("a read showed what had been replaced, though the table is common")
            print(f"{kind:<14}", *(f"{key} {value}" for key, value in outcome[kind].items()))
    (BENCH / "staleness.json").write_text(json.dumps(outcome, indent=1) + "\n")


if __name__ == "__main__":
    main()
