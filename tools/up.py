"""./x up: the demo under gunicorn, on a Redis of its own, until Ctrl-C. With --check: driven once.

With --check --faults its Redis is killed, emptied, frozen and stopped meanwhile, and nobody may notice.

Everything it writes is in .run/ (private), so that sessions and notes survive a restart.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib
import os
import secrets
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drive import Target

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent / "examples" / "3_apps")]

try:
    import stack
except ModuleNotFoundError as missing:
    sys.exit(f"x: the Python package {missing.name!r} is missing; run ./x build, which installs it")

PORT_WANTED = 5000
PORTS_TRIED = 50
REDIS_AWAY_SECONDS = 15
FAULT_SECONDS = 60
AWAY_MAX = 3600
SHOWN = ("REDIS_URL", "VEDFOLNIR_ENV", "VEDFOLNIR_STATE_DIR", "SESSION_COOKIE_SECURE")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./x up", description=__doc__)
    parser.add_argument("--check", action="store_true", help="drive the stack once and exit 0 or 1")
    parser.add_argument(
        "--faults",
        action="store_true",
        help="with --check: whether the users stay while Redis is killed, emptied, frozen, stopped",
    )
    parser.add_argument(
        "--away",
        type=float,
        metavar="SECONDS",
        help=f"with --faults: how long Redis is frozen, then stopped (default: {FAULT_SECONDS})",
    )
    parser.add_argument("--port", type=int, help=f"default: {PORT_WANTED} or the next free one")
    arguments = parser.parse_args()
    if arguments.faults and not arguments.check:
        parser.error("--faults goes with --check")
    if arguments.away is not None and not (arguments.faults and 0 < arguments.away <= AWAY_MAX):
        parser.error(f"--away goes with --faults, and is more than 0 and at most {AWAY_MAX}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _require_build()
        if arguments.check:
            return _check_faults(arguments.away or FAULT_SECONDS) if arguments.faults else _check()
        _serve(arguments.port)
    except stack.StackError as error:
        print(f"x: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _require_build() -> None:
    try:
        import vedfolnir  # noqa: F401, PLC0415
    except ImportError as error:
        raise stack.StackError(
            f"the Python package is not built ({error}); run ./x build"
        ) from None
    if not stack.CLI.exists():
        raise stack.StackError("build/bin/vedfolnir is not built; run ./x build")


def _serve(port: int | None) -> None:
    folder = stack.ROOT / ".run"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise stack.StackError(
                "./x up already runs in this folder; end that one first"
            ) from None
        port = _choose_port(port)
        with stack.Redis(folder / "redis", folder / "redis.log") as redis:
            environment = stack.demo_environment(folder, redis.url, _secret_key(folder))
            log = folder / "gunicorn.log"
            with stack.Gunicorn(stack.DEMO, port, environment, log) as web:
                _print_banner(web.url, environment, redis)
                _watch(redis, web)


def _choose_port(wanted: int | None) -> int:
    if wanted is not None:
        if not stack.is_free(wanted):
            raise stack.StackError(
                f"port {wanted} is in use by another program; choose another one"
            )
        return wanted
    for port in range(PORT_WANTED, PORT_WANTED + PORTS_TRIED):
        if stack.is_free(port):
            if port != PORT_WANTED:
                print(f"Port {PORT_WANTED} is in use by another program; taking {port} instead.")
            return port
    raise stack.StackError(
        f"ports {PORT_WANTED} to {PORT_WANTED + PORTS_TRIED - 1} are all in use; give one with --port"
    )


def _secret_key(folder: Path) -> str:
    """Made once and kept, so that remember cookies survive a restart."""
    path = folder / "flask_secret_key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            file.write(secrets.token_hex())
    return path.read_text()


def _print_banner(url: str, environment: dict[str, str], redis: stack.Redis) -> None:
    from flask_platforms.store import DEMO_ACCOUNTS  # noqa: PLC0415

    accounts = "\n".join(f"    {each.name:<8} {each.password}" for each in DEMO_ACCOUNTS)
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    shown = {name: environment[name] for name in SHOWN} | {"OPERATOR_URL": redis.operator_url}
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in shown.items())
    print(
        f"""
  Vedfolnir Platforms is at  {bold}{url}{plain}

  Demo accounts
{accounts}

  Development only: plain http, so SESSION_COOKIE_SECURE is off, and the keys were made by itself.

  The operator's view, in another terminal:
    export {exports}
    {stack.CLI.relative_to(stack.ROOT)} sessions list
  What to do when something is wrong: docs/operate. Its $OPERATOR_URL is set, $DATA_DIR is .run/redis.

  To see it without Redis: kill {redis.pid} (it comes back after {REDIS_AWAY_SECONDS} s).

  Logs and data are in .run/. Ctrl-C stops everything.
""",
        flush=True,
    )


def _watch(redis: stack.Redis, web: stack.Gunicorn) -> None:
    """Waits for Ctrl-C. A Redis that was killed comes back after a while, to show both sides of it."""
    pause = threading.Event()
    while not pause.wait(0.5):
        if not web.running:
            raise stack.StackError(f"gunicorn ended. Its log ends:\n{stack.log_tail(web.log)}")
        if not redis.running:
            print(f"Redis ended; starting it again in {REDIS_AWAY_SECONDS} s.", flush=True)
            pause.wait(REDIS_AWAY_SECONDS)
            redis.stop()
            redis.start()
            print("Redis is back.", flush=True)


def _check() -> int:
    check = _tool("check")
    stack.program("chromium")
    with _temporary_demo() as target:
        return int(check.run(target))


def _check_faults(away: float) -> int:
    check_faults = _tool("check_faults")
    with _temporary_demo() as target:
        return int(check_faults.run(target, stack.WORKERS, away))


def _tool(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise stack.StackError(
            f"the Python package {missing.name!r} is missing; run ./x build, which installs it"
        ) from None


@contextmanager
def _temporary_demo() -> Iterator[Target]:
    """A demo in a folder of its own, which goes with it."""
    import drive  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedfolnir-check-") as name:
        folder = Path(name)
        with stack.Redis(folder / "redis") as redis:
            environment = stack.demo_environment(folder, redis.url, secrets.token_hex())
            log = folder / "gunicorn.log"
            with stack.Gunicorn(stack.DEMO, stack.free_port(), environment, log) as web:
                yield drive.Target(web.url, redis, environment, log)


if __name__ == "__main__":
    sys.exit(main())
