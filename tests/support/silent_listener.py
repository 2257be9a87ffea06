"""A server that takes connections and never answers, and counts them."""

from __future__ import annotations

import socket


class SilentListener:
    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)
        self._socket.setblocking(False)

    def __enter__(self) -> SilentListener:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def port(self) -> str:
        return str(self._socket.getsockname()[1])

    def connections(self) -> int:
        """Since it was last asked."""
        count = 0
        while True:
            try:
                self._socket.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1
