"""./x up --check --faults with short outages; and that it finds what it looks for."""

from __future__ import annotations

import subprocess
import sys

import check_faults
import pytest
import stack
from conftest import Demo
from crowd import Crowd, Gone
from drive import DEMO_ACCOUNTS

FAULTS = ("kill -9", "kill -9 and an empty restart", "frozen (SIGSTOP)", "stopped")
AWAY_SECONDS = 3


def up(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(stack.ROOT / "tools" / "up.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.ids("S36", "S37", "S81", "S104", "C28", "N3", "N4", "R12", "F05", "F13")
def test_the_demo_keeps_its_users_through_all_faults() -> None:
    done = up("--check", "--faults", "--away", str(AWAY_SECONDS))

    assert done.returncode == 0, done.stdout + done.stderr
    for fault in FAULTS:
        assert f"ok      {fault}: afterwards all is as it was left" in done.stdout, fault
    assert "FAILED" not in done.stdout


@pytest.mark.ids("S81")
@pytest.mark.parametrize("lonely", [{"SESSION_FALLBACK": "false"}], indirect=True, ids=["alone"])
def test_who_is_not_served_without_redis_is_found(
    lonely: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_faults.run(lonely, stack.WORKERS, AWAY_SECONDS) == 1

    shown = capsys.readouterr().out
    assert "FAILED  kill -9: without Redis they go on" in shown
    assert "503" in shown


@pytest.mark.ids("S81")
def test_who_comes_back_after_a_sign_out_is_found(demo: Demo) -> None:
    crowd = Crowd(demo, stack.WORKERS)
    person = crowd.sign_in("somebody", DEMO_ACCOUNTS[0])
    crowd.look()

    with pytest.raises(AssertionError, match="old cookie is answered 200"):
        crowd.refuse(Gone(person.name, person.cookie, person.handle))


@pytest.mark.ids("S81")
def test_who_is_logged_out_or_loses_a_change_is_found(demo: Demo) -> None:
    crowd = Crowd(demo, stack.WORKERS)
    person = crowd.sign_in("somebody", DEMO_ACCOUNTS[0])
    crowd.change(person, "Kept", everything=True)
    crowd.look()

    person.expected.draft = "Another text"
    with pytest.raises(AssertionError, match="sees"):
        crowd.look()
    demo.cli("sessions", "end", person.handle)
    with pytest.raises(AssertionError, match="is answered 302"):
        crowd.look()


@pytest.mark.parametrize(
    "arguments",
    [("--faults",), ("--check", "--away", "5"), ("--check", "--faults", "--away", "0")],
)
def test_options_that_do_not_go_together_are_refused(arguments: tuple[str, ...]) -> None:
    done = up(*arguments)

    assert done.returncode == 2
    assert "goes with" in done.stderr
