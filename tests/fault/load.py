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
LOOKED_BACK_MAX = 100
# Stands in every value that is written: must not be found at rest.
MARKER = "marker-of-a-payload-9f31"


@dataclass
class Figures:
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    false_logouts: list[str] = field(default_factory=list)
    older: int = 0  # answers with a value older than one that was acknowledged before
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def errors(self) -> int:
        """Answers that are neither an answer nor "cannot be found out"."""
        return self.requests - self.statuses[200] - self.statuses[503]

    def percentile(self, part: float) -> float:
        with self.lock:
            ordered = sorted(self.seconds)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]

    def note(self, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[status] += 1
            self.seconds.append(seconds)

    def note_false_logout(self, what: str) -> None:
        with self.lock:
            self.false_logouts.append(what)


class Visitor(threading.Thread):
    """Logs in, reads, writes, logs out and begins again under another name, until told to stop.

    Uses one connection; what it left is looked at over new ones as well, which other workers may answer."""

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
        self.leaving = False  # tried to, without an answer
        self.cookie = ""
        self.cookies: set[str] = set()
        self.left: list[tuple[str, str]] = []  # user and cookie of each session that was logged out
        self.known_at = 0.0  # when the last answer that was one came; monotonic
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
        if self.leaving:
            self._log_out()
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
        if answer.status_code == 200:
            self.known_at = time.monotonic()
        match = re.match(r"session=([^;]+)", answer.headers.get("Set-Cookie", ""))
        if match:
            self.cookies.add(match[1])
            if cookie == self.cookie:
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
        elif int(found["keys"].get("key_count", "0").split()[0]) < self.written:
            self.figures.older += 1
            self.shown = False
        else:
            self.shown = True
        return True

    def _write(self) -> None:
        value = self.written + 1
        answer = self._get(f"/write?key=key_count&value={value} {MARKER}", self.cookie)
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
            self.leaving = True  # it may have happened or not: tried again at once
            return
        # "absent": an attempt before it, which had no answer, ended it; perhaps it is pending.
        if answer.text in ("ended", "pending") or self.leaving:
            self.history.note(
                "logout",
                user,
                start,
                node=answer.headers["X-Worker"],
                pending=answer.text != "ended",
            )
            self.left.append((user, cookie))
        else:
            self.figures.note_false_logout(f"{self.user} had nothing to end")
        self.user = self.cookie = ""
        self.leaving = False
        for fresh in (False, True, True):
            self.look_back(user, cookie, fresh=fresh)

    def look_back(self, user: str, cookie: str, *, fresh: bool) -> None:
        """Whether a session that was left lets anybody in; `fresh`: over a new connection."""
        if fresh:
            self._session.close()
        start = time.monotonic()
        answer = self._get("/read", cookie)
        if answer.status_code == 200:
            found = answer.json()
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
        self.stop()

    def all_logged_in(self) -> bool:
        self._raise()
        return all(visitor.user for visitor in self.visitors)

    def all_answered_since(self, moment: float) -> bool:
        """Whether nobody only hears that it cannot be found out."""
        self._raise()
        return all(visitor.known_at > moment for visitor in self.visitors)

    def let_leave(self) -> None:
        for visitor in self.visitors:
            visitor.may_leave.set()

    def stop(self) -> None:
        for visitor in self.visitors:
            visitor.stopping.set()
        for visitor in self.visitors:
            visitor.join(2 * PATIENCE)
            if visitor.is_alive():
                raise TimeoutError(f"{visitor.name} hangs")
        self._raise()

    def look_around(self) -> list[str]:
        """After `stop`: whose last acknowledged write is not there. And everybody looks at what was left last."""
        behind = []
        for visitor in self.visitors:
            if visitor.user and not (visitor.read() and visitor.shown):
                behind.append(visitor.user)
            for user, cookie in visitor.left[-LOOKED_BACK_MAX:]:
                visitor.look_back(user, cookie, fresh=False)
        return behind

    def cookies(self) -> set[str]:
        return {cookie for visitor in self.visitors for cookie in visitor.cookies}

    def answered(self) -> int:
        self._raise()
        return self.figures.requests

    def _raise(self) -> None:
        for visitor in self.visitors:
            if visitor.error is not None:
                raise visitor.error
