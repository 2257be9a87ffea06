"""The C++ core of vedfolnir. Private: import from vedfolnir."""

from collections.abc import Callable, Mapping
import datetime
from typing import Any, Final


class RequestContext:
    """What the core needs to know of one HTTP request."""

    def __init__(self, cookie_header: bytes = ..., user_agent: str = '', client_address: str = '', passive: bool = False, traceparent: str = '') -> None: ...

    def with_cookie(self, cookie_header: bytes) -> RequestContext:
        """The same request as if it had come with that Cookie header."""

    @property
    def trace_id(self) -> str:
        """
        Of the traceparent header if that was well-formed, else made with the first look.
        """

    @property
    def passive(self) -> bool: ...

    @passive.setter
    def passive(self, arg: bool, /) -> None: ...

    @property
    def cookie_again(self) -> bool: ...

    @cookie_again.setter
    def cookie_again(self, arg: bool, /) -> None: ...

    @property
    def cookie_max_age(self) -> int | None:
        """Seconds; counts where the settings name no Max-Age."""

    @cookie_max_age.setter
    def cookie_max_age(self, seconds: int | None) -> None: ...

    @property
    def permanent_max_age(self) -> int | None:
        """The same, but only for a session that is permanent when it is written."""

    @permanent_max_age.setter
    def permanent_max_age(self, seconds: int | None) -> None: ...

class CommitResult:
    """What a commit did."""

    @property
    def action(self) -> str: ...

    @property
    def set_cookie(self) -> str | None: ...

    @property
    def ending(self) -> str: ...

class SessionInfo:
    """A session as people may see it: no id, no payload."""

    @property
    def handle(self) -> str: ...

    @property
    def user_id(self) -> str: ...

    @property
    def created(self) -> datetime.datetime: ...

    @property
    def last_seen(self) -> datetime.datetime: ...

    @property
    def absolute_expiry(self) -> datetime.datetime: ...

    @property
    def device(self) -> str: ...

    @property
    def place(self) -> str: ...

    @property
    def platform(self) -> str: ...

    @property
    def ended(self) -> datetime.datetime | None: ...

    @property
    def end_reason(self) -> str: ...

    @property
    def live(self) -> bool | None: ...

    @property
    def generation(self) -> int | None: ...

    @property
    def stored_bytes(self) -> int: ...

class StoreInfo:
    """What the hot store says of itself."""

    @property
    def product(self) -> str:
        """"Redis" or "Valkey"."""

    @property
    def version(self) -> str: ...

    @property
    def connected_clients(self) -> int | None: ...

    @property
    def used_memory(self) -> int | None:
        """Bytes."""

    @property
    def used_memory_human(self) -> str: ...

    @property
    def keyspace_hits(self) -> int | None: ...

    @property
    def keyspace_misses(self) -> int | None: ...

class AuditEntry:
    """One entry of the audit trail."""

    @property
    def id(self) -> int: ...

    @property
    def at(self) -> datetime.datetime: ...

    @property
    def type(self) -> str: ...

    @property
    def handle(self) -> str | None: ...

    @property
    def user_id(self) -> str: ...

    @property
    def actor(self) -> str: ...

    @property
    def detail(self) -> str:
        """A JSON object."""

class Timing:
    """How long an operation took, waiting included."""

    @property
    def count(self) -> int: ...

    @property
    def sum_us(self) -> int:
        """Microseconds in all."""

    @property
    def buckets(self) -> list[int]: ...

    bounds_us: Final[list[int]] = ...
    """Upper bounds of the buckets, included; the last bucket has none."""

class Counters:
    """Numbers since this process started; monotonic."""

    @property
    def store_commands(self) -> int: ...

    @property
    def sql_statements(self) -> int: ...

    @property
    def loads(self) -> int: ...

    @property
    def loads_found(self) -> int: ...

    @property
    def loads_unknown(self) -> int: ...

    @property
    def cookies_malformed(self) -> int: ...

    @property
    def cookies_forged(self) -> int: ...

    @property
    def cookies_ambiguous(self) -> int: ...

    @property
    def records_unreadable(self) -> int: ...

    @property
    def creates(self) -> int: ...

    @property
    def saves(self) -> int: ...

    @property
    def touches(self) -> int: ...

    @property
    def logins(self) -> int: ...

    @property
    def endings(self) -> int: ...

    @property
    def endings_pending(self) -> int: ...

    @property
    def merges(self) -> int: ...

    @property
    def conflicts_same_key(self) -> int: ...

    @property
    def commits_dropped(self) -> int: ...

    @property
    def slow_operations(self) -> int: ...

    @property
    def journal_entries(self) -> int: ...

    @property
    def journal_since_ms(self) -> int: ...

    @property
    def audit_dropped(self) -> int: ...

    @property
    def changes_lost(self) -> int:
        """
        Values changed in place by a streamed body, after the session was saved.
        """

    @property
    def near_hits(self) -> int: ...

    @property
    def near_stale(self) -> int: ...

    @property
    def near_fills(self) -> int: ...

    @property
    def near_fills_refused(self) -> int: ...

    @property
    def near_invalidations(self) -> int: ...

    @property
    def fallback_reads(self) -> int: ...

    @property
    def fallback_writes(self) -> int: ...

    @property
    def fallback_unknown(self) -> int: ...

    @property
    def fallback_refused(self) -> int: ...

    @property
    def fallback_restored(self) -> int: ...

    @property
    def fallback_conflicts(self) -> int: ...

    @property
    def fallback_active(self) -> int: ...

    @property
    def fallback_ahead(self) -> int: ...

    @property
    def cleanup_runs(self) -> int: ...

    @property
    def cleanup_failures(self) -> int: ...

    @property
    def cleanup_removed(self) -> int: ...

    @property
    def cleanup_closed(self) -> int: ...

    @property
    def cleanup_ms(self) -> int: ...

    @property
    def retention_removed(self) -> int: ...

    @property
    def snapshots_written(self) -> int: ...

    @property
    def snapshots_failures(self) -> int: ...

    @property
    def snapshots_lag_ms(self) -> int: ...

class SessionCost:
    """What one request's session cost it so far."""

    @property
    def source(self) -> str:
        """
        Who answered the load: "near cache", "store", or "none" (there was nothing to ask).
        """

    @property
    def store_commands(self) -> int:
        """Commands sent to Redis for this session by its load, commit and login."""

    @property
    def load_us(self) -> float:
        """Microseconds of the load, waiting included."""

    @property
    def commit_us(self) -> float:
        """Microseconds of commits and remembered logins, waiting included."""

    def __repr__(self) -> str: ...

class Session:
    """One request's view of a session."""

    def __init__(self) -> None:
        """An empty session that no store knows."""

    @property
    def reason(self) -> str: ...

    @property
    def found(self) -> bool: ...

    @property
    def handle(self) -> str | None: ...

    @property
    def user_id(self) -> str: ...

    @property
    def created(self) -> datetime.datetime: ...

    @property
    def last_seen(self) -> datetime.datetime: ...

    @property
    def absolute_expiry(self) -> datetime.datetime: ...

    @property
    def device(self) -> str: ...

    @property
    def place(self) -> str: ...

    @property
    def platform(self) -> str:
        """Value of the audited platform key, as stored."""

    @property
    def generation(self) -> int: ...

    @property
    def cost(self) -> SessionCost: ...

    @property
    def committed(self) -> bool: ...

    def keys(self) -> list[str]:
        """Names of all keys, sorted."""

    def contains(self, key: str) -> bool: ...

    def get(self, key: str, missing: object = None) -> Any:
        """The decoded value, a new object at each call."""

    def set(self, key: str, value: object) -> None:
        """Encodes and keeps the value. Raises BadValue, TooLarge, ReadOnly."""

    def set_if_changed(self, key: str, value: object) -> bool:
        """As set, but only where the encoded bytes differ; True if they did."""

    def encode(self, key: str, value: object) -> bytes:
        """The bytes that `set` would keep, without keeping them."""

    def encoded(self, key: str) -> bytes | None: ...

    def set_encoded(self, key: str, data: bytes) -> None:
        """Keeps bytes that `encoded` of another session gave."""

    def erase(self, key: str) -> bool:
        """True if the key was there."""

    def clear(self) -> None: ...

    def mark_login(self) -> None:
        """This request authenticated the user: the commit rotates the id."""

    def mark_remembered(self) -> None:
        """The identity came from a remember-me token."""

class SessionManager:
    """The synchronous face of the core; safe from many threads."""

    @staticmethod
    def open(arguments: Mapping[str, str], environment: Mapping[str, str], framework: Mapping[str, str] | None = None) -> SessionManager:
        """
        Reads the settings and wires the stores. Opens no socket and starts no thread.
        """

    def load(self, request: RequestContext) -> Session: ...

    def commit_due(self, session: Session, request: RequestContext) -> bool:
        """False: a commit would write nothing."""

    def commit(self, session: Session, request: RequestContext) -> CommitResult: ...

    def login_remembered(self, session: Session, request: RequestContext, token: str) -> CommitResult:
        """
        Logs the session in by a remember-me token, together with parallel requests of that token. The session goes on afterwards.
        """

    def create_named(self, session: Session, request: RequestContext) -> str:
        """Commits a login made without a request; the cookie value."""

    def load_named(self, name: str) -> Session | None: ...

    def touch_named(self, name: str) -> bool: ...

    def end(self, name: str, reason: str, actor: str, owner: str = '', trace_id: str = '') -> str:
        """
        Ends the session of that handle or cookie value; with `owner`, only if it is one of that user's.
        """

    def end_user(self, user_id: str, keep: str | None, reason: str, actor: str, trace_id: str = '') -> tuple[str, int]:
        """How it was acknowledged, and how many sessions were live."""

    def sessions(self, user_id: str = '', include_ended: bool = False, limit: int = 100, after: str | None = None) -> list[SessionInfo]: ...

    def audit(self, user_id: str = '', handle: str | None = None, type: str = '', since: datetime.datetime | None = None, until: datetime.datetime | None = None, limit: int = 100, before_id: int = 0, trace_id: str = '') -> list[AuditEntry]: ...

    def close_expired(self) -> int:
        """Closes the SQL rows of sessions past their absolute end; how many."""

    def store_info(self) -> StoreInfo:
        """
        Figures of the hot store's server; None where it has none or may not tell.
        """

    def ping(self) -> None:
        """
        Raises StoreUnavailable or AuditUnavailable, naming who does not answer.
        """

    def counters(self) -> Counters: ...

    def metrics_text(self) -> str:
        """
        What this process counted, in the text format of Prometheus. Asks no store.
        """

    def metrics_json(self) -> str:
        """The same metrics as JSON."""

    def timings(self) -> dict[str, Timing]:
        """
        By operation: load (that a store was asked for), create, save, touch, login, end, commit_failed.
        """

    def count_lost_changes(self, count: int) -> None: ...

    def mint_id(self) -> str:
        """A new id (cookie value) that no store knows."""

    def is_own_id(self, text: str) -> bool:
        """Whether a process with this key ring issued that id."""

    @property
    def warnings(self) -> list[str]: ...

    @property
    def permanent_lifetime(self) -> int | None: ...

    @property
    def cookie_name(self) -> str: ...

    @property
    def cookie_secure(self) -> bool: ...

    @property
    def idle_seconds(self) -> int: ...

    @property
    def absolute_seconds(self) -> int: ...

    @property
    def store(self) -> str:
        """Where the records are: redis, database or memory."""

    @property
    def redis(self) -> dict[str, Any]:
        """How Redis is reached, password included."""

    @property
    def prefix(self) -> str: ...

    @property
    def identity_keys(self) -> list[str]: ...

    @property
    def request_local_keys(self) -> list[str]: ...

    @property
    def dropped_at_login(self) -> list[str]: ...

    @property
    def twin_keys(self) -> list[list[str]]: ...

def find_cookie(header: bytes, name: str) -> str | None:
    """
    The one cookie of that name in the bytes of a Cookie header; None if there is none, or doubt.
    """

def redis_settings(arguments: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, Any]: ...

def set_hub_choice(choice: Callable[[], Callable[[int, float], None] | None]) -> None:
    """
    Whom every wait asks how this thread waits: by `wait(fd, seconds)`, or blocked (None).
    """

def encode_value(value: object) -> bytes:
    """The payload bytes of one value, under the default limits."""

def decode_value(data: bytes) -> Any:
    """The inverse of encode_value."""
