"""Servers that run many requests on one thread: gevent and eventlet; and Flask beside an asyncio loop (S34, E5)."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import stack
from conftest import HERE, Browser, Stack

# With a database that stands in, nobody would wait for long.
ALONE = {"SESSION_FALLBACK": "false"}
LONG = {
    "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS": "20000",
    "VEDFOLNIR_REQUEST_BUDGET_MS": "20000",
    **ALONE,
}
PRELOAD = {"plain": (), "preload": ("--preload",)}
WAITS = 20
TASKS = 5


@contextmanager
def frozen(running: Stack) -> Iterator[None]:
    """Redis keeps its connections and answers nobody."""
    running.redis.send(signal.SIGSTOP)
    try:
        yield
    finally:
        running.redis.send(signal.SIGCONT)


@pytest.fixture(scope="module", params=["gevent", "eventlet"])
def worker_class(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["plain", "preload"])
def green(
    request: pytest.FixtureRequest, worker_class: str, make_stack: Callable[[], Stack]
) -> Iterator[Stack]:
    """One green worker, forked before or after the application was loaded; then sessions were used before the fork,
    when nothing was patched."""
    running = make_stack()
    running.application = "hubs:create_app()"
    preload = request.param == "preload"
    environment = {**LONG, **({"TOUCH_BEFORE_FORK": "1"} if preload else {})}
    options = ("--worker-class", worker_class, "--workers", "1", *PRELOAD[request.param])
    with running.serve(*options, **environment):
        yield running


@pytest.mark.ids("S34", "E5")
def test_sessions_work(green: Stack, worker_class: str) -> None:
    browser = green.browser()
    assert browser.get("/hub").text == worker_class
    browser.get("/login/7")
    assert browser.get("/write?key=key&value=kept").json()["user"] == "7"
    assert browser.get("/read").json()["keys"] == {"key": "kept"}
    assert browser.get("/platform/5").text == "5"
    assert browser.get("/logout/now").text == "ended"
    assert browser.get("/who").text == "nobody"


@pytest.mark.ids("S34", "E5", "S33")
def test_parallel_visitors_keep_their_sessions(green: Stack) -> None:
    browsers = [green.browser() for _ in range(16)]

    def visit(number: int) -> None:
        browser = browsers[number]
        browser.get(f"/login/{number}")
        for step in range(10):
            assert browser.get(f"/write?key=key{step}").json()["user"] == str(number)
        assert len(browser.get("/read").json()["keys"]) == 10

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(visit, range(16)))


@pytest.mark.ids("S34", "E5")
def test_a_wait_for_redis_holds_nobody_up(green: Stack) -> None:
    """One thread, many requests: while one waits for its commit, the others are answered."""
    browser, other = green.browser(), green.browser()
    browser.get("/login/7")
    with ThreadPoolExecutor(1) as pool:
        with frozen(green):
            pending = pool.submit(browser.get, "/write?key=key_late&value=late")
            assert [other.get("/plain").text for _ in range(200)] == ["plain"] * 200
            assert not pending.done()
        assert pending.result().json()["user"] == "7"
    assert browser.get("/read").json()["keys"]["key_late"] == "late"


@pytest.mark.ids("S34", "E5")
def test_killed_greenlets_leak_nothing(green: Stack) -> None:
    browser = green.browser()

    def abandoned() -> int:
        with frozen(green):
            assert browser.get(f"/hub/abandon/{WAITS}").text == "GreenletExit"
        browser.get("/login/7")  # Redis answers again, and with this one what came before it.
        return int(browser.get("/hub/descriptors").text)

    before = abandoned()
    after = [abandoned() for _ in range(5)][-1]
    # One for each would be a hundred. A connection to SQL may have been opened meanwhile.
    assert after < before + WAITS
    assert browser.get("/write?key=key&value=after").json()["user"] == "7"


@pytest.mark.ids("S34", "E5")
def test_a_timeout_of_the_application_ends_the_wait(green: Stack) -> None:
    browser = green.browser()
    with frozen(green):
        assert browser.get("/hub/timeout").text == "timeout"
    assert browser.get("/hub/timeout").text == "loaded"


@pytest.mark.ids("S34", "E5")
def test_a_store_that_never_answers_is_a_503(
    worker_class: str, make_stack: Callable[[], Stack]
) -> None:
    running = make_stack()
    running.application = "hubs:create_app()"
    with running.serve("--worker-class", worker_class, "--workers", "1", **ALONE):
        browser = running.browser()
        browser.get("/login/7")
        with frozen(running):
            answer = browser.get("/write?key=key")
        assert answer.status == 503
        assert "Retry-After" in answer.headers
        stack.wait_until(lambda: browser.get("/write?key=key").status == 200, "Redis is back")
        assert browser.get("/who").text == "7"


@pytest.mark.ids("S34", "E5")
@pytest.mark.parametrize("touched", ["", "1"])
def test_preloaded_green_workers_share_no_descriptor(
    touched: str, worker_class: str, make_stack: Callable[[], Stack]
) -> None:
    """Sockets, and the eventfds of waits: one shared with another process would wake the wrong greenlet."""
    running = make_stack()
    running.application = "hubs:create_app()"
    options = ("--worker-class", worker_class, "--workers", "3", "--preload")
    with running.serve(*options, TOUCH_BEFORE_FORK=touched) as web:
        owner = running.browser()
        owner.get("/login/7")
        workers = set(web.workers())
        seen: set[int] = set()

        with ThreadPoolExecutor(12) as pool:

            def all_seen() -> bool:
                # At once: the kernel gives one request after the other to the same idle worker.
                tabs = [owner.tab() for _ in range(12)]
                for answer in pool.map(lambda tab: tab.get("/write?key=key").json(), tabs):
                    assert answer["user"] == "7"
                    seen.add(answer["pid"])
                return seen == workers

            stack.wait_until(all_seen, "every worker answers")
            visitors = [running.browser() for _ in range(12)]
            answers = list(pool.map(lambda each: each.get("/write?key=key"), visitors * 5))
        assert {answer.status for answer in answers} == {200}
        parent = inodes(web.pid)
        own = [inodes(pid) - parent for pid in workers]
        assert all(own)
        assert not any(a & b for i, a in enumerate(own) for b in own[i + 1 :])


@pytest.mark.ids("S22", "S34", "E5")
@pytest.mark.parametrize("kind", ["gevent", "eventlet", "gthread"])
def test_tasks_of_one_request_lose_no_write(kind: str, make_stack: Callable[[], Stack]) -> None:
    """All of them load the same session at once, which no near cache answers, and each writes a key."""
    running = make_stack()
    running.application = "hubs:create_app()"
    options = (
        "--worker-class",
        kind,
        "--workers",
        "1",
        *(("--threads", "4") * (kind == "gthread")),
    )
    with running.serve(*options, VEDFOLNIR_NEAR_CACHE="false", **LONG):
        browser, other = running.browser(), running.browser()
        browser.get("/login/7")
        before = int(other.get("/hub/loads").text)
        with ThreadPoolExecutor(1) as pool:
            with frozen(running):
                pending = pool.submit(browser.get, f"/hub/parallel/{TASKS}")
                stack.wait_until(
                    lambda: int(other.get("/hub/loads").text) == before + TASKS, "all tasks load"
                )
                assert not pending.done()
            assert pending.result().text == "done"
        written = browser.get("/read").json()["keys"]
        assert written == {f"key_{number}": "written" for number in range(TASKS)}


def inodes(pid: int) -> set[str]:
    """Sockets and eventfds of a process, by what names them in the whole system."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
            if target.startswith("socket:"):
                found.add(target)
            elif target == "anon_inode:[eventfd]":
                info = (link.parent.parent / "fdinfo" / link.name).read_text()
                found.update(line for line in info.splitlines() if line.startswith("eventfd-id"))
        except FileNotFoundError:
            continue
    return found


class Hypercorn(stack.Gunicorn):
    """An ASGI server: its event loop in the main thread, WSGI applications in a pool of threads."""

    name = "hypercorn"

    def __init__(self, running: Stack) -> None:
        environment = {**running.environment, **LONG}
        paths = [str(HERE / "apps"), environment["PYTHONPATH"]]
        environment["PYTHONPATH"] = ":".join(paths)
        port = stack.free_port()
        super().__init__("hubs:asgi()", port, environment, running.folder / "hypercorn.log")
        serve = ["-m", "hypercorn", "--bind", f"127.0.0.1:{port}", "hubs:asgi()"]
        self._command = [sys.executable, *serve]


@pytest.mark.ids("S34", "E5")
def test_a_wait_under_asyncio_leaves_the_loop_alone(make_stack: Callable[[], Stack]) -> None:
    running = make_stack()
    with Hypercorn(running) as web:
        browser, other = Browser(web.url), Browser(web.url)
        browser.get("/login/7")
        with ThreadPoolExecutor(1) as pool:
            with frozen(running):
                pending = pool.submit(browser.get, "/write?key=key")
                assert [other.get("/loop").text for _ in range(20)] == ["loop"] * 20
                assert [other.get("/plain").text for _ in range(20)] == ["plain"] * 20
                assert not pending.done()
            assert pending.result().json()["user"] == "7"
        assert browser.get("/who").text == "7"
