"""Meeting points between a test and the requests it has in flight, in whatever process they are.

The test waits until a number of requests stand at a gate, then lets them through. No sleeps: a request that never
comes fails the test by its deadline.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS_MAX = 30.0
ENVIRONMENT_NAME = "TEST_GATES"


def pass_gate(name: str) -> None:
    """For the application: stands here until the test opens the gate. Without a test around, walks through."""
    path = os.environ.get(ENVIRONMENT_NAME)
    if not path:
        return
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS_MAX)
        connection.connect(path)
        connection.sendall(name.encode() + b"\n")
        if connection.recv(1) != b"!":
            raise TimeoutError(f"the gate {name} was never opened")


class Gates:
    """For the test."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="gates-")
        self.path = str(Path(self._folder) / "s")
        self._changed = threading.Condition()
        self._waiting: dict[str, list[socket.socket]] = defaultdict(list)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        for connections in self._waiting.values():
            for connection in connections:
                connection.close()
        Path(self.path).unlink()
        Path(self._folder).rmdir()

    def await_arrivals(self, name: str, number: int = 1) -> None:
        """Returns when `number` requests stand at the gate."""
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: len(self._waiting[name]) >= number, SECONDS_MAX
            )
        assert arrived, f"{len(self._waiting[name])} of {number} requests came to the gate {name}"

    def open(self, name: str) -> None:
        """Lets everybody through who stands there."""
        with self._changed:
            connections = self._waiting.pop(name, [])
        for connection in connections:
            connection.sendall(b"!")
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            name = connection.makefile("rb").readline().strip().decode()
            with self._changed:
                self._waiting[name].append(connection)
                self._changed.notify_all()
