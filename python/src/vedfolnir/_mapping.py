"""The mapping that ``flask.session`` is, over the core's view of one request's session."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from flask.sessions import SessionMixin

from . import _core
from .errors import BadValue

if TYPE_CHECKING:
    from .flask import VedfolnirInterface

#: Where Flask-Login keeps what its ``after_request`` is to do with the remember cookie, and the word for "delete it".
REMEMBER_KEY: Final = "_remember"
REMEMBER_CLEAR: Final = "clear"

_MISSING: Final = object()


class SessionMapping(SessionMixin, ABC):
    """Reads and writes; when to load and whether one may write is for the subclass to say."""

    _interface: VedfolnirInterface
    _loaded: _core.Session | None = None
    #: What was handed out or assigned in this request. Keeps `session["cart"] is session["cart"]`.
    _values: dict[str, Any]
    #: Keys that are never loaded or stored (Flask-Login's `_remember`); made with the first one.
    _local: Mapping[str, Any] = MappingProxyType({})
    #: True after a write, and as assigned; None: only changes inside values can have happened.
    _modified: bool | None = None

    @abstractmethod
    def _read(self) -> _core.Session:
        """The core's session, loaded."""

    @abstractmethod
    def _write(self) -> _core.Session:
        """The same, for a change. Errors: ReadOnly."""

    @abstractmethod
    def _cookie_again(self) -> None:
        """The browser has to learn of a new lifetime of its cookie."""

    def __getitem__(self, key: str) -> Any:
        value = self._find(key)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        value = self._find(key)
        return default if value is _MISSING else value

    def _find(self, key: str) -> Any:
        interface = self._interface
        if key in interface.request_local:
            return self._local.get(key, _MISSING)
        core = self._loaded or self._read()
        if not isinstance(key, str):
            return _MISSING
        stored = interface.stored_names.get(key, key)
        value = self._values.get(stored, _MISSING)
        if value is _MISSING:
            value = core.get(stored, _MISSING)
            if value is not _MISSING:
                self._values[stored] = value
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self._interface.request_local:
            self._local = {**self._local, key: value}
            return
        core = self._write()
        if not isinstance(key, str):
            raise BadValue(f"session[{key!r}]: a key must be str, not {type(key).__name__}")
        stored = self._interface.stored_names.get(key, key)
        if stored == "_permanent" and value != core.get(stored):
            self._cookie_again()
        core.set(stored, value)
        self._values[stored] = value
        self._modified = True

    def __delitem__(self, key: str) -> None:
        if key in self._interface.request_local:
            kept = dict(self._local)
            del kept[key]
            self._local = kept
            return
        core = self._write()
        if not isinstance(key, str) or not core.erase(key):
            raise KeyError(key)
        self._values.pop(self._interface.stored_names.get(key, key), None)
        self._modified = True

    def clear(self) -> None:
        core = self._write()
        core.clear()
        self._values.clear()
        # `logout_user(); session.clear()` is a usual sign-out. The first leaves an order for the end of the request: to
        # delete the remember cookie. It is no session data, and without it the next request would log in again.
        keep = self._local.get(REMEMBER_KEY) == REMEMBER_CLEAR
        self._local = {REMEMBER_KEY: REMEMBER_CLEAR} if keep else MappingProxyType({})
        self._modified = True

    def __contains__(self, key: object) -> bool:
        if key in self._interface.request_local:
            return key in self._local
        core = self._read()
        return isinstance(key, str) and core.contains(key)

    def __iter__(self) -> Iterator[str]:
        return iter([*self._read().keys(), *self._local])

    def __reversed__(self) -> Iterator[str]:
        return reversed([*self._read().keys(), *self._local])

    def __len__(self) -> int:
        return len(self._read().keys()) + len(self._local)

    def popitem(self) -> tuple[str, Any]:
        for key in reversed(self):
            return key, self.pop(key)
        raise KeyError("popitem(): the session is empty")

    def copy(self) -> dict[str, Any]:
        return dict(self)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(dict(self), memo)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other} if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self} if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]  # a dict's | is wider, too
        self.update(other)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict(self)!r}>"
