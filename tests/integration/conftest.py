"""Real servers for the integration tests: a Redis of their own, applications under gunicorn, a strict client."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import stack
from support import evidence
from support.gates import ENVIRONMENT_NAME, Gates

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
APPLICATION = "shop:create_app()"
SECRET_KEY = "only for tests: signs remember cookies and forms"
MARKERS = ("marker-of-a-payload-9f31",)


@dataclass
class Answer:
    status: int
    text: str
    headers: Any
    set_cookies: list[str]

    def json(self) -> Any:
        return json.loads(self.text)


class Browser:
    """A client with one cookie jar that notes every id it is handed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self._http = requests.Session()
        self._http.trust_env = False

    def get(self, path: str, **headers: str) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if cookie:
            headers.setdefault("Cookie", cookie)
        # A jar of the library's own would send what it remembers besides ours.
        self._http.cookies.clear()
        answer = self._http.get(self.url + path, headers=headers, timeout=30, allow_redirects=False)
        set_cookies = answer.raw.headers.getlist("Set-Cookie")
        for header in set_cookies:
            self._keep(header)
        return Answer(answer.status_code, answer.text, answer.headers, set_cookies)

    def _keep(self, header: str) -> None:
        name, _, value = header.partition(";")[0].partition("=")
        if not value or re.search(r"Max-Age=0\b", header):
            self.cookies.pop(name, None)
            return
        self.cookies[name] = value
        if name == "session":
            evidence.issued(value)

    @property
    def session_id(self) -> str | None:
        return self.cookies.get("session")

    def with_session(self, session_id: str | None) -> Browser:
        """Another client that holds the same session cookie, and nothing else."""
        other = Browser(self.url)
        if session_id:
            other.cookies["session"] = session_id
        return other

    def tab(self) -> Browser:
        return self.with_session(self.session_id)


@dataclass
class Stack:
    """Redis, gunicorn and SQLite of some tests."""

    folder: Path
    redis: stack.Redis
    environment: dict[str, str]
    application: str = APPLICATION
    web: stack.Gunicorn = field(init=False)

    @property
    def url(self) -> str:
        return self.web.url

    def browser(self) -> Browser:
        return Browser(self.url)

    def serve(self, *options: str, **environment: str) -> stack.Gunicorn:
        self.web = stack.Gunicorn(
            self.application,
            stack.free_port(),
            {**self.environment, **environment},
            self.folder / "gunicorn.log",
            python_path=HERE / "apps",
            options=options or ("--workers", "2", "--threads", "8"),
        )
        return self.web

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        path = self.folder / "state" / "sessions.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def all_keys(self) -> list[bytes]:
        with self.redis.client() as client:
            return sorted(client.scan_iter(count=1000))

    def records(self) -> list[bytes]:
        """Keys of session records: prefix, {shard}, 22 characters."""
        return [key for key in self.all_keys() if re.search(rb"\{[0-9a-f]{2}\}:[\w-]{22}$", key)]

    def keep_evidence(self) -> None:
        if not self.redis.running:
            self.redis.start()
        with self.redis.client() as client:
            client.save()
        self.redis.stop()
        for marker in MARKERS:
            evidence.plaintext(marker)
        dumps = [*self.folder.rglob("*.rdb"), *self.folder.rglob("*.aof")]
        evidence.keep(*dumps, *self.folder.glob("*.log"), *self.folder.glob("redis/*.log"))
        evidence.keep(*self.folder.glob("state/*.db*"))


def environment_of(folder: Path, redis_url: str, gates: Gates) -> dict[str, str]:
    environment = stack.demo_environment(folder, redis_url, SECRET_KEY)
    environment[ENVIRONMENT_NAME] = gates.path
    # Tests count keys, commands and rows; background work has tests of its own.
    environment["VEDFOLNIR_JOBS"] = "false"
    paths = [str(ROOT / "python" / "src"), str(ROOT / "tests")]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


@pytest.fixture(scope="module")
def gates() -> Iterator[Gates]:
    with Gates() as opened:
        yield opened


@pytest.fixture(scope="module")
def make_stack(
    tmp_path_factory: pytest.TempPathFactory, gates: Gates
) -> Iterator[Callable[[], Stack]]:
    made: list[Stack] = []

    def make() -> Stack:
        folder = tmp_path_factory.mktemp("stack")
        redis = stack.Redis(folder / "redis")
        redis.start()
        made.append(Stack(folder, redis, environment_of(folder, redis.url, gates)))
        return made[-1]

    yield make
    for each in made:
        each.keep_evidence()


@pytest.fixture(scope="module")
def shop(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    """The application under two workers with threads."""
    running = make_stack()
    with running.serve():
        yield running
