"""Redis ill in each way there is, under a busy application with two workers: nobody is let in who left, nobody is
thrown out, no answer is a 500, and the audit trail counts right."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import stack
from load import Crowd

import redis as redis_client

APPS = Path(__file__).resolve().parents[1] / "integration" / "apps"
VISITORS = 12
ANSWERS_WHILE_ILL = 600


@dataclass(frozen=True)
class Fault:
    ident: str
    what: str
    break_it: Callable[[stack.Redis], None]
    mend: Callable[[stack.Redis], None]


def setting(name: str, value: str) -> Callable[[stack.Redis], None]:
    return lambda server: _done(server.client().config_set(name, value))


def _done(_: object) -> None:
    return None


def kill(server: stack.Redis) -> None:
    server.stop(signal.SIGKILL)


def kill_and_empty(server: stack.Redis) -> None:
    kill(server)
    shutil.rmtree(server.folder / "appendonlydir")


def fail_snapshots(server: stack.Redis) -> None:
    client = server.client()
    (server.folder / "dump.rdb").unlink(missing_ok=True)
    (server.folder / "dump.rdb").mkdir()
    (server.folder / "dump.rdb" / "in the way").touch()
    client.config_set("save", "3600 1")
    client.bgsave()
    stack.wait_until(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a snapshot fails"
    )


def mend_snapshots(server: stack.Redis) -> None:
    server.client().config_set("save", "")
    shutil.rmtree(server.folder / "dump.rdb")


def be_replica(server: stack.Redis) -> None:
    server.client().execute_command("REPLICAOF", "127.0.0.1", "1")


def be_primary(server: stack.Redis) -> None:
    server.client().execute_command("REPLICAOF", "NO", "ONE")


def loop(server: stack.Redis) -> None:
    client = server.client()
    client.config_set("busy-reply-threshold", "50")
    client.function_load(
        "#!lua name=loops\nredis.register_function('loops', function() while true do end end)",
        replace=True,
    )
    # Without waiting for an answer that does not come.
    connection = client.connection_pool.get_connection()
    connection.send_command("FCALL", "loops", 0)

    def busy() -> bool:
        try:
            server.client().ping()
        except redis_client.exceptions.ResponseError as error:
            return "BUSY" in str(error)
        return False

    stack.wait_until(busy, "the function loops")


def end_loop(server: stack.Redis) -> None:
    server.client().execute_command("FUNCTION", "KILL")


def pause(mode: str) -> Callable[[stack.Redis], None]:
    """Ends by itself: nobody could end a pause of all."""
    return lambda server: _done(server.client().execute_command("CLIENT", "PAUSE", 5000, mode))


def freeze(server: stack.Redis) -> None:
    server.send(signal.SIGSTOP)


def thaw(server: stack.Redis) -> None:
    server.send(signal.SIGCONT)


def flap(server: stack.Redis) -> None:
    """200 ms away, 200 ms there, ten times: the period is what the fault is."""
    for _ in range(10):
        for number in (signal.SIGSTOP, signal.SIGCONT):
            server.send(number)
            time.sleep(0.2)  # tidy: sleep-py


FAULTS = [
    Fault("F05", "killed, restarted with its data", kill, stack.Redis.start),
    Fault("F05", "killed, restarted empty", kill_and_empty, stack.Redis.start),
    Fault("F07", "out of memory", setting("maxmemory", "1"), setting("maxmemory", "0")),
    Fault("F08", "snapshots fail (MISCONF)", fail_snapshots, mend_snapshots),
    Fault(
        "F09",
        "too few replicas (NOREPLICAS)",
        setting("min-replicas-to-write", "1"),
        setting("min-replicas-to-write", "0"),
    ),
    Fault("F10", "demoted to a replica (READONLY)", be_replica, be_primary),
    Fault("F11", "a function loops (BUSY)", loop, end_loop),
    Fault("F13", "the process is stopped", freeze, thaw),
    Fault("F14", "clients are paused (ALL)", pause("ALL"), _done),
    Fault("F14", "writing clients are paused (WRITE)", pause("WRITE"), _done),
    Fault("F20", "flaps, 200 ms on and 200 ms off", flap, _done),
]


def active(url: str) -> dict[int, int]:
    """How many of the answers say, by worker, that the fallback is on."""
    found: dict[int, int] = {}
    for _ in range(8):
        answer = requests.get(url + "/fallback", timeout=30)
        if answer.status_code == 200:
            found[answer.json()["pid"]] = answer.json()["active"]
    return found


def copies(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=20)) as db:
        return int(db.execute("SELECT count(*) FROM records").fetchone()[0])


def publish(figures: dict[str, object]) -> None:
    """Kept beside the other evidence of a run."""
    folder = os.environ.get("VEDFOLNIR_TEST_EVIDENCE")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with (Path(folder) / "faults.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")


@pytest.mark.ids(
    "F05", "F07", "F08", "F09", "F10", "F11", "F13", "F14", "F20", "I1", "I2", "I4", "S104"
)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.ident} {fault.what}")
def test_nothing_lost_and_nobody_let_in(fault: Fault, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    state = tmp_path / "state"
    with stack.Redis(tmp_path / "redis") as redis:
        environment = stack.demo_environment(tmp_path, redis.url, "only for tests")
        environment["PYTHONPATH"] = str(APPS.parents[1])
        web = stack.Gunicorn(
            "shop:create_app()",
            stack.free_port(),
            environment,
            tmp_path / "gunicorn.log",
            python_path=APPS,
            options=("--workers", "2", "--threads", "8", "--keep-alive", "60"),
        )
        with web, Crowd(VISITORS, seed, web.url) as crowd:
            stack.wait_until(crowd.all_logged_in, "everybody is logged in", 30)
            # What began within the last second has no copy yet, and would be unknown.
            stack.wait_until(
                lambda: copies(state / "sessions.db") >= VISITORS, "all are copied", 30
            )
            crowd.let_leave()
            fault.break_it(redis)
            before = crowd.answered()
            stack.wait_until(
                lambda: crowd.answered() >= before + ANSWERS_WHILE_ILL, "the load goes on", 120
            )
            fault.mend(redis)
            mended = time.monotonic()
            stack.wait_until(lambda: not any(active(web.url).values()), "the fallback is over", 60)
            recovery = time.monotonic() - mended
            before = crowd.answered()
            stack.wait_until(
                lambda: crowd.answered() >= before + ANSWERS_WHILE_ILL, "the load goes on", 60
            )
            for visitor in crowd.visitors:
                visitor.stopping.set()
            for visitor in crowd.visitors:
                visitor.join(60)
            behind = [
                visitor.user
                for visitor in crowd.visitors
                if visitor.user and not (visitor.read() and visitor.shown)
            ]
    with closing(sqlite3.connect(state / "sessions.db")) as db:
        audit = db.execute("SELECT type, user_id FROM audit_events ORDER BY id").fetchall()
    history, figures = crowd.history, crowd.figures
    names = {operation.session: operation.session for operation in history.operations}
    wrong = history.accepted_after_logout(0.0)
    lost = history.vanished(names, audit)
    publish(
        {
            "fault": fault.ident,
            "what": fault.what,
            "seed": seed,
            "visitors": VISITORS,
            "requests": figures.requests,
            "unknown": figures.statuses[503],
            "wrong": len(wrong),
            "lost_logins": len(lost),
            "false_logouts": len(figures.false_logouts),
            "older": figures.older,
            "slowest_ms": round(1000 * figures.slowest),
            "recovery_s": round(recovery, 1),
        }
    )
    assert wrong == []
    assert lost == []
    assert history.miscounted(names, audit) == []
    assert figures.false_logouts == []
    assert behind == [], "the last acknowledged write is not there"
    assert set(figures.statuses) <= {200, 503}, figures.statuses
