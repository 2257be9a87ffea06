"""Every command of the runbooks in docs/operate, run as it stands there while what the page is about really happens.

Only `systemctl` is played: it starts and stops the servers of the test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest
import stack
from conftest import ROOT, Browser, Stack

PAGES = ROOT / "docs" / "operate"
RUNBOOKS = {
    "redis_lost",
    "sql_lost",
    "both_lost",
    "restore_backup",
    "forced_fallback",
    "emergency_ending",
}
# Only looks, so it may be repeated until the page's words are true.
LOOKS = ("doctor", "fallback status", "journal status", "jobs", "audit list", "sessions list")
USERS = range(1, 5)
SETTLE_SECONDS = 40.0
# Warnings of the test's own settings, and lines of the operator's log.
BESIDE = re.compile(r"warning: |\S+Z vedfolnir: ")


@dataclass
class Command:
    text: str
    expected: list[str]

    def shown_by(self, output: str) -> bool:
        """`…` is any text of a line; alone it is any number of lines. Columns may be of any width."""
        pattern = ""
        for line in self.expected:
            if line == "…":
                pattern += r"(?:[^\n]*\n)*"
            else:
                words = re.escape(" ".join(line.split()))
                pattern += words.replace("…", r"[^\n]*") + r"\n"
        lines = (" ".join(line.split()) for line in output.splitlines())
        said = "".join(f"{line}\n" for line in lines if line and not BESIDE.match(line))
        return re.fullmatch(pattern, said) is not None

    @property
    def fails(self) -> bool:
        return any(line.startswith(("fail ", "error:")) for line in self.expected)

    @property
    def only_looks(self) -> bool:
        return any(f"vedfolnir {words}" in self.text for words in LOOKS)


def blocks_of(page: str) -> list[list[Command]]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        commands: list[Command] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append(Command(line[2:], []))
            else:
                commands[-1].expected.append(line)
        found.append(commands)
    return found


class Runbook:
    """The blocks of a page, each run once and in their order."""

    def __init__(self, page: str, shop: Stack) -> None:
        self.shop = shop
        self.left = blocks_of(page)
        self.backup = shop.folder / "backup"
        self.backup.mkdir()
        self.environment = {
            **shop.environment,
            "PATH": f"{stack.CLI.parent}:{os.environ['PATH']}",
            "OPERATOR_URL": shop.redis.operator_url,
            "DATA_DIR": str(shop.redis.folder),
            "BACKUP": str(self.backup),
        }

    def next_block(self) -> None:
        for command in self.left.pop(0):
            self._run(command)

    def run_text(self, text: str) -> None:
        self._run(Command(text, ["…"]))

    def _run(self, command: Command) -> None:
        service = re.fullmatch(r"systemctl (start|stop) (redis-server|app)", command.text)
        if service:
            server = self.shop.redis if service[2] == "redis-server" else self.shop.web
            getattr(server, service[1])()
            return
        seen: list[str] = []

        def as_written() -> bool:
            done = subprocess.run(
                ["bash", "-euc", command.text],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            seen.append(f"{done.stdout}{done.stderr}")
            if command.shown_by(seen[-1]) and (done.returncode != 0) == command.fails:
                return True
            assert command.only_looks, f"$ {command.text}\n{seen[-1]}\nexit code {done.returncode}"
            return False

        try:
            stack.wait_until(as_written, "the page is right", SETTLE_SECONDS)
        except stack.StackError:
            pytest.fail(f"$ {command.text}\n{seen[-1]}")


@pytest.fixture
def shop(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    running = make_stack()
    running.environment |= {"VEDFOLNIR_JOBS": "true", "VEDFOLNIR_JOBS_LEASE_MS": "1000"}
    with running.serve():
        yield running


def signed_in(shop: Stack) -> dict[int, Browser]:
    """Users whose sessions have been copied to SQL."""
    browsers = {user: shop.browser() for user in USERS}
    for user, browser in browsers.items():
        browser.get(f"/login/{user}")
        browser.get(f"/write?key=key&value={user}")
    copied(shop)
    return browsers


def copied(shop: Stack) -> None:
    stack.wait_until(
        lambda: not any(key.endswith(b":dirty") for key in shop.all_keys()), "all are copied"
    )


def settled(browsers: dict[int, Browser], gone: set[int]) -> None:
    """Who ended is nobody, all others are who they were; with the same cookies, again and again."""
    wanted = {user: "nobody" if user in gone else str(user) for user in browsers}
    for _ in range(6):  # a connection belongs to one worker: all take part
        said = {user: browser.tab().get("/who").text for user, browser in browsers.items()}
        assert said == wanted


def answers_again(browser: Browser) -> None:
    stack.wait_until(lambda: browser.tab().get("/who").status == 200, "sessions are back")


@contextmanager
def sql_away(shop: Stack) -> Iterator[None]:
    """Another process's transaction that does not end."""
    path = shop.folder / "state" / "sessions.db"
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def lose_redis(shop: Stack) -> None:
    shop.redis.stop(signal.SIGKILL)
    shutil.rmtree(shop.redis.folder / "appendonlydir")


@pytest.mark.ids("S37", "S71")
def test_every_page_is_run_and_linked() -> None:
    # A prompt marks what an operator types here and now; other examples are for a timer or an application.
    pages = {page.stem: page.read_text(encoding="utf-8") for page in PAGES.glob("*.md")}
    with_commands = {page for page, text in pages.items() if re.search(r"^\$ ", text, re.MULTILINE)}
    assert all(blocks_of(page) for page in with_commands)
    assert with_commands == RUNBOOKS
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\w+)\.md\)", index)) >= RUNBOOKS
    assert "docs/operate/README.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.ids("S37", "S36", "F05")
def test_redis_lost(shop: Stack) -> None:
    browsers = signed_in(shop)
    book = Runbook("redis_lost", shop)
    lose_redis(shop)
    for _ in range(30):  # both workers leave Redis
        assert browsers[1].tab().get("/write?key=key&value=meanwhile").status == 200
    assert browsers[2].tab().get("/logout/now").text == "ended"
    while book.left:
        book.next_block()
    settled(browsers, {2})
    assert browsers[1].get("/read").json()["keys"]["key"] == "meanwhile"
    assert browsers[3].get("/read").json()["keys"]["key"] == "3"


@pytest.mark.ids("S16", "R9", "F17")
def test_sql_lost(shop: Stack) -> None:
    browsers = signed_in(shop)
    book = Runbook("sql_lost", shop)
    with sql_away(shop):
        assert browsers[2].tab().get("/logout/now").text == "pending"
        book.next_block()
        stack.wait_until(lambda: browsers[2].tab().get("/who").text == "nobody", "refused")
    book.next_block()
    settled(browsers, {2})
    book.next_block()
    settled(browsers, {2})
    shop.browser().get("/login/9")
    book.next_block()
    assert book.left == []
    settled(browsers, {2})


@pytest.mark.ids("S37", "S16", "C28")
def test_both_lost(shop: Stack) -> None:
    browsers = signed_in(shop)
    browsers[2].tab().get("/logout/now")
    book = Runbook("both_lost", shop)
    with sql_away(shop):
        shop.redis.stop(signal.SIGKILL)
        assert browsers[1].get("/write?key=key&value=lost").status == 503
        book.next_block()
    book.next_block()
    book.next_block()
    answers_again(browsers[1])
    book.next_block()
    assert book.left == []
    settled(browsers, {2})


def backed_up(shop: Stack, book: Runbook) -> None:
    """SQLite by the page's own command, Redis as its folder stands between two lives."""
    book.next_block()
    shop.redis.stop()
    shutil.copytree(shop.redis.folder / "appendonlydir", book.backup / "appendonlydir")
    shop.redis.start()


def after_the_backup(shop: Stack, browsers: dict[int, Browser]) -> None:
    answers_again(browsers[1])
    assert browsers[2].tab().get("/logout/now").text == "ended"
    browsers[1].get("/write?key=key&value=newer")
    browsers[9] = shop.browser()
    browsers[9].get("/login/9")
    copied(shop)


@pytest.mark.ids("S36", "R5", "R6", "C08")
def test_restore_of_an_old_backup(make_stack: Callable[[], Stack]) -> None:
    for number in range(3):
        shop = make_stack()
        shop.environment |= {"VEDFOLNIR_JOBS": "true", "VEDFOLNIR_JOBS_LEASE_MS": "1000"}
        with shop.serve():
            browsers = signed_in(shop)
            book = Runbook("restore_backup", shop)
            assert len(book.left) == 4
            backed_up(shop, book)
            after_the_backup(shop, browsers)
            book.left = [book.left[number]]
            book.next_block()
            if number == 2:
                settled(browsers, set(browsers))
                continue
            answers_again(browsers[1])
            settled(browsers, {2})
            assert browsers[1].get("/read").json()["keys"]["key"] == "newer"
            # Old copies must not bring back what ended after the backup: neither a recovery nor the fallback.
            book.run_text("vedfolnir recover")
            settled(browsers, {2})
            shop.redis.stop(signal.SIGKILL)
            assert browsers[2].tab().get("/who").text != "2"
            shop.redis.start()


@pytest.mark.ids("S103", "S37")
def test_forced_fallback(shop: Stack) -> None:
    browsers = signed_in(shop)
    book = Runbook("forced_fallback", shop)
    book.next_block()
    settled(browsers, set())
    book.next_block()
    assert browsers[2].tab().get("/logout/now").text == "ended"
    book.next_block()
    book.next_block()
    assert book.left == []
    settled(browsers, {2})


@pytest.mark.ids("S106", "V29")
def test_emergency_ending(shop: Stack) -> None:
    browsers = signed_in(shop)
    book = Runbook("emergency_ending", shop)
    book.next_block()
    settled(browsers, {2})
    book.next_block()
    settled(browsers, set(USERS))
    book.next_block()
    assert book.left == []
