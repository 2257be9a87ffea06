"""Commands that write, with a key ring that is not the application's: refused before they change anything."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stack
from conftest import Browser, Stack

WRONG_USAGE, UNAVAILABLE = 2, 3
NOBODY = "0" * 32


def run(shop: Stack, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(stack.CLI), *arguments],
        env={**os.environ, **shop.environment, **changes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Known:
    """A shop, one who is logged in there, and a ring with another key."""

    shop: Stack
    browser: Browser
    handle: str
    other: dict[str, str]

    def stands(self) -> tuple[list[str], dict[bytes, Any]]:
        """All that is kept anywhere."""
        path = self.shop.folder / "state" / "sessions.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = list(database.iterdump())
        with self.shop.redis.client() as client:
            return rows, {key: client.dump(key) for key in self.shop.all_keys()}


@pytest.fixture(scope="module", params=["persons", "operators"])
def known(make_stack: Callable[[], Stack], request: pytest.FixtureRequest) -> Iterator[Known]:
    """With a trail that knows persons only, and with one that knows what operators did."""
    shop = make_stack()
    with shop.serve():
        browser = shop.browser()
        browser.get("/login/871")
        ((handle,),) = shop.sql("SELECT handle FROM sessions WHERE user_id = '871'")
        if request.param == "operators":
            hold = ("audit", "hold", "add", "--partition", "209912", "--reason", "later")
            assert run(shop, *hold).returncode == 0
        subjects = [subject for (subject,) in shop.sql("SELECT subject FROM audit_subjects")]
        assert (NOBODY in subjects) == (request.param == "operators")
        assert len(subjects) > (request.param == "operators")
        key = run(shop, "keys", "generate").stdout.strip()
        yield Known(shop, browser, handle, {"VEDFOLNIR_KEY": key})


COMMANDS = {
    "emergency_dry": ("emergency", "end", "--user", "871"),
    "emergency_user": ("emergency", "end", "--user", "871", "--yes"),
    "emergency_all": ("emergency", "end", "--all", "--yes"),
    "session": ("sessions", "end", "HANDLE"),
    "sessions": ("sessions", "end", "--all-of-user", "871"),
    "inspect": ("inspect", "HANDLE"),
    "fallback": ("fallback", "off"),
    "recover": ("recover",),
    "fsck": ("fsck", "--repair"),
    "hold": ("audit", "hold", "add", "--partition", "209911", "--reason", "trial"),
    "release": ("audit", "hold", "remove", "--partition", "209912"),
    "erase": ("audit", "erase", "--user", "871", "--yes"),
    "archive": ("audit", "archive", "--to", "FOLDER"),
}


@pytest.mark.ids("S88", "S99", "S106")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_would_write_under_another_ring_changes_nothing(
    known: Known, command: str, tmp_path: Path
) -> None:
    places = {"HANDLE": known.handle, "FOLDER": str(tmp_path)}
    arguments = [places.get(word, word) for word in COMMANDS[command]]
    before = known.stands()
    refused = run(known.shop, "--json", *arguments, **known.other)
    assert refused.returncode == WRONG_USAGE, refused.stdout
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "key_unavailable"
    assert "another index secret" in error["message"]
    assert "sessions.db" in error["message"]
    assert "VEDFOLNIR_INDEX_SECRET" in error["next"]
    assert known.stands() == before
    assert not any(tmp_path.iterdir())
    assert known.browser.get("/who").text == "871"


@pytest.mark.ids("S88", "S106")
def test_a_ring_that_keeps_the_oldest_key_may_write(known: Known, tmp_path: Path) -> None:
    old = (known.shop.folder / "state" / "development.key").read_text().strip()
    ring = tmp_path / "ring.toml"
    keys = ((2, known.other["VEDFOLNIR_KEY"]), (1, old))
    blocks = (f'[[keys]]\nid = {number}\nsecret = "{key}"\n' for number, key in keys)
    ring.write_text("write = 2\n" + "".join(blocks))
    ring.chmod(0o600)
    user = known.shop.browser()
    user.get("/login/872")
    renewed = {"VEDFOLNIR_KEYS_FILE": str(ring)}
    done = run(known.shop, "emergency", "end", "--user", "872", "--yes", **renewed)
    assert done.returncode == 0, done.stderr
    assert user.get("/who").text == "nobody"


@pytest.mark.ids("S88", "N3")
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("sessions", "end", "--all-of-user", "873"), "Pending."),
        (("emergency", "end", "--user", "873", "--yes"), "Ended 1 session."),
    ],
    ids=["sessions", "emergency"],
)
def test_an_ending_that_nobody_can_check_waits_for_sql(
    known: Known, command: tuple[str, ...], answer: str
) -> None:
    user = known.shop.browser()
    user.get("/login/873")
    away = {"SESSION_DATABASE_URL": f"postgresql://127.0.0.1:{stack.free_port()}/nobody"}
    ended = run(known.shop, *command, **away)
    assert ended.returncode == UNAVAILABLE, ended.stderr
    assert ended.stdout == f"{answer}\n"
    assert "it is written down" in ended.stderr
    assert "not checked whether this key ring" in ended.stderr
    stack.wait_until(lambda: user.get("/who").text == "nobody", "the ending came through")
    refused = run(known.shop, "emergency", "end", "--all", "--yes", **away)
    assert refused.returncode == UNAVAILABLE
    assert known.browser.get("/who").text == "871"
