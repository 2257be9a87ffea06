"""Asks the C++ core, through the program tests/probe builds."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "build" / "bin" / "vedfolnir_probe"


class Probe:
    """One running probe. A question it cannot answer ends it, and the test with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="ascii"
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)

    def ask(self, command: str, *fields: bytes) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = " ".join([command, *(field.hex() or "-" for field in fields)])
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the probe died at: {line[:200]}"
        return answer.strip()

    def bytes(self, command: str, *fields: bytes) -> bytes | None:
        """The answer as bytes; None if it is a word."""
        answer = self.ask(command, *fields)
        if answer == "-":
            return b""
        return None if answer in {"refused", "absent", "ambiguous"} else bytes.fromhex(answer)
