"""``redis_client``: a redis-py client to the Redis of the sessions, for the application's own keys."""

from __future__ import annotations

import importlib
from typing import Any
from urllib.parse import quote

from .. import _core
from ._errors import RedisSessionError


def redis_client_of(manager: _core.SessionManager) -> Any:
    """A client made of the settings the sessions use. Connects on its first command; texts are decoded.

    Sessions themselves are sealed: read and write them through the manager. The Redis user of the sessions may be
    allowed nothing but our keys and functions; then other commands are refused by the server (NOPERM).
    Errors: RedisSessionError, where sessions are not in Redis or redis-py is not installed."""
    if manager.store != "redis":
        raise RedisSessionError(
            f"There is no redis_client: SESSION_STORAGE={manager.store} keeps no session in Redis."
        )
    try:
        redis = importlib.import_module("redis")
    except ImportError as error:
        raise RedisSessionError(
            "redis_client needs the package redis: pip install 'vedfolnir[redis]'"
        ) from error
    return redis.Redis(**_arguments_of(manager.redis))


def _arguments_of(settings: dict[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "db": settings["db"],
        "username": settings["username"] or None,
        "password": settings["password"] or None,
        "socket_connect_timeout": settings["connect_timeout"],
        "decode_responses": True,
    }
    if settings["unix_socket"]:
        return {**arguments, "unix_socket_path": settings["unix_socket"]}
    arguments |= {"host": settings["host"], "port": settings["port"]}
    if not settings["ssl"]:
        return arguments
    return {
        **arguments,
        "ssl": True,
        "ssl_cert_reqs": "required" if settings["ssl_verify"] else "none",
        "ssl_check_hostname": settings["ssl_verify"],
        "ssl_ca_certs": settings["ssl_ca_file"] or None,
        "ssl_certfile": settings["ssl_certificate_file"] or None,
        "ssl_keyfile": settings["ssl_key_file"] or None,
    }


def options_of_client(client: Any) -> dict[str, object]:
    """Where a redis-py client goes, as options of ``Vedfolnir(app)``. The client itself is not used."""
    given: dict[str, Any] = client.connection_pool.connection_kwargs
    secured = any(name.startswith("ssl_") for name in given)
    user = quote(given.get("username") or "", safe="")
    password = quote(given.get("password") or "", safe="")
    login = f"{user}:{password}@" if user or password else ""
    number = given.get("db") or 0
    if "path" in given:
        return {"redis_url": f"unix://{login}{given['path']}?db={number}"}
    place = f"{given.get('host', 'localhost')}:{given.get('port', 6379)}/{number}"
    options: dict[str, object] = {
        "redis_url": f"{'rediss' if secured else 'redis'}://{login}{place}"
    }
    for name in ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        if given.get(name) is not None:
            options[f"redis_{name}"] = given[name]
    return options
