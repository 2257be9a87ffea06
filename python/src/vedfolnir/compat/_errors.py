"""The exceptions of the original's manager."""

from __future__ import annotations

from ..errors import Error


class RedisSessionError(Error):
    """The operation could not be done; the cause says why. Never means "no session"."""


class SessionValidationError(Error):
    """The session, its user or its platform is not as it has to be."""


class SessionExpiredError(SessionValidationError):
    """The session's idle or absolute limit has passed."""


class SessionNotFoundError(SessionValidationError):
    """There is no live session of that name."""
