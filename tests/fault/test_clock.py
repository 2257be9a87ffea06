"""The wall clock of an application's host steps while it works: nobody is let in who left, nobody is thrown out, and
nothing that was acknowledged is lost. Hosts whose clocks differ, and absolute ends, are for other tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import stack
from conftest import DatabaseOf
from stage import Fault, Stage, judge, stage

LIBRARY = Path(__file__).resolve().parents[2] / "build" / "lib" / "libstepped_clock.so"
HOUR = 3600


def clock_of(folder: Path) -> Path:
    return folder / "clock"


def variables(folder: Path) -> dict[str, str]:
    """The wall clock goes by the file, whose place and size stay; see tests/clock."""
    clock_of(folder).write_bytes(b"0".ljust(16, b"\0"))
    return {"LD_PRELOAD": str(LIBRARY), "VEDFOLNIR_TEST_CLOCK": str(clock_of(folder))}


def set_clock(folder: Path, seconds: int) -> None:
    with clock_of(folder).open("r+b") as file:
        file.write(f"{seconds:+d}".encode().ljust(16, b"\0"))


def wait_for_clock(on: Stage, seconds: int) -> None:
    def told() -> bool:
        answer = requests.get(on.web.url + "/clock", timeout=30)
        return abs(float(answer.text) - time.time() - seconds) < HOUR / 2

    stack.wait_until(lambda: all(told() for _ in range(8)), "the workers see their clock", 30)


def stepped(*steps: int) -> Fault:
    @contextmanager
    def broken(on: Stage) -> Iterator[None]:
        for step in steps:
            set_clock(on.folder, step)
            wait_for_clock(on, step)
            on.wait_for_answers(100)
        yield
        set_clock(on.folder, 0)
        wait_for_clock(on, 0)

    what = ", then ".join(f"{step // HOUR:+d} h" for step in steps)
    return Fault("F21", f"the clock steps: {what}", broken)


@pytest.mark.ids("F21", "I1", "I2", "I4", "I5", "I6")
@pytest.mark.parametrize("fault", [stepped(HOUR), stepped(-HOUR), stepped(HOUR, -HOUR)], ids=str)
def test_nothing_lost_and_nobody_let_in(
    fault: Fault, tmp_path: Path, database_of: DatabaseOf
) -> None:
    # gunicorn goes by the wall clock where it closes connections that nobody uses: it has none of them.
    with stage(tmp_path, database_of("sqlite"), variables(tmp_path), keep_alive=0) as running:
        recovery = running.go_through(fault)
        verdict = judge(running, fault.ident, fault.what, recovery)
    verdict.publish()
    assert verdict.broken == {}
