"""``unified_session_manager`` (v378 to HEAD): the documented manager under its other name."""

from __future__ import annotations

from typing import Any

from ._manager import RedisSessionManager

__all__ = ["UnifiedSessionManager"]


class UnifiedSessionManager(RedisSessionManager):
    def get_session(self) -> Any:
        """As ``get_db_session``: a session of the application's *database*; whoever asks closes it."""
        return self.get_db_session()
