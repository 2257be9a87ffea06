"""The longest time for which the hub of a gevent or eventlet worker stood still while Redis was frozen.

Usage: PYTHONPATH=tools python bench/stall.py [SECONDS]. One worker; `VISITORS` requests at once wait for their
sessions, while a greenlet beside them notes when it last ran. For comparison the same is measured with Redis at work.
"""

from __future__ import annotations

import datetime as dt
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
import stack

ROOT = stack.ROOT
VISITORS = 50
ROUNDS = 5
LONG = {
    "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS": "20000",
    "VEDFOLNIR_REQUEST_BUDGET_MS": "20000",
    "SESSION_FALLBACK": "false",  # with it, SQL would answer in place of the frozen Redis
}


def get(url: str) -> requests.Response:
    answer = requests.get(url, timeout=60)
    answer.raise_for_status()
    return answer


def stalls(folder: Path, worker_class: str, seconds: float) -> list[tuple[float, float]]:
    """For each round the longest stall in ms: with Redis at work, and with Redis frozen."""
    redis = stack.Redis(folder / "redis")
    environment = stack.demo_environment(folder, redis.url, "only signs what nobody keeps") | LONG
    environment["PYTHONPATH"] = f"{ROOT / 'python' / 'src'}:{ROOT / 'tests'}"
    web = stack.Gunicorn(
        "hubs:create_app()",
        stack.free_port(),
        environment,
        folder / "gunicorn.log",
        python_path=ROOT / "tests" / "integration" / "apps",
        options=("--worker-class", worker_class, "--workers", "1"),
    )
    with redis, web, ThreadPoolExecutor(VISITORS) as pool:
        list(pool.map(get, [f"{web.url}/write?key=key"] * VISITORS))
        return [(measured(web, pool, 1), frozen(redis, web, pool, seconds)) for _ in range(ROUNDS)]


def frozen(
    redis: stack.Redis, web: stack.Gunicorn, pool: ThreadPoolExecutor, seconds: float
) -> float:
    redis.send(signal.SIGSTOP)
    try:
        return measured(web, pool, seconds, thaw=lambda: redis.send(signal.SIGCONT))
    finally:
        redis.send(signal.SIGCONT)


def measured(web: stack.Gunicorn, pool: ThreadPoolExecutor, seconds: float, thaw=None) -> float:
    get(f"{web.url}/hub/heartbeat/start")
    url = f"{web.url}/write?key=key"
    # A 503 is an answer as well: a connection whose Redis does not answer pings is given up after 2 to 4 s.
    waiting = [pool.submit(requests.get, url, timeout=60) for _ in range(VISITORS)]
    time.sleep(seconds)
    if thaw:
        assert not waiting[0].done() or waiting[0].result().elapsed > dt.timedelta(seconds=1)
        thaw()
    for each in waiting:
        each.result()
    return 1000 * float(get(f"{web.url}/hub/heartbeat/stop").json())


if __name__ == "__main__":
    duration = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    for name in ("gevent", "eventlet"):
        with tempfile.TemporaryDirectory() as path:
            for number, (running, stopped) in enumerate(stalls(Path(path), name, duration)):
                print(
                    f"{name} round {number}: longest stall {running:.1f} ms with Redis at work, "
                    f"{stopped:.1f} ms with Redis frozen for {duration:g} s"
                )
