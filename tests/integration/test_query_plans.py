"""How SQLite means to answer each statement: by an index, and a batch by itself, however many rows the tables hold."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import stack

QUERIES = stack.ROOT / "storage" / "sql" / "queries"
#: Tables that grow with users, and so are never read from end to end by what runs again and again.
GROW = ("records", "sessions", "audit_events", "revocations", "user_epochs")
#: Asked once, by a person.
BY_HAND = {"copies_count"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """As the migrations leave it; no statistics, as in most installations."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrations = stack.ROOT / "storage" / "sql" / "migrations"
        ours = {path.name: path for path in migrations.glob("*.sql")}
        ours |= {path.name: path for path in (migrations / "sqlite").glob("*.sql")}
        db.executescript(without_comments(QUERIES / "schema_migrations_create.sql"))
        for name in sorted(ours):
            db.executescript(ours[name].read_text())
        yield db


def statements() -> dict[str, str]:
    """Name -> text, without what only other engines are asked."""
    paths = {path.stem: path for path in QUERIES.glob("*.sql")}
    paths |= {path.stem: path for path in (QUERIES / "sqlite").glob("*.sql")}
    return {name: without_comments(path) for name, path in sorted(paths.items())}


def without_comments(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))


def plan(database: sqlite3.Connection, text: str) -> list[str]:
    parameters = dict.fromkeys(re.findall(r":(\w+)", text))
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]


@pytest.mark.ids("S74", "S35", "S65")
def test_no_statement_reads_a_table_that_grows_from_end_to_end(
    database: sqlite3.Connection,
) -> None:
    scans = re.compile(rf"SCAN ({'|'.join(GROW)})\b")
    plans = {
        name: plan(database, text)
        for name, text in statements().items()
        if name not in BY_HAND and not text.lstrip().startswith("CREATE")
    }
    bad = {name: steps for name, steps in plans.items() if any(map(scans.match, steps))}
    assert bad == {}


@pytest.mark.ids("S74", "S35", "S65")
def test_a_batch_is_walked_once(database: sqlite3.Connection) -> None:
    """Under another step it would be parsed again for every row of a table."""
    plans = {
        name: plan(database, text) for name, text in statements().items() if "json_each" in text
    }
    assert len(plans) > 3
    assert {name: steps for name, steps in plans.items() if not walks_once(steps)} == {}


def walks_once(steps: list[str]) -> bool:
    """It drives, or a list is made of it before any row is looked at."""
    at = [number for number, step in enumerate(steps) if step.startswith("SCAN json_each")]
    return len(at) == 1 and (at[0] == 0 or steps[at[0] - 1].startswith("LIST SUBQUERY"))


@pytest.mark.ids("S74", "S36")
def test_expired_copies_are_found_by_their_time(database: sqlite3.Connection) -> None:
    """Each create removes some, so this must not sort all that are there."""
    steps = plan(database, statements()["records_purge"])
    assert any("records_by_expiry" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


@pytest.mark.ids("S27", "S74")
def test_the_head_that_covers_a_month_is_found_by_its_size(database: sqlite3.Connection) -> None:
    """One is signed every minute, and none is ever removed."""
    steps = plan(database, statements()["audit_head_covering"])
    assert any("audit_heads_by_size" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
