"""The shapes of compat_names.toml, read and compared."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

PLAIN: dict[str, type] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "dict": dict,
    "list": list,
    "datetime": datetime,
    "timedelta": timedelta,
}


class Shapes:
    """``classes`` are known by name; ``is_cookie`` says whether a text is a cookie value of ours."""

    def __init__(self, classes: dict[str, type], is_cookie: Callable[[str], bool]) -> None:
        self._classes = classes
        self._is_cookie = is_cookie

    def matches(self, shape: str, value: Any) -> bool:
        return self._matches(ast.parse(shape, mode="eval").body, value)

    def _matches(self, shape: ast.expr, value: Any) -> bool:
        match shape:
            case ast.BinOp(left, ast.BitOr(), right):
                return self._matches(left, value) or self._matches(right, value)
            case ast.Constant(None):
                return value is None
            case ast.Name(name):
                return self._named(name, value)
            case ast.Subscript(ast.Name("list"), item):
                return type(value) is list and all(self._matches(item, each) for each in value)
            case ast.Dict(keys, shapes):
                names = [key.value for key in keys if isinstance(key, ast.Constant)]
                return (
                    type(value) is dict
                    and list(value) == names
                    and all(
                        self._matches(each, value[name])
                        for name, each in zip(names, shapes, strict=True)
                    )
                )
        raise ValueError(f"no shape: {ast.unparse(shape)}")

    def _named(self, name: str, value: Any) -> bool:
        if name == "Any":
            return True
        if name == "handle":
            return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{32}", value))
        if name == "cookie":
            return isinstance(value, str) and self._is_cookie(value)
        if name in PLAIN:
            return type(value) is PLAIN[name]
        return type(value) is self._classes[name]
