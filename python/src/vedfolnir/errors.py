"""The exceptions of vedfolnir: one tree, one class per way a caller can react.

``str(error)`` is safe to show to anybody. What only an operator may read is in ``error.detail`` and, as a note, in
the traceback.
"""

from __future__ import annotations

__all__ = [
    "AuditUnavailable",
    "BadValue",
    "ConfigurationError",
    "Conflict",
    "DeadlineExceeded",
    "Denied",
    "Error",
    "InternalError",
    "KeyUnavailable",
    "NotInstalled",
    "RandomUnavailable",
    "ReadOnly",
    "StoreUnavailable",
    "TooLarge",
    "Unsupported",
]


class Error(Exception):
    """Base of everything vedfolnir raises on its own account."""

    #: For operators' logs only: host names, server answers, sizes.
    detail: str

    def __init__(self, message: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail
        if detail and detail != message:
            self.add_note(detail)


class StoreUnavailable(Error):
    """The stores could not say. Never means "no session"; in Flask it becomes a 503 with Retry-After."""


class DeadlineExceeded(StoreUnavailable):
    """The operation's time ran out; whether it took effect is unknown."""


class AuditUnavailable(StoreUnavailable):
    """SQL could not commit what must be durable before the answer; nothing was written."""


class NotInstalled(StoreUnavailable):
    """The function library is missing in Redis and this user may not install it (``vedfolnir redis install``)."""


class RandomUnavailable(StoreUnavailable):
    """The kernel's random source failed; no session was created."""


class Conflict(Error):
    """Concurrent changes kept winning until the deadline; trying again is safe."""


class Denied(Error):
    """The operation is not allowed: two identities in one session, or somebody else's session."""


class BadValue(Error, TypeError, ValueError):
    """A value cannot be stored; the message names its key path. The stored session is unchanged."""


class TooLarge(Error):
    """The session would exceed its size limit; both sizes are named. The stored session is unchanged."""


class ReadOnly(Error, RuntimeError):
    """The session was already committed (a streamed response), or could not be loaded in this request."""


class ConfigurationError(Error, ValueError):
    """A setting is missing, contradictory or unsafe; the message names it."""


class KeyUnavailable(ConfigurationError):
    """The key ring holds no usable key."""


class Unsupported(Error):
    """A feature this version does not offer."""


class InternalError(Error):
    """A broken invariant of vedfolnir; please report it."""
