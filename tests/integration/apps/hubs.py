"""The shop with a look at the event loop it runs on: gevent's, eventlet's, or asyncio's around a thread pool."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from flask import Flask, copy_current_request_context, current_app, jsonify, session
from flask.typing import ResponseReturnValue
from shop import create_app as create_shop
from vedfolnir import _core


def create_app() -> Flask:
    app = create_shop()
    app.add_url_rule("/hub", view_func=hub)
    app.add_url_rule("/hub/descriptors", view_func=descriptors)
    app.add_url_rule("/hub/abandon/<int:waits>", view_func=abandon)
    app.add_url_rule("/hub/timeout", view_func=timed_out)
    app.add_url_rule("/hub/parallel/<int:count>", view_func=parallel)
    app.add_url_rule("/hub/loads", view_func=loads)
    heartbeat = Heartbeat()
    app.add_url_rule("/hub/heartbeat/start", "start", heartbeat.start)
    app.add_url_rule("/hub/heartbeat/stop", "stop", heartbeat.stop)
    return app


def library() -> Any:
    """The green one of the two that this worker was patched by."""
    for name, is_patched in (("gevent", "is_module_patched"), ("eventlet", "is_monkey_patched")):
        module = sys.modules.get({"gevent": "gevent.monkey", "eventlet": "eventlet.patcher"}[name])
        if module is not None and getattr(module, is_patched)("select"):
            return sys.modules[name]
    raise RuntimeError("nothing is patched")


def hub() -> str:
    return str(library().__name__)


def descriptors() -> ResponseReturnValue:
    return jsonify(len(list(Path("/proc/self/fd").iterdir())))


def abandon(waits: int) -> str:
    """Starts greenlets that wait for a session, and kills all of them in the midst of it."""
    manager, context = never_kept(current_app)
    green = library()
    ended: list[str] = []
    started: list[int] = []

    def wait() -> None:
        started.append(1)
        try:
            manager.load(context)
            ended.append("loaded")
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    tasks = [green.spawn(wait) for _ in range(waits)]
    while len(started) < waits:
        green.sleep(0)
    for task in tasks:
        task.kill()
    while len(ended) < waits:
        green.sleep(0)
    return " ".join(sorted(set(ended)))


def timed_out() -> str:
    """A timeout of the application's own goes through the wait."""
    manager, context = never_kept(current_app)
    green = library()
    try:
        with green.Timeout(0.01):
            manager.load(context)
    except green.Timeout:
        return "timeout"
    return "loaded"


def never_kept(app: Flask) -> tuple[Any, Any]:
    """A load that no near cache can answer: its id is genuine and no store knows it."""
    manager = app.extensions["vedfolnir"].manager
    cookie = f"session={manager.mint_id()}".encode()
    return manager, _core.RequestContext(cookie, "test", "127.0.0.1")


def parallel(count: int) -> str:
    """Threads, or greenlets, of this request, each of which comes to a session that nobody has loaded yet."""

    def writer(number: int) -> Callable[[], None]:
        return copy_current_request_context(lambda: session.__setitem__(f"key_{number}", "written"))

    tasks = [threading.Thread(target=writer(number)) for number in range(count)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    return "done"


def loads() -> str:
    """How many began in this process."""
    return str(current_app.extensions["vedfolnir"].manager.counters().loads)


class Heartbeat:
    """A greenlet that notes the longest time in which the hub did not get to it."""

    def __init__(self) -> None:
        self._beating = False
        self.longest = 0.0

    def start(self) -> str:
        self._beating, self.longest = True, 0.0
        library().spawn(self._beat)
        return "beating"

    def _beat(self) -> None:
        pause, before = library().sleep, time.perf_counter()
        while self._beating:
            pause(0)
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before), now

    def stop(self) -> ResponseReturnValue:
        self._beating = False
        return jsonify(self.longest)


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def asgi() -> Any:
    """/loop is answered by the event loop itself, everything else by Flask in a thread."""
    from hypercorn.middleware import AsyncioWSGIMiddleware  # noqa: PLC0415

    flask = AsyncioWSGIMiddleware(create_app())

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/loop":
            await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"loop"})
            return
        await flask(scope, receive, send)

    return serve
