"""A stand-in for the application's ``db_manager`` and its SQLAlchemy sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from types import SimpleNamespace
from typing import Any


class Role(Enum):
    ADMIN = "admin"


class User:
    def __init__(self, user_id: Any, is_active: bool = True) -> None:
        self.id, self.is_active = user_id, is_active
        self.username, self.email, self.role = "seven", "seven@example.org", Role.ADMIN


class Platform:
    def __init__(self, platform_id: int, user_id: int) -> None:
        self.id, self.user_id = platform_id, user_id
        self.name, self.platform_type = "My pixels", "pixelfed"
        self.instance_url, self.username, self.is_active = "https://pixels.example", "seven", True


class Database:
    """Looks like the application's db_manager, with SQLAlchemy-like sessions."""

    User, PlatformConnection = User, Platform

    def __init__(self) -> None:
        self.open = 0
        self.rows: dict[tuple[type, Any], Any] = {
            (User, 7): User(7),
            (User, 8): User(8, is_active=False),
            (Platform, 70): Platform(70, 7),
            (Platform, 90): Platform(90, 9),
        }

    def get_session(self) -> Any:
        self.open += 1
        first = SimpleNamespace(first=lambda: self.rows[Platform, 70])
        query = SimpleNamespace(filter_by=lambda **_: first)
        return SimpleNamespace(
            get=lambda model, key: self.rows.get((model, key)),
            query=lambda _: query,
            commit=lambda: None,
            rollback=lambda: None,
        )

    def close_session(self, db: Any) -> None:
        self.open -= 1


def add_users(database: Database, user_ids: Iterable[Any]) -> Callable[[Any], User]:
    for user_id in user_ids:
        database.rows[User, user_id] = User(user_id)
    return lambda user_id: database.rows[User, user_id]
