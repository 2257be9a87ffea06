"""SQL locked under a busy application with two workers: nobody is turned away, nothing is lost, nothing
stands twice (F17)."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import stack
from history import History
from support.gates import ENVIRONMENT_NAME, Gates

APPS = Path(__file__).resolve().parents[1] / "integration" / "apps"
USERS = 40
# An ending in the journal is seen by the other worker within this (src/manager/watch.cpp), and a slow machine.
BOUND = 0.25 + 2.0


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process's transaction that does not end."""
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def audit_of(environment: dict[str, str]) -> list[dict[str, Any]]:
    command = [str(stack.CLI), "audit", "list", "--limit", "1000", "--json"]
    plain = {name: value for name, value in environment.items() if name != ENVIRONMENT_NAME}
    done = subprocess.run(
        command, env=plain, capture_output=True, text=True, timeout=60, check=True
    )
    events: list[dict[str, Any]] = json.loads(done.stdout)["events"]
    return events


class Client:
    def __init__(self, url: str, user: str) -> None:
        self.url = url
        self.user = user
        self.cookie = ""

    def get(self, path: str) -> requests.Response:
        headers = {"Cookie": f"session={self.cookie}"} if self.cookie else {}
        answer = requests.get(self.url + path, headers=headers, timeout=30)
        match = re.match(r"session=([^;]+)", answer.headers.get("Set-Cookie", ""))
        if match:
            self.cookie = match[1]
        return answer

    def log_in(self, history: History) -> None:
        start = time.monotonic()
        answer = self.get(f"/login/{self.user}")
        assert answer.status_code == 200, answer.text
        history.note("login", self.user, start)

    def read(self, history: History, cookie: str) -> None:
        start = time.monotonic()
        answer = requests.get(
            self.url + "/read", headers={"Cookie": f"session={cookie}"}, timeout=30
        )
        if answer.status_code == 200:
            found = answer.json()
            node = str(found["pid"])
            history.note("read", self.user, start, seen=found["user"] == self.user, node=node)

    def live(self, history: History, leaves: bool) -> None:
        self.log_in(history)
        cookie = self.cookie
        self.read(history, cookie)
        if not leaves:
            return
        start = time.monotonic()
        answer = self.get("/logout/now")
        assert (answer.status_code, answer.text) == (200, "pending")
        node = answer.headers["X-Worker"]
        history.note("logout", self.user, start, node=node, pending=True)
        for _ in range(4):
            self.read(history, cookie)


@pytest.mark.ids("F17", "S16", "R3", "R9", "R14", "I1", "I2", "I4", "S37")
def test_sql_locked_under_load(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    history = History()
    state = tmp_path / "state"
    with stack.Redis(tmp_path / "redis") as redis, Gates() as gates:
        environment = stack.demo_environment(tmp_path, redis.url, "only for tests")
        environment[ENVIRONMENT_NAME] = gates.path
        environment["PYTHONPATH"] = str(APPS.parents[1])
        web = stack.Gunicorn(
            "shop:create_app()",
            stack.free_port(),
            environment,
            tmp_path / "gunicorn.log",
            python_path=APPS,
            options=("--workers", "2", "--threads", "8"),
        )
        with web:
            first = Client(web.url, "first")
            first.log_in(history)
            clients = [Client(web.url, f"user{number}") for number in range(USERS)]
            leaving = [chance.random() < 0.5 for _ in clients]
            with locked(state / "sessions.db"), ThreadPoolExecutor(8) as pool:
                list(
                    pool.map(
                        lambda pair: pair[0].live(history, pair[1]),
                        zip(clients, leaving, strict=False),
                    )
                )
                assert first.get("/read").json()["user"] == "first"
            waiting = state / "journal" / "waiting.journal"
            stack.wait_until(lambda: not waiting.exists(), "the journal is replayed", 60)
            for client, left in zip(clients, leaving, strict=False):
                assert (client.get("/read").json()["user"] == client.user) is not left
            audit = audit_of(environment)
    names = {user: user for user in ["first", *(client.user for client in clients)]}
    events = [(event["type"], event["user_id"] or "") for event in audit]
    assert history.accepted_after_logout(BOUND) == []
    assert history.vanished(names, events) == []
    assert history.miscounted(names, events) == []
    assert [kind for kind, _ in events].count("sql.unavailable") == 1
    (replayed,) = [event["detail"] for event in audit if event["type"] == "journal.replayed"]
    assert int(replayed["entries"]) > 0
