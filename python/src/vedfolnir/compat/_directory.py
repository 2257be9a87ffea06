"""Users and platforms, asked of the application's own database where ``db_manager`` knows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from ._errors import SessionValidationError

USER_FIELDS = ("id", "username", "email", "role")
PLATFORM_FIELDS = ("id", "name", "platform_type", "instance_url", "username", "is_active")


class Directory:
    """Checks ownership through ``db_manager.User`` and ``db_manager.PlatformConnection`` (SQLAlchemy models).

    An object without these models has no say: the checks are skipped, and the caller's word counts."""

    def __init__(self, db_manager: Any) -> None:
        self._db_manager = db_manager
        self._users = getattr(db_manager, "User", None)
        self._platforms = getattr(db_manager, "PlatformConnection", None)

    def platform_for(self, user_id: Any, platform_id: Any) -> Any:
        """The platform a new session begins with: the one asked for, or the user's default.

        Errors: SessionValidationError, for an unknown or inactive user or somebody else's platform."""
        self._check_user(user_id)
        if platform_id is not None:
            self.check_platform(user_id, platform_id)
            return platform_id
        return self._default_platform(user_id)

    def check_platform(self, user_id: Any, platform_id: Any) -> None:
        if self._platforms is None:
            return
        with self.database() as db:
            platform = db.get(self._platforms, platform_id)
            if platform is None or str(platform.user_id) != str(user_id):
                raise SessionValidationError("The platform is not one of this user.")

    def user_info(self, user_id: Any) -> dict[str, Any] | None:
        """``id, username, email, role`` of a user; None where nobody knows."""
        return self._describe(self._users, user_id, USER_FIELDS)

    def platform_info(self, platform_id: Any) -> dict[str, Any] | None:
        """``id, name, platform_type, instance_url, username, is_active`` of a platform; None where nobody knows."""
        return self._describe(self._platforms, platform_id, PLATFORM_FIELDS)

    def _describe(self, model: Any, key: Any, fields: tuple[str, ...]) -> dict[str, Any] | None:
        if model is None or key is None:
            return None
        with self.database() as db:
            found = db.get(model, int(key) if str(key).isdecimal() else key)
            if found is None:
                return None
            return {name: _plain(getattr(found, name, None)) for name in fields}

    def _check_user(self, user_id: Any) -> None:
        if self._users is None:
            return
        with self.database() as db:
            user = db.get(self._users, user_id)
            if user is None or not user.is_active:
                raise SessionValidationError("The user is unknown or inactive.")

    def _default_platform(self, user_id: Any) -> Any:
        if self._platforms is None:
            return None
        with self.database() as db:
            wanted = {"user_id": user_id, "is_default": True, "is_active": True}
            platform = db.query(self._platforms).filter_by(**wanted).first()
            return None if platform is None else platform.id

    @contextmanager
    def database(self) -> Iterator[Any]:
        db = self._db_manager.get_session()
        try:
            yield db
        finally:
            close = getattr(self._db_manager, "close_session", None)
            if close is None:
                db.close()
            else:
                close(db)


def _plain(value: Any) -> Any:
    """An enum by its value: what is handed out has to be storable and usable without the model."""
    return value.value if isinstance(value, Enum) else value
