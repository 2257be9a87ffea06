"""Each defect that is planted is found, repaired, and gone in the second run."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from conftest import ROOT, Stack

VEDFOLNIR = ROOT / "build" / "bin" / "vedfolnir"
PREFIX = "vedfolnir:session:"
DEFECTS, CLEAN = 1, 0


@pytest.fixture
def shop(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    running = make_stack()
    with running.serve():
        yield running


def fsck(shop: Stack, *arguments: str, code: int = CLEAN) -> Any:
    done = subprocess.run(
        [str(VEDFOLNIR), "--json", "fsck", *arguments],
        env={**os.environ, **shop.environment, "REDIS_URL": shop.redis.tools_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def key_of(shop: Stack, kind: str) -> bytes:
    (key,) = [key for key in shop.all_keys() if kind.encode() in key]
    return key


def make_older(shop: Stack, seconds: int) -> None:
    with closing(sqlite3.connect(shop.folder / "state" / "sessions.db", timeout=20)) as db, db:
        db.execute(
            "UPDATE sessions SET authenticated_ms = authenticated_ms - ?, begun_ms = begun_ms - ?",
            (seconds * 1000, seconds * 1000),
        )


def plant(shop: Stack) -> None:
    """One of each, beside sessions that are sound."""
    browsers = [shop.browser() for _ in range(5)]
    for number, browser in enumerate(browsers):
        browser.get(f"/login/{900 + number}")
    records = shop.records()
    with shop.redis.client() as client:
        shards = [record[: record.index(b"}:") + 2] for record in records]
        client.persist(records[0])
        client.setrange(records[1], 130, b"\0" * 8)
        # Its row stays open, its index entry and its change lead nowhere.
        client.delete(records[2])
        changed = shards[2] + b"dirty"
        client.zadd(changed, dict.fromkeys(client.zrange(changed, 0, -1), 1))
        indexes = [key for key in shop.all_keys() if key.startswith(shards[3] + b"user:")]
        client.persist(indexes[0])


@pytest.mark.ids("S68", "S71")
def test_planted_defects_are_found_repaired_and_gone(shop: Stack) -> None:
    assert fsck(shop)["defects"] == 0
    plant(shop)
    # What is younger than a minute may be under way: the rows and changes are made older.
    make_older(shop, 120)
    found = fsck(shop, code=DEFECTS)
    kinds = {
        "record_without_end",
        "record_unreadable",
        "index_orphan",
        "index_without_end",
        "dirty_stale",
        "row_unclosed",
    }
    assert kinds <= set(found["found"])
    assert found["repaired"] == 0
    assert fsck(shop, code=DEFECTS)["found"] == found["found"], "a dry run changes nothing"

    repaired = fsck(shop, "--repair")
    assert repaired["repaired"] == repaired["defects"] > 0
    assert fsck(shop)["defects"] == 0
    assert shop.sql("SELECT COUNT(*) FROM sessions WHERE ended_ms IS NULL") == [(3,)]
