"""The exceptions of the original's manager."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Error


class RedisSessionError(Error):
    """The operation could not be done; the cause says why. Never means "no session"."""


class SessionValidationError(Error):
    """The session, its user or its platform is not as it has to be."""


class SessionExpiredError(SessionValidationError):
    """The session's idle or absolute limit has passed."""


class SessionNotFoundError(SessionValidationError):
    """There is no live session of that name."""


@contextmanager
def translated() -> Iterator[None]:
    """What the core raises, as the exception the original's callers expect."""
    try:
        yield
    except (RedisSessionError, SessionValidationError):
        raise
    except Error as error:
        raise RedisSessionError(str(error), error.detail) from error
