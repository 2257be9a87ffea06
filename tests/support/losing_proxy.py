"""A Unix socket before Redis' own that breaks connections as a bad network, or something else in Redis' place, does."""

from __future__ import annotations

import enum
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

Hook = Callable[[], None]

PATIENCE_SECONDS = 10
CHUNK = 65536
# The head of a reply of 2 GB, of which as much comes as is read.
OVERSIZED_HEAD = b"$2147483647\r\n"


class Illness(enum.Enum):
    """What becomes of the bytes of every connection."""

    WELL = "passed on"
    SWALLOWED = "both directions lost, the connection stays open; when that is over, it is reset"
    TRICKLE = "answers come at one byte a second"
    GARBAGE = "random bytes for answers"
    OVERSIZED = "an answer that does not end"


class LosingProxy:
    """Passes everything on, until a request that holds the armed word comes, or it is made ill.

    The armed request, or the answer to it, is lost: ``between`` runs, and the connection ends."""

    def __init__(self, path: Path, redis: Path) -> None:
        self.path = path
        self._redis = redis
        self._state = (Illness.WELL, threading.Event())  # the event is set when the illness is over
        self._chance = random.Random(1)
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
        self.be(Illness.WELL)
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

    @property
    def connections(self) -> int:
        """So far."""
        return len(self._pairs)

    def be(self, illness: Illness) -> None:
        """From now on. Connections that were spoilt end when it is over."""
        _, over = self._state
        self._state = (illness, threading.Event())
        over.set()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._redis))
                except OSError:  # Redis is away, and so is whoever stands in for it
                    client.close()
                    server.close()
                    continue
                self._pairs.append((client, server))
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
                illness, over = self._state
                if illness is Illness.SWALLOWED:
                    over.wait()
                    break
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
                elif self._state[0] is Illness.WELL:
                    client.sendall(data)
                else:
                    self._spoil(client, data)
                    break
        _end(client, server)

    def _spoil(self, client: socket.socket, data: bytes) -> None:
        """Until the illness is over, or the client goes away."""
        illness, over = self._state
        if illness is Illness.SWALLOWED:
            over.wait()
        elif illness is Illness.TRICKLE:
            for byte in data:
                client.sendall(bytes([byte]))
                if over.wait(1):
                    return
        elif illness is Illness.GARBAGE:
            while not over.is_set():
                client.sendall(self._chance.randbytes(512))
        elif illness is Illness.OVERSIZED:
            client.sendall(OVERSIZED_HEAD)
            while not over.is_set():
                client.sendall(b"x" * CHUNK)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
