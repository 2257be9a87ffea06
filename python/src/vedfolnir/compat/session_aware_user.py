"""``SessionAwareUser``: a user object that outlives its database session."""

from __future__ import annotations

from typing import Any

from ._directory import Directory

__all__ = ["SessionAwareUser"]


class SessionAwareUser:
    """Stands in for a user model in Flask-Login. What the wrapped object cannot load any more, because its database
    session is closed, is read from ``session_manager.db_manager``."""

    def __init__(self, user: Any, session_manager: Any = None) -> None:
        self._user = user
        self._session_manager = session_manager

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def is_anonymous(self) -> bool:
        return False

    def get_id(self) -> str:
        return str(self.id)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return getattr(self._user, name)
        except Exception as error:
            # By name: SQLAlchemy is the application's choice, not ours.
            if type(error).__name__ != "DetachedInstanceError" or self._session_manager is None:
                raise
        return self._read_again(name)

    def _read_again(self, name: str) -> Any:
        directory = Directory(self._session_manager.db_manager)
        # The primary key is what a detached instance still knows.
        (key,) = type(self._user).__mapper__.primary_key_from_instance(self._user)
        with directory.database() as db:
            found = db.get(type(self._user), key)
            if found is None:
                raise AttributeError(name)
            return getattr(found, name)
