"""Several workers: shared state, restarts, forks after import (S32, S34, V13, V27)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import stack
from conftest import Browser, Stack


@pytest.mark.ids("S32", "V27", "S2")
def test_two_instances_share_sessions(make_stack: Callable[[], Stack]) -> None:
    first = make_stack()
    second = Stack(first.folder, first.redis, first.environment)
    with first.serve(), second.serve():
        browser = first.browser()
        browser.get("/login/7")
        other = Browser(second.url).with_session(browser.session_id)
        assert other.get("/who").text == "7"
        assert other.get("/platform/5").text == "5"
        assert browser.get("/devices").json()["all"][0][2] == "5"
        browser.get("/logout/now")
        assert other.get("/who").text == "nobody"


@pytest.mark.ids("S34", "S32")
def test_a_restart_under_load_logs_out_nobody(make_stack: Callable[[], Stack]) -> None:
    running = make_stack()
    with running.serve() as web:
        users = []
        for number in range(8):
            browser = running.browser()
            browser.get(f"/login/{number}")
            users.append(browser)
        wrong: list[str] = []
        asked = threading.Semaphore(0)
        finished = threading.Event()

        def browse(number: int) -> None:
            while not finished.is_set():
                try:
                    answer = users[number].get(f"/write?key=key{number}")
                except requests.RequestException:
                    continue  # A worker went away with the connection: the browser asks again.
                asked.release()
                if answer.status != 200 or answer.json()["user"] != str(number):
                    wrong.append(f"{number}: {answer.status} {answer.text}")

        threads = [threading.Thread(target=browse, args=(n,)) for n in range(len(users))]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = set(web.workers())
            web.send(signal.SIGHUP)
            stack.wait_until(
                lambda before=before: len(set(web.workers()) - before) == 2  # type: ignore[misc]
                and not before & set(web.workers()),
                "new workers are there",
            )
            for _ in range(40):
                assert asked.acquire(timeout=30)
        finished.set()
        for thread in threads:
            thread.join(30)
        assert wrong == []
        assert [user.get("/who").text for user in users] == [str(n) for n in range(len(users))]


def sockets_of(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def visit_every_worker(running: Stack) -> set[int]:
    """Session reads until each worker answered one."""
    owner = running.browser()
    owner.get("/login/7")
    workers = set(running.web.workers())
    seen: set[int] = set()

    def all_seen() -> bool:
        answer = (
            owner.tab().get("/read").json()
        )  # A connection of its own, so that any worker may take it.
        assert answer["user"] == "7"
        seen.add(answer["pid"])
        return seen == workers

    stack.wait_until(all_seen, "every worker answers")
    return workers


PRELOAD = ("--workers", "3", "--threads", "4", "--preload")


@pytest.mark.ids("S34", "E5")
def test_preloaded_workers_share_no_socket(make_stack: Callable[[], Stack]) -> None:
    running = make_stack()
    with running.serve(*PRELOAD) as web:
        workers = visit_every_worker(running)
        parent = sockets_of(web.pid)
        own = [sockets_of(pid) - parent for pid in workers]
        assert all(own), "every worker has a connection to Redis"
        shared = [a & b for i, a in enumerate(own) for b in own[i + 1 :]]
        assert not any(shared)


@pytest.mark.ids("S34", "E5", "V13", "C01")
def test_a_runtime_used_before_the_fork_is_replaced(make_stack: Callable[[], Stack]) -> None:
    running = make_stack()
    with running.serve(*PRELOAD, TOUCH_BEFORE_FORK="1") as web:
        parent = sockets_of(web.pid)
        workers = visit_every_worker(running)
        own = [sockets_of(pid) - parent for pid in workers]
        assert all(own)
        assert not any(a & b for i, a in enumerate(own) for b in own[i + 1 :])
        ids = set()
        for number in range(60):
            visitor = running.browser()
            visitor.get(f"/write?key=key{number}")
            ids.add(visitor.session_id)
        assert len(ids) == 60


@pytest.mark.ids("S34", "E5")
def test_a_wait_for_redis_holds_nobody_up(make_stack: Callable[[], Stack]) -> None:
    """The GIL is released: other threads of the one worker answer while a load waits."""
    running = make_stack()
    long = {
        "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS": "5000",
        "VEDFOLNIR_REQUEST_BUDGET_MS": "5000",
        # What the worker holds of the session needs no Redis for some seconds.
        "VEDFOLNIR_NEAR_CACHE": "false",
    }
    with running.serve("--workers", "1", "--threads", "4", **long):
        browser = running.browser()
        browser.get("/login/7")
        running.redis.send(signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(1) as pool:
                pending = pool.submit(browser.get, "/read")
                other = running.browser()
                assert [other.get("/plain").text for _ in range(20)] == ["plain"] * 20
                assert not pending.done()
                running.redis.send(signal.SIGCONT)
                assert pending.result().json()["user"] == "7"
        finally:
            running.redis.send(signal.SIGCONT)
