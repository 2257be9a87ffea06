"""Logins from a remember-me cookie: parallel requests with nothing but that cookie share one session.

A browser that comes back sends several requests at once, none with a session cookie. Each would log in by itself and
leave a session behind. Within one process the first one logs in, the others go on in its session. Across processes
they cannot see each other: n workers make at most n sessions.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import dataclass, field

from ._session import Session

SHARED_SECONDS = 10.0
WAIT_SECONDS = 3.0
ENTRIES_MAX = 10_000


@dataclass
class _Login:
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: float = field(default_factory=time.monotonic)
    #: The Set-Cookie value of the session that was made; kept in this process's memory only.
    set_cookie: str | None = None


class RememberedLogins:
    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._logins: dict[bytes, _Login] = {}

    def share(self, session: Session, user_id: str, token: str) -> None:
        """Logs ``session`` in now, or moves it into the session that the same token made moments ago."""
        if session.core.found:
            return  # A session of its own (a cart, say): it logs in with its own response.
        login = self._login(hashlib.sha256(f"{user_id}\0{token}".encode()).digest())
        if not login.lock.acquire(timeout=WAIT_SECONDS):
            return  # Somebody else's login hangs; better two sessions than none.
        try:
            if login.set_cookie is not None and session.adopt(login.set_cookie.partition(";")[0]):
                session.send_cookie(login.set_cookie)
                return
            result = session.commit_now()
            if result.action == "logged_in":
                login.made, login.set_cookie = time.monotonic(), result.set_cookie
        finally:
            login.lock.release()

    def _login(self, key: bytes) -> _Login:
        if self._pid != os.getpid():
            self._reset()  # The parent's locks may have been held at the fork.
        with self._lock:
            self._forget()
            return self._logins.setdefault(key, _Login())

    def _forget(self) -> None:
        now = time.monotonic()
        while self._logins:
            oldest = next(iter(self._logins))
            login = self._logins[oldest]
            if now - login.made < SHARED_SECONDS and len(self._logins) <= ENTRIES_MAX:
                break
            del self._logins[oldest]
