"""A Unix socket before Redis' own that breaks the connection around one command, as a bad network does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

Hook = Callable[[], None]

PATIENCE_SECONDS = 10
CHUNK = 65536


class LosingProxy:
    """Passes everything on, until a request that holds the armed word comes.

    That request, or the answer to it, is lost: ``between`` runs, and the connection ends."""

    def __init__(self, path: Path, redis: Path) -> None:
        self.path = path
        self._redis = redis
        self._armed: tuple[bytes, Literal["request", "answer"], Hook] | None = None
        self._threads: list[threading.Thread] = []
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def __enter__(self) -> LosingProxy:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(16)
        self._start(self._accept)
        return self

    def __exit__(self, *details: object) -> None:
        _end(self._listener)
        for pair in self._pairs:
            _end(*pair)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        for each in (self._listener, *(side for pair in self._pairs for side in pair)):
            each.close()

    def lose(self, word: bytes, what: Literal["request", "answer"], between: Hook) -> None:
        self._armed = (word, what, between)

    @property
    def done(self) -> bool:
        return self._armed is None

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._pairs.append((client, server))
                server.connect(str(self._redis))
                lost = threading.Event()
                answered = threading.Event()
                self._start(self._requests, client, server, lost, answered)
                self._start(self._answers, client, server, lost, answered)

    def _requests(
        self,
        client: socket.socket,
        server: socket.socket,
        lost: threading.Event,
        answered: threading.Event,
    ) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                if self._armed is not None and self._armed[0] in data:
                    _, what, between = self._armed
                    self._armed = None
                    lost.set()
                    if what == "answer":
                        server.sendall(data)
                        answered.wait(PATIENCE_SECONDS)
                    between()
                    break
                server.sendall(data)
        _end(client, server)

    def _answers(
        self,
        client: socket.socket,
        server: socket.socket,
        lost: threading.Event,
        answered: threading.Event,
    ) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if lost.is_set():
                    answered.set()
                else:
                    client.sendall(data)
        _end(client, server)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
