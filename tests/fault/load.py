"""Clients that come and go while something is broken, and what they were told: the load of the fault runs."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import requests
from history import History

PATIENCE = 30.0


@dataclass
class Figures:
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    false_logouts: list[str] = field(default_factory=list)
    older: int = 0  # answers with a value older than one that was acknowledged before
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    def note(self, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[status] += 1
            self.slowest = max(self.slowest, seconds)

    def note_false_logout(self, what: str) -> None:
        with self.lock:
            self.false_logouts.append(what)


class Visitor(threading.Thread):
    """Logs in, reads, writes, logs out and begins again under another name, until told to stop. Uses one connection."""

    def __init__(
        self, number: int, seed: int, url: str, history: History, figures: Figures
    ) -> None:
        super().__init__(name=f"visitor {number}", daemon=True)
        self.number = number
        self.chance = random.Random(f"{seed} {number}")
        self.url = url
        self.history = history
        self.figures = figures
        self.logins = 0
        self.user = ""
        self.cookie = ""
        self.written = 0
        self.shown = True  # the last answer showed what was written last
        self.error: BaseException | None = None
        self.may_leave = threading.Event()
        self.stopping = threading.Event()
        self.begun = threading.Event()
        self._session = requests.Session()

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self._step()
                self.begun.set()
        except BaseException as error:  # is raised by whoever waits for the visitors
            self.error = error

    def _step(self) -> None:
        if not self.user:
            self._log_in()
            return
        what = self.chance.random()
        if what < 0.7:
            self.read()
        elif what < 0.9:
            self._write()
        elif self.may_leave.is_set():
            self._log_out()

    def _get(self, path: str, cookie: str) -> requests.Response:
        start = time.monotonic()
        # As it is: the jar of the session would keep what another user was given.
        headers = {"Cookie": f"session={cookie}"} if cookie else {}
        self._session.cookies.clear()
        answer = self._session.get(self.url + path, headers=headers, timeout=PATIENCE)
        self.figures.note(answer.status_code, time.monotonic() - start)
        match = re.match(r"session=([^;]+)", answer.headers.get("Set-Cookie", ""))
        if match and cookie == self.cookie:
            self.cookie = match[1]
        return answer

    def _log_in(self) -> None:
        self.logins += 1
        self.cookie = ""
        # A name for each attempt: one whose outcome is unknown must not be counted as this one.
        user = f"visitor-{self.number}-{self.logins}"
        start = time.monotonic()
        if self._get(f"/login/{user}", "").status_code == 200:
            self.history.note("login", user, start)
            self.user, self.written = user, 0

    def read(self) -> bool:
        """False: the answer was that it cannot be found out."""
        answer = self._get("/read", self.cookie)
        if answer.status_code != 200:
            return False
        found = answer.json()
        if found["user"] != self.user:
            self.figures.note_false_logout(f"{self.user} was {found['user']}")
            self.user = ""
        elif int(found["keys"].get("key_count", 0)) < self.written:
            self.figures.older += 1
            self.shown = False
        else:
            self.shown = True
        return True

    def _write(self) -> None:
        value = self.written + 1
        answer = self._get(f"/write?key=key_count&value={value}", self.cookie)
        if answer.status_code != 200:
            return
        if answer.json()["user"] == self.user:
            self.written = value
        else:
            self.figures.note_false_logout(f"{self.user} was {answer.json()['user']}")
            self.user = ""

    def _log_out(self) -> None:
        user, cookie = self.user, self.cookie
        start = time.monotonic()
        answer = self._get("/logout/now", cookie)
        if answer.status_code != 200:
            return  # tried again some time
        if answer.text in ("ended", "pending"):
            self.history.note("logout", user, start)
        self.user = self.cookie = ""
        for _ in range(3):
            start = time.monotonic()
            late = self._get("/read", cookie)
            if late.status_code == 200:
                found = late.json()
                seen = found["user"] == user
                self.history.note("read", user, start, seen=seen, node=str(found["pid"]))


class Crowd:
    """Several visitors. Ends them when it is left, and raises what stopped one of them."""

    def __init__(self, count: int, seed: int, url: str) -> None:
        self.history = History()
        self.figures = Figures()
        self.visitors = [
            Visitor(number, seed, url, self.history, self.figures) for number in range(count)
        ]

    def __enter__(self) -> Crowd:
        for visitor in self.visitors:
            visitor.start()
        return self

    def __exit__(self, *_: object) -> None:
        for visitor in self.visitors:
            visitor.stopping.set()
        for visitor in self.visitors:
            visitor.join(2 * PATIENCE)
        for visitor in self.visitors:
            if visitor.error is not None:
                raise visitor.error
            if visitor.is_alive():
                raise TimeoutError(f"{visitor.name} hangs")

    def all_logged_in(self) -> bool:
        self._raise()
        return all(visitor.user for visitor in self.visitors)

    def let_leave(self) -> None:
        for visitor in self.visitors:
            visitor.may_leave.set()

    def answered(self) -> int:
        self._raise()
        return self.figures.requests

    def _raise(self) -> None:
        for visitor in self.visitors:
            if visitor.error is not None:
                raise visitor.error
