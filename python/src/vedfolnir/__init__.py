"""Server-side sessions for Flask: Redis for speed, SQL for what must not be lost.

from vedfolnir import Vedfolnir

Vedfolnir(app)  # then plain flask.session
"""

from . import _core, _green
from ._helpers import (
    Ending,
    SessionInfo,
    current_session,
    end_other_sessions,
    end_session,
    login,
    logout,
    passive,
    session_cost,
    sessions,
    switch_platform,
)
from ._trace import TraceFilter, current_trace_id
from .errors import (
    AuditUnavailable,
    BadValue,
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    Denied,
    Error,
    InternalError,
    KeyUnavailable,
    NotInstalled,
    RandomUnavailable,
    ReadOnly,
    StoreUnavailable,
    TooLarge,
    Unsupported,
)
from .flask import Vedfolnir

_core.set_hub_choice(_green.waiter)

__all__ = [
    "AuditUnavailable",
    "BadValue",
    "ConfigurationError",
    "Conflict",
    "DeadlineExceeded",
    "Denied",
    "Ending",
    "Error",
    "InternalError",
    "KeyUnavailable",
    "NotInstalled",
    "RandomUnavailable",
    "ReadOnly",
    "SessionInfo",
    "StoreUnavailable",
    "TooLarge",
    "TraceFilter",
    "Unsupported",
    "Vedfolnir",
    "current_session",
    "current_trace_id",
    "end_other_sessions",
    "end_session",
    "login",
    "logout",
    "passive",
    "session_cost",
    "sessions",
    "switch_platform",
]
