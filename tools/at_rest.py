"""Searches what the test suite left at rest for issued ids and for payload plaintext (C24, V20).

usage: at_rest.py EVIDENCE   (a folder written by tests/support/evidence.py and evidence.hpp)

An id is searched as text, and its secret as raw bytes and as hex. Redis dumps are rewritten without compression first,
by a server of our own. Exit 0 only if there was something to search and nothing was found.
"""

from __future__ import annotations

import base64
import binascii
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

SECRET = slice(2, 34)  # of an id's 50 bytes: version, shard, secret, mac
WINDOW = 12


def lines(path: Path) -> set[str]:
    return set(path.read_text(encoding="utf-8").split("\n")) - {""} if path.exists() else set()


def secret_of(session_id: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(session_id + "=" * (-len(session_id) % 4))[SECRET]
    except (binascii.Error, ValueError):
        return None


def needles(evidence: Path) -> dict[bytes, str]:
    return needles_of(lines(evidence / "issued.txt"), lines(evidence / "plaintext.txt"))


def needles_of(ids: Iterable[str], values: Iterable[str]) -> dict[bytes, str]:
    """Everything that must not be found, with what it is."""
    found: dict[bytes, str] = {}
    for session_id in ids:
        found[session_id.encode()] = "an id"
        secret = secret_of(session_id)
        if secret is not None and len(secret) == SECRET.stop - SECRET.start:
            found[secret] = "the secret of an id"
            found[secret.hex().encode()] = "the secret of an id, in hex"
    for value in values:
        found[value.encode()] = "a session value"
        found[base64.b64encode(value.encode())[: len(value) // 3 * 4]] = (
            "a session value, in base64"
        )
    return {needle: what for needle, what in found.items() if len(needle) >= WINDOW}


def search(data: bytes, wanted: dict[bytes, str]) -> Iterator[tuple[int, str]]:
    """Looks up each window of the data among the beginnings of the needles."""
    by_start: dict[bytes, list[bytes]] = {}
    for needle in wanted:
        by_start.setdefault(needle[:WINDOW], []).append(needle)
    for position in range(len(data) - WINDOW + 1):
        for needle in by_start.get(data[position : position + WINDOW], ()):
            if data.startswith(needle, position):
                yield position, wanted[needle]


def writer(dump: Path) -> str:
    """The program that wrote a dump, by the note at its beginning: an older Redis cannot read Valkey's."""
    with dump.open("rb") as file:
        return "valkey-server" if b"valkey-ver" in file.read(64) else "redis-server"


def readable_dump(dump: Path, scratch: Path) -> bytes:
    """The content of a Redis dump without its compression."""
    shutil.copy2(dump, scratch / "dump.rdb")
    path = scratch / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--dir", str(scratch), "--save", ""]
    options += ["--rdbcompression", "no", "--appendonly", "no", "--logfile", str(scratch / "log")]
    server = subprocess.Popen([writer(dump), *options], stdout=subprocess.DEVNULL)
    try:
        reply = command(path, b"SAVE\r\n")
        if not reply.startswith(b"+OK"):
            raise RuntimeError(f"SAVE answered {reply!r}")
    finally:
        server.terminate()
        server.wait(10)
    return (scratch / "dump.rdb").read_bytes()


def command(path: Path, text: bytes) -> bytes:
    """Sends one inline command, waiting until the server listens and has loaded its dump."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(30)
                connection.connect(str(path))
                connection.sendall(text)
                reply = connection.recv(1024)
            if not reply.startswith(b"-LOADING"):
                return reply
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def content(path: Path) -> bytes:
    if path.suffix != ".rdb":
        return path.read_bytes()
    with tempfile.TemporaryDirectory(prefix="at-rest-") as scratch:
        return readable_dump(path, Path(scratch))


def main() -> int:
    evidence = Path(sys.argv[1])
    wanted = needles(evidence)
    files = sorted(path for path in (evidence / "files").rglob("*") if path.is_file())
    dumps = [path for path in files if path.suffix == ".rdb"]
    if not wanted or not dumps:
        print(
            f"at rest: nothing to search ({len(wanted)} needles, {len(files)} files, {len(dumps)} Redis dumps). "
            "Run `./x test` as a whole, or the integration layer first.",
            file=sys.stderr,
        )
        return 1
    hits = size = 0
    for path in files:
        data = content(path)
        size += len(data)
        for position, what in search(data, wanted):
            hits += 1
            print(f"{path.relative_to(evidence)}: {what} at byte {position}", file=sys.stderr)
    print(
        f"at rest: {len(wanted)} needles in {len(files)} files ({len(dumps)} Redis dumps, {size / 1e6:.1f} MB): "
        f"{hits} found"
    )
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
