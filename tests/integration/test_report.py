"""vedfolnir report: figures of rows that are kept and of rows that retention removed, in one."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stack
from test_metrics import Shop, shop  # noqa: F401
from test_serve import Daemon

FAILED, WRONG_USAGE, UNAVAILABLE = 1, 2, 3
DAY_MS = 86_400_000
#: Long enough ago that retention takes the rows, whole days before the first of a week.
AGO = 40 * DAY_MS
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
WAYS = ("day", "week", "user", "device", "platform", "place", "reason")


def sign_in(shop: Shop, user: int, agent: str, address: str) -> Any:  # noqa: F811
    browser = shop.browser()
    browser.get(
        f"/login/{user}",
        headers={"User-Agent": agent},
        environ_base={"REMOTE_ADDR": address},
    )
    return browser


def visits(shop: Shop) -> None:  # noqa: F811
    """User 1 twice for 10 min each, 40 days ago; user 2 once for 2 h, a day later; user 3 now, twice."""
    for user, agent in ((1, FIREFOX), (1, FIREFOX), (2, "curl/8.5.0")):
        sign_in(shop, user, agent, "192.0.2.7").get("/logout")
    for _ in range(2):
        sign_in(shop, 3, "=1+1", "2001:db8::1")
    midnight = (database(shop, "SELECT MIN(created_ms) FROM sessions") - AGO) // DAY_MS * DAY_MS
    with closing(sqlite3.connect(path_of(shop), timeout=20)) as db, db:
        for user, begun, minutes in (("1", midnight, 10), ("2", midnight + DAY_MS, 120)):
            db.execute(
                "UPDATE sessions SET created_ms = ?, authenticated_ms = ?, begun_ms = ?, ended_ms = ?,"
                " absolute_expiry_ms = ? WHERE user_id = ?",
                (begun, begun, begun, begun + minutes * 60_000, begun + DAY_MS, user),
            )


def path_of(shop: Shop) -> Path:  # noqa: F811
    return shop.folder / "state" / "sessions.db"


def database(shop: Shop, query: str) -> Any:  # noqa: F811
    with closing(sqlite3.connect(f"file:{path_of(shop)}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchone()[0]


def report(shop: Shop, *words: str) -> Any:  # noqa: F811
    return json.loads(shop.command("--json", "report", "--days", "60", *words))


def figures(shop: Shop) -> dict[str, Any]:  # noqa: F811
    """All that does not depend on when it is asked, or on rows that name users."""
    told = {}
    for way in WAYS:
        answer = report(shop, "--by", way)
        for row in answer["rows"]:
            row.pop("user_id", None)
        told[way] = (answer["total"], answer["rows"])
    return told


def short(answer: Any, name: str = "name") -> dict[str, tuple[int | None, int, float]]:
    return {
        row[name]: (row["begun"], row["ended"], row["duration"]["total_s"])
        for row in answer["rows"]
    }


@pytest.mark.ids("S52")
def test_figures_outlive_the_rows_that_the_daemon_removes(shop: Shop) -> None:  # noqa: F811
    visits(shop)
    days = short(report(shop), "from")
    assert list(days.values()) == [(2, 2, 1200), (1, 1, 7200), (2, 0, 0)]
    assert short(report(shop, "--by", "user"), "user_id") == {
        "1": (2, 2, 1200),
        "2": (1, 1, 7200),
        "3": (2, 0, 0),
    }
    assert short(report(shop, "--by", "device")) == {
        "Firefox on Linux": (2, 2, 1200),
        "Program": (3, 1, 7200),
    }
    assert short(report(shop, "--by", "place")) == {
        "192.0.0.0/16": (3, 3, 8400),
        "2001:db8::/32": (2, 0, 0),
    }
    assert short(report(shop, "--by", "reason")) == {"logout": (None, 3, 8400)}
    live = report(shop)["live"]
    assert (live["sessions"], live["users"], live["users_with_several"]) == (2, 1, 1)
    assert sum(each["sessions"] for each in live["age"]["classes"]) == 2
    before = figures(shop)

    settings = {**shop.environment, "SESSION_BATCH_CLEANUP_INTERVAL_SECONDS": "1"}
    with Daemon(shop.folder / "daemon.log", settings):
        stack.wait_until(
            lambda: database(shop, "SELECT COUNT(*) FROM sessions") == 2, "retention ran"
        )
    assert figures(shop) == before
    (one,) = report(shop, "--by", "user", "--user", "2")["rows"]
    assert (one["begun"], one["duration"]["total_s"], one["user_id"]) == (1, 7200, None)

    erased = json.loads(shop.command("--json", "audit", "erase", "--user", "2", "--yes"))
    assert erased["subject"] == one["name"]
    assert report(shop, "--by", "user", "--user", "2")["rows"] == []
    assert report(shop)["total"] == before["day"][0]


@pytest.mark.ids("S52")
def test_report_is_a_table_and_csv_too(shop: Shop) -> None:  # noqa: F811
    visits(shop)
    text = shop.command("report", "--days", "60", "--by", "user")
    assert "5 sessions began, 3 ended." in text
    assert "Live now: 2 sessions of 1 user, 1 of them with several." in text
    assert [line.split()[:3] for line in text.splitlines()[-4:]] == [
        ["USER", "BEGUN", "ENDED"],
        ["1", "2", "2"],
        ["3", "2", "0"],
        ["2", "1", "1"],
    ]
    (newest,) = shop.command("report", "--by", "week", "--days", "1").splitlines()[-1:]
    assert newest.split()[1:3] == ["2", "0"]
    rows = list(csv.DictReader(io.StringIO(shop.command("report", "--days", "60", "--csv"))))
    assert [(row["begun"], row["ended"], row["mean_s"]) for row in rows] == [
        ("2", "2", "600.000"),
        ("1", "1", "7200.000"),
        ("2", "0", ""),
    ]
    with closing(sqlite3.connect(path_of(shop), timeout=20)) as db, db:
        db.execute("UPDATE sessions SET platform = '=1+\"1'")
    platforms = shop.command("report", "--days", "60", "--by", "platform", "--csv")
    assert platforms.splitlines()[1].startswith('"\'=1+""1",5,3,')


@pytest.mark.ids("S52")
def test_report_refuses_what_makes_no_sense_and_says_when_sql_is_away(
    shop: Shop,  # noqa: F811
) -> None:
    shop.command("report", code=FAILED)
    visits(shop)
    for words in (
        ("--user", "1"),
        ("--by", "moon"),
        ("--since", "yesterday"),
        ("--since", "2026-01-02", "--until", "2026-01-01"),
        ("--csv", "--json"),
    ):
        shop.command("report", *words, code=WRONG_USAGE)
    # Nobody listens there.
    shop.environment["SESSION_DATABASE_URL"] = (
        f"postgresql://app@127.0.0.1:{stack.free_port()}/sessions"
    )
    away = json.loads(shop.command("--json", "report", code=UNAVAILABLE))
    assert away["error"]["code"] == "audit_unavailable"
