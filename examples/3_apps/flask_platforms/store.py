"""The demo's own data: users, their platforms and notes, in one small SQLite file.

Nothing about sessions is in here. Each call opens its own connection: threads and forks share none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import generate_password_hash

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, display TEXT NOT NULL,
    password TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS platforms (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, slug TEXT NOT NULL,
    name TEXT NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users,
    platform_id INTEGER NOT NULL REFERENCES platforms, text TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')));
CREATE INDEX IF NOT EXISTS notes_by_place ON notes (user_id, platform_id, id);
"""


@dataclass(frozen=True)
class DemoAccount:
    """An account whose password stands on the sign-in page: no secret, and no model to follow."""

    name: str
    display: str
    role: str
    password: str


DEMO_ACCOUNTS = (
    DemoAccount("astrid", "Astrid Holm", "Harbour photographer", "northern-lights"),
    DemoAccount("leif", "Leif Sandberg", "Runs the square", "open-water"),
    DemoAccount("sigrun", "Sigrun Vik", "Edits the journal", "first-snow"),
)

# Where each demo user begins: one note on each platform.
FIRST_NOTES = {
    "harbour": "Crop the lighthouse series before Friday.",
    "square": "Answer the thread about the pier.",
    "journal": "Proof-read the piece on winter light.",
}

# (slug, name, kind, address): each demo user gets one of each. The slug picks the page's colour.
PLATFORMS = (
    ("harbour", "Harbour Photos", "Pixelfed", "photos.harbour.example"),
    ("square", "North Square", "Mastodon", "square.north.example"),
    ("journal", "Field Journal", "WordPress", "journal.field.example"),
)


@dataclass(frozen=True)
class User:
    id: int
    name: str
    display: str
    password: str

    # What Flask-Login asks a user for.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return str(self.id)

    @property
    def initials(self) -> str:
        return "".join(word[0] for word in self.display.split())[:2]


@dataclass(frozen=True)
class Platform:
    id: int
    slug: str
    name: str
    kind: str
    address: str


@dataclass(frozen=True)
class Note:
    id: int
    text: str
    created: str


class Store:
    """Reads and writes the demo's SQLite file, and fills it on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.executescript(SCHEMA)
            if db.execute("SELECT count(*) FROM users").fetchone()[0] == 0:
                _fill(db)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as db, db:
            db.execute("PRAGMA foreign_keys = ON")
            yield db

    def user(self, user_id: str) -> User | None:
        with self._open() as db:
            row = db.execute(
                "SELECT id, name, display, password FROM users WHERE id = ?", (user_id,)
            ).fetchone()
        return User(*row) if row else None

    def user_named(self, name: str) -> User | None:
        with self._open() as db:
            row = db.execute(
                "SELECT id, name, display, password FROM users WHERE name = ?", (name,)
            ).fetchone()
        return User(*row) if row else None

    def platforms(self, user_id: int) -> list[Platform]:
        with self._open() as db:
            rows = db.execute(
                "SELECT id, slug, name, kind, address FROM platforms WHERE user_id = ? ORDER BY id",
                (user_id,),
            ).fetchall()
        return [Platform(*row) for row in rows]

    def notes(self, user_id: int, platform_id: int) -> list[Note]:
        with self._open() as db:
            rows = db.execute(
                "SELECT id, text, created FROM notes WHERE user_id = ? AND platform_id = ?"
                " ORDER BY id DESC LIMIT 50",
                (user_id, platform_id),
            ).fetchall()
        return [Note(*row) for row in rows]

    def add_note(self, user_id: int, platform_id: int, text: str) -> None:
        with self._open() as db:
            db.execute(
                "INSERT INTO notes (user_id, platform_id, text) VALUES (?, ?, ?)",
                (user_id, platform_id, text),
            )

    def delete_note(self, user_id: int, note_id: int) -> bool:
        """True if the note was there and belonged to the user."""
        with self._open() as db:
            done = db.execute("DELETE FROM notes WHERE id = ? AND user_id = ?", (note_id, user_id))
            return done.rowcount == 1


def _fill(db: sqlite3.Connection) -> None:
    # Two workers may start at once on an empty file: names are unique, the second one adds nothing.
    for account in DEMO_ACCOUNTS:
        added = db.execute(
            "INSERT OR IGNORE INTO users (name, display, password) VALUES (?, ?, ?)",
            (account.name, account.display, generate_password_hash(account.password)),
        )
        if added.rowcount == 1:
            db.executemany(
                "INSERT INTO platforms (user_id, slug, name, kind, address) VALUES (?, ?, ?, ?, ?)",
                [(added.lastrowid, *platform) for platform in PLATFORMS],
            )
    db.executemany(
        "INSERT INTO notes (user_id, platform_id, text)"
        " SELECT user_id, id, ? FROM platforms WHERE slug = ?"
        " AND NOT EXISTS (SELECT 1 FROM notes WHERE platform_id = platforms.id)",
        [(text, slug) for slug, text in FIRST_NOTES.items()],
    )
