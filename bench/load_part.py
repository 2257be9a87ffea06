"""10 000 live sessions and 1 000 clients that keep their connections: errors, lost updates, latency, memory (S33).

Every fifth request raises its session's counter. The workers count the writes that they answered with 200; in the
end the counters of all sessions must have risen by exactly that number.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stack
from figures import figure
from machine import OTHER_CORE, on_core

BENCH = Path(__file__).resolve().parent
SESSIONS = 10_000
CLIENTS = 1_000
WORKERS = 2
OPTIONS = (
    *("--workers", str(WORKERS), "--worker-class", "gthread", "--threads", "8", "--preload"),
    *("--keep-alive", "60", "--worker-connections", str(2 * CLIENTS), "--backlog", "2048"),
)


def run(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """The sessions are made once; each round measures the same workers with the same sessions."""
    with stack.Redis(folder / "redis", prefix=on_core(OTHER_CORE)) as redis:
        environment = stack.demo_environment(folder, redis.url, "only for the bench")
        environment |= {"BENCH_KIND": "Vedfolnir", "BENCH_COUNT_WRITES": "1"}
        server = stack.Gunicorn(
            "applications:create()",
            stack.free_port(),
            environment,
            folder / "gunicorn.log",
            python_path=BENCH,
            options=OPTIONS,
        )
        with server:
            return _measure(server, redis, folder, rounds, max(1, round(seconds)))


def _measure(
    server: stack.Gunicorn, redis: stack.Redis, folder: Path, rounds: int, seconds: int
) -> dict[str, Any]:
    print(f"load: making {SESSIONS} sessions", file=sys.stderr)
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    cookies = [_ask(client, "POST", "/setup")[1] for _ in range(SESSIONS)]
    (folder / "cookies").write_text("".join(f"{cookie}\n" for cookie in cookies))
    before = _resident(server)
    print(f"load: {rounds} rounds of {CLIENTS} clients for {seconds} s", file=sys.stderr)
    measured = repeated(rounds, lambda: _wrk(server, folder, seconds))
    after = _resident(server)
    print("load: counting what the sessions hold", file=sys.stderr)
    written = sum(int(_ask(client, "GET", "/read", cookie)[0].split()[2]) for cookie in cookies)
    answered = int(_ask(client, "GET", "/writes")[0])
    with redis.client() as tools:
        redis_bytes = int(tools.info("memory")["used_memory"])
    return {
        "sessions": SESSIONS,
        "clients": CLIENTS,
        "workers": WORKERS,
        **measured,
        "writes_answered": answered,
        "writes_found": written,
        "lost": answered - written,
        "worker_bytes_before": before,
        "worker_bytes": after,
        "redis_bytes": redis_bytes,
    }


def repeated(rounds: int, measure: Callable[[], dict[str, float]]) -> dict[str, Any]:
    """What is counted, over all rounds; what is measured, with its spread."""
    results = [measure() for _ in range(rounds)]
    rates = [{**each, "per_second": each["requests"] / each["seconds"]} for each in results]
    return {
        **{name: sum(each[name] for each in results) for name in ("requests", "seconds", "errors")},
        **{
            name: figure(each[name] for each in rates)
            for name in ("per_second", "p50_us", "p99_us")
        },
    }


def _wrk(server: stack.Gunicorn, folder: Path, seconds: int) -> dict[str, float]:
    command = [
        *on_core(OTHER_CORE),
        *(stack.program("wrk"), "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "30s"),
        *("-s", str(BENCH / "mixed.lua"), server.url, "--", str(folder / "cookies")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _ask(
    client: http.client.HTTPConnection, method: str, path: str, cookie: str = ""
) -> tuple[str, str]:
    """The body, and the Cookie value of what it set."""
    client.request(method, path, headers={"Cookie": cookie} if cookie else {})
    response = client.getresponse()
    body = response.read().decode()
    if response.status != 200:
        raise stack.StackError(f"{method} {path}: {response.status} {body[:200]}")
    return body, (response.getheader("Set-Cookie") or "").partition(";")[0]


def _resident(server: stack.Gunicorn) -> int:
    """Bytes of all workers, those they share counted in each."""
    total = 0
    for pid in server.workers():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1]) * 1024
    return total
