"""What clients were told and what the audit says afterwards: invariants I1, I2 and I4 of a fault run.

Times are of the monotonic clock, in seconds. Several clients may note their operations at once.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operation:
    """`login` and `logout` were acknowledged; `read` saw the session (`seen`), or saw that there is none.

    `pending`: a logout that was acknowledged as not yet known everywhere.
    """

    kind: str
    session: str
    start: float
    finish: float
    seen: bool = False
    node: str = ""
    pending: bool = False


@dataclass
class History:
    operations: list[Operation] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(
        self,
        kind: str,
        session: str,
        start: float,
        *,
        seen: bool = False,
        node: str = "",
        pending: bool = False,
    ) -> None:
        finish = time.monotonic()
        with self._lock:
            self.operations.append(Operation(kind, session, start, finish, seen, node, pending))

    def of(self, kind: str) -> list[Operation]:
        return [operation for operation in self.operations if operation.kind == kind]

    def accepted_after_logout(self, bound: float) -> list[str]:
        """I1: reads that saw a session after its logout was acknowledged.

        Plain success holds at once everywhere; what is pending, on other nodes of the host after `bound` seconds.
        """
        found = []
        ended: dict[str, Operation] = {}
        for logout in self.of("logout"):
            first = ended.setdefault(logout.session, logout)
            if logout.finish < first.finish:
                ended[logout.session] = logout
        for read in self.of("read"):
            logout = ended.get(read.session)
            if logout is None or not read.seen:
                continue
            late = logout.pending and read.node != logout.node
            if read.start >= logout.finish + (bound if late else 0):
                found.append(
                    f"{read.session} seen {read.start - logout.finish:.3f} s after its logout"
                    f" ({'pending' if logout.pending else 'ended'})"
                )
        return found

    def vanished(self, handles: dict[str, str], audit: list[tuple[str, str]]) -> list[str]:
        """I2: acknowledged logins of which the audit knows nothing. `handles`: of each session."""
        created = {handle for kind, handle in audit if kind == "session.created"}
        return [
            login.session for login in self.of("login") if handles.get(login.session) not in created
        ]

    def miscounted(self, handles: dict[str, str], audit: list[tuple[str, str]]) -> list[str]:
        """I4: acknowledged logins and logouts that do not stand in the audit exactly once."""
        counted = Counter(audit)
        types = {"login": "session.created", "logout": "session.ended"}
        found = []
        for kind, event in types.items():
            for session in {operation.session for operation in self.of(kind)}:
                count = counted[(event, handles.get(session, ""))]
                if count != 1:
                    found.append(f"{event} of {session}: {count} times")
        return found
