"""Means to drive the running demo: an HTTP client that fills in forms, the command, the browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import stack
from flask_platforms.store import DEMO_ACCOUNTS, DemoAccount
from playwright.sync_api import Browser, Playwright

COOKIE = "session"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
CURRENT_HANDLE = re.compile(r'class="handle">([0-9a-f]{32})<')


@dataclass
class Target:
    """What is driven: the demo's address, its Redis, and the environment its processes run in."""

    url: str
    redis: stack.Redis
    environment: dict[str, str]
    log: Path

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Reads the sessions' SQL file."""
        path = Path(self.environment["VEDFOLNIR_STATE_DIR"]) / "sessions.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()

    def cli(self, *arguments: str) -> Any:
        """Runs the built command in the demo's environment; its JSON."""
        command = [str(stack.CLI), *arguments, "--json"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"{' '.join(command[1:])}: {done.stderr or done.stdout}"
        return json.loads(done.stdout)

    def live_sessions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.cli("sessions", "list")["sessions"]
        return rows

    def audit_events(self, *filters: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.cli("audit", "list", *filters)["events"]
        return rows

    def record_exists(self, cookie: str) -> bool:
        """In Redis."""
        shard, digest = store_key(cookie)
        with self.redis.client() as redis:
            return bool(redis.exists(f"vedfolnir:session:{{{shard}}}:{digest}"))

    def record_keys(self) -> set[bytes]:
        """Redis keys of records and of what rotations leave; not the indexes beside them."""
        with self.redis.client() as redis:
            return {key for key in redis.scan_iter() if re.search(rb"\}:[\w-]{22}$", key)}


def store_key(cookie: str) -> tuple[str, str]:
    """Shard and digest under which a cookie's session stands (docs/internals/session_id.md)."""
    raw = base64.urlsafe_b64decode(cookie + "=")
    digest = hashlib.sha256(b"vedfolnir store key v1" + raw[2:34]).digest()[:16]
    return f"{raw[1]:02x}", base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def token(page: requests.Response) -> str:
    """The CSRF token of a page's first form."""
    match = TOKEN.search(page.text)
    assert match, f"no form with a token on {page.url}: {page.status_code}"
    return match[1]


class Client:
    """The demo as an HTTP client sees it: one cookie jar, forms filled in with their token.

    A connection belongs to one worker. Without `keep_alive` each request may meet another one.
    """

    def __init__(
        self, url: str, user_agent: str = "demo-check/1.0", *, keep_alive: bool = True
    ) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.headers["User-Agent"] = user_agent
        if not keep_alive:
            self._http.headers["Connection"] = "close"

    @property
    def cookie(self) -> str | None:
        value: str | None = self._http.cookies.get(COOKIE)
        return value

    def take_cookie(self, value: str) -> None:
        self._http.cookies.set(COOKIE, value)

    def forget_cookie(self) -> None:
        self._http.cookies.set(COOKIE, None)

    def get(self, path: str) -> requests.Response:
        return self._http.get(self._url + path, timeout=10, allow_redirects=False)

    def send(self, path: str, **fields: str) -> requests.Response:
        """Posts exactly these fields."""
        return self._http.post(self._url + path, fields, timeout=10, allow_redirects=False)

    def post(self, form: str, path: str, **fields: str) -> requests.Response:
        """Sends a form of the page `form` to `path`, with the token that stands on that page."""
        return self.send(path, csrf_token=token(self.get(form)), **fields)

    def sign_in(self, account: DemoAccount = DEMO_ACCOUNTS[0], **fields: str) -> None:
        form = {"name": account.name, "password": account.password, **fields}
        answer = self.post("/sign-in", "/sign-in", **form)
        assert answer.status_code == 302, f"sign-in answered {answer.status_code}"

    @property
    def signed_in(self) -> bool:
        answer = self.get("/desk")
        assert answer.status_code in {200, 302}, f"the desk answered {answer.status_code}"
        return answer.status_code == 200

    @property
    def handle(self) -> str:
        """The handle of this client's session, as the desk shows it."""
        match = CURRENT_HANDLE.search(self.get("/desk").text)
        assert match, "the desk shows no handle"
        return match[1]


@contextmanager
def chromium(playwright: Playwright, *more_flags: str) -> Iterator[Browser]:
    """The system's Chromium; nothing is downloaded."""
    browser = playwright.chromium.launch(
        executable_path=stack.program("chromium"), args=[*CHROMIUM_FLAGS, *more_flags]
    )
    try:
        yield browser
    finally:
        browser.close()
