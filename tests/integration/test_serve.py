"""The daemon: of three one works, its death moves the work, and it starts, reloads and stops as an operator expects."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import stack
from conftest import ROOT, SECRET_KEY
from support import evidence
from vedfolnir import _core

VEDFOLNIR = ROOT / "build" / "bin" / "vedfolnir"
LEASE_MS = 2000
WRONG_USAGE = 2


class Daemon(stack.Process):
    name = "vedfolnir serve"

    def __init__(self, log: Path, environment: dict[str, str], *options: str) -> None:
        super().__init__(log)
        self.environment = environment
        self.options = options

    def start(self) -> None:
        self.launch([str(VEDFOLNIR), "serve", *self.options], self.environment)
        self.wait_ready(lambda: "event=start" in self.text())

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def leads(self) -> bool:
        states = re.findall(r"event=lease state=(\w+)", self.text())
        return bool(states) and states[-1] == "held"

    def runs(self) -> int:
        return self.text().count("event=job job=cleanup outcome=done")

    def exit_code(self) -> int:
        assert self._process is not None
        return self._process.wait(20)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.exit_code()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with stack.Redis(tmp_path / "redis") as redis:
        settings = stack.demo_environment(tmp_path, redis.url, SECRET_KEY)
        settings["VEDFOLNIR_JOBS_LEASE_MS"] = str(LEASE_MS)
        settings["REDIS_SESSION_CLEANUP_INTERVAL"] = "1"
        yield settings


def jobs(environment: dict[str, str]) -> Any:
    done = subprocess.run(
        [str(VEDFOLNIR), "--json", "jobs"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.ids("S25", "F19")
def test_of_three_daemons_one_works_and_its_death_moves_the_work(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with ExitStack() as running:
        daemons = [
            running.enter_context(Daemon(tmp_path / f"daemon-{i}.log", environment))
            for i in range(3)
        ]
        stack.wait_until(lambda: any(each.runs() > 0 for each in daemons), "somebody cleans up")
        (leader,) = [each for each in daemons if each.leads()]
        others = [each for each in daemons if each is not leader]
        stack.wait_until(lambda: leader.runs() > 1, "it goes on")
        assert [each.runs() for each in others] == [0, 0]
        assert jobs(environment)["leader"].split(":")[1] == str(leader.pid)

        killed = time.monotonic()
        leader.kill()
        stack.wait_until(lambda: any(each.leads() for each in others), "another takes over")
        # The promised time, and what this test needs to see it on a busy machine.
        assert time.monotonic() - killed < LEASE_MS / 1000 + 2
        (heir,) = [each for each in others if each.leads()]
        stack.wait_until(lambda: heir.runs() > 0, "the heir cleans up")
        assert sum(each.runs() > 0 for each in others) == 1


@pytest.mark.ids("S25")
def test_paused_leader_steps_down_when_it_wakes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with (
        Daemon(tmp_path / "first.log", environment) as first,
    ):
        stack.wait_until(first.leads, "the first leads")
        first.send(signal.SIGSTOP)
        with Daemon(tmp_path / "second.log", environment) as second:
            stack.wait_until(second.leads, "the second takes over")
            first.send(signal.SIGCONT)
            stack.wait_until(lambda: not first.leads(), "the first steps down")
            before = second.runs()
            stack.wait_until(lambda: second.runs() > before, "the second goes on")
            assert second.leads()


@pytest.mark.ids("S25", "S58")
def test_a_stop_is_clean_and_frees_the_lease_and_the_pid_file(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pid_file = tmp_path / "daemon.pid"
    with Daemon(tmp_path / "first.log", environment, "--pid-file", str(pid_file)) as first:
        assert pid_file.read_text().strip() == str(first.pid)
        refused = subprocess.run(
            [str(VEDFOLNIR), "serve", "--pid-file", str(pid_file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert refused.returncode == WRONG_USAGE
        assert "still runs" in refused.stderr
        stack.wait_until(first.leads, "it leads")
        first.send(signal.SIGTERM)
        assert first.exit_code() == 0
        assert "event=lease state=given_up" in first.text()
        assert "event=stop state=clean" in first.text()
        assert not pid_file.exists()
    assert jobs(environment)["leader"] is None
    with Daemon(tmp_path / "second.log", environment) as second:
        stack.wait_until(second.leads, "the next one leads at once")
        second.send(signal.SIGINT)
        assert second.exit_code() == 0


@pytest.mark.ids("S25", "S58")
def test_systemd_hears_of_start_reload_life_and_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(20)

        def heard(word: str) -> None:
            while word not in notify.recv(4096).decode():
                pass

        told = {**environment, "NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "200000"}
        with Daemon(tmp_path / "daemon.log", told) as daemon:
            heard("READY=1")
            heard("WATCHDOG=1")
            daemon.send(signal.SIGHUP)
            heard("RELOADING=1")
            heard("READY=1")
            stack.wait_until(lambda: "event=reload state=done" in daemon.text(), "reloaded")
            stack.wait_until(daemon.leads, "it leads again")
            daemon.send(signal.SIGTERM)
            heard("STOPPING=1")
            assert daemon.exit_code() == 0


@pytest.mark.ids("S25", "S59")
def test_a_reload_with_wrong_settings_changes_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text("SESSION_CLEANUP_BATCH_SIZE=7\n")
    with Daemon(tmp_path / "daemon.log", environment, "--env-file", str(settings)) as daemon:
        stack.wait_until(daemon.leads, "it leads")
        settings.write_text("SESSION_CLEANUP_BATCH_SIZE=none\n")
        daemon.send(signal.SIGHUP)
        stack.wait_until(lambda: "event=reload state=refused" in daemon.text(), "refused")
        assert "SESSION_CLEANUP_BATCH_SIZE" in daemon.text()
        before = daemon.runs()
        stack.wait_until(lambda: daemon.runs() > before, "it goes on")


@pytest.mark.ids("S25", "S65")
def test_an_outage_is_noted_and_survived(environment: dict[str, str], tmp_path: Path) -> None:
    redis = stack.Redis(tmp_path / "other")
    with redis:
        environment = {**environment, "REDIS_URL": redis.url}
        with Daemon(tmp_path / "daemon.log", environment) as daemon:
            stack.wait_until(lambda: daemon.runs() > 0, "it cleans up")
            redis.stop()
            stack.wait_until(lambda: not daemon.leads(), "it steps down without a lease")
            redis.start()
            stack.wait_until(daemon.leads, "it leads again")
            before = daemon.runs()
            stack.wait_until(lambda: daemon.runs() > before, "it cleans up again")


@pytest.mark.ids("R4", "S28")
def test_an_ending_is_remembered_for_as_long_as_a_backup_may_be_restored(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    # The daemon alone works.
    manager = _core.SessionManager.open({}, {**environment, "VEDFOLNIR_JOBS": "false"})
    for user in "12":
        request = _core.RequestContext()
        session = manager.load(request)
        session.set("_user_id", user)
        cookie = manager.create_named(session, request)
        evidence.issued(cookie)
        assert manager.end(cookie, "logout", "user") == "ended"
    day, now = 86_400_000, int(time.time() * 1000)
    with sqlite3.connect(tmp_path / "state" / "sessions.db", timeout=30) as database:
        untils = [row[0] for row in database.execute("SELECT until_ms FROM revocations")]
        # Beyond the absolute lifetime of a day and 30 seconds that clocks may differ.
        assert all(until - now > day + 25_000 for until in untils)
        database.execute("UPDATE revocations SET until_ms = ?", (now - 6 * day,))
        database.execute(
            "UPDATE revocations SET until_ms = ? WHERE shard = (SELECT MIN(shard) FROM revocations)",
            (now - 8 * day,),
        )
    environment |= {
        "VEDFOLNIR_RESTORABLE_BACKUP_DAYS": "7",
        "SESSION_BATCH_CLEANUP_INTERVAL_SECONDS": "1",
    }
    with Daemon(tmp_path / "daemon.log", environment) as daemon:
        stack.wait_until(
            lambda: "event=job job=retention outcome=done" in daemon.text(), "retention ran", 60
        )
    with sqlite3.connect(tmp_path / "state" / "sessions.db") as database:
        kept = database.execute("SELECT until_ms FROM revocations").fetchall()
    assert kept == [(now - 6 * day,)]
