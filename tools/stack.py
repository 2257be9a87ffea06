"""Starts and stops the processes of a working stack; for ./x up, the browser tests and the bench.

Each object owns exactly the process it started: it is stopped by `stop()` or the end of the `with`
block, and dies with this process if that is killed. Servers listen on loopback or a private socket.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "3_apps"
CLI = ROOT / "build" / "bin" / "vedfolnir"
DEMO = "flask_platforms:create_app()"
WORKERS = 2
TOOLS_USER = "tools"
# A path in sockaddr_un has 108 bytes, and Redis adds nothing to it.
UNIX_PATH_MAX = 100


class StackError(RuntimeError):
    """Something needed for the stack is missing or did not start; the text says what to do."""


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Polls until the condition holds. Raises StackError when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, package: str | None = None) -> str:
    """The path of a system program, or words on how to get it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin")
    if path is None:
        raise StackError(
            f"{name} is not installed. As root: apt-get install {package or name}"
            " (./x build does this by itself when it runs as root)"
        )
    return path


def redis_program() -> str:
    """The path of the server to start as Redis: VEDFOLNIR_TEST_REDIS_SERVER, else redis-server."""
    return program(os.environ.get("VEDFOLNIR_TEST_REDIS_SERVER") or "redis-server")


def log_tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _user_names(acl: str) -> list[str]:
    return re.findall(r"^user (\S+)", acl, re.M)


class Process:
    """One child process in a group of its own, with its output in a log file."""

    name = "process"

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        if self._process is None:
            raise StackError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def launch(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [program("setpriv", "util-linux"), "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
            )

    def wait_ready(self, ready: Callable[[], bool], seconds: float = 30.0) -> None:
        def ready_or_dead() -> bool:
            return not self.running or ready()

        wait_until(ready_or_dead, f"{self.name} answers", seconds)
        if not self.running:
            raise StackError(f"{self.name} did not start. Its log ends:\n{log_tail(self.log)}")

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is None:
            return
        if self.running:
            self.send(number)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._process = None


class Redis(Process):
    """A Redis or Valkey on a private Unix socket, with an append-only file and the users of deploy/redis."""

    name = "redis-server"

    def __init__(
        self, folder: Path, log: Path | None = None, *, prefix: Sequence[str] = ()
    ) -> None:
        super().__init__(log or folder / "redis.log")
        self.folder = folder
        self._prefix = prefix
        self._socket_folder: str | None = None
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.socket = folder / "redis.sock"
        self._passwords = self._write_users()

    @property
    def url(self) -> str:
        """For the application: its user may run our functions on our keys, and nothing else."""
        return self._url_of("vedfolnir")

    @property
    def operator_url(self) -> str:
        """For the runbooks: what the application may, and SCAN and FUNCTION LOAD."""
        return self._url_of("vedfolnir-operator")

    @property
    def tools_url(self) -> str:
        """For those who look in from outside: everything is permitted."""
        return self._url_of(TOOLS_USER)

    def client(self, retries: int = 3) -> redis.Redis:
        """`retries`: of a command that meets a broken connection or LOADING, seconds apart."""
        return redis.Redis(
            unix_socket_path=str(self.socket),
            username=TOOLS_USER,
            password=self._passwords[TOOLS_USER],
            retry=Retry(ExponentialWithJitterBackoff(), retries),
        )

    def start(self) -> None:
        self.begin()
        self.wait_ready(self.answers)
        self._install_functions()

    def begin(self, *more: str) -> None:
        """Starts it and does not wait until it answers. `more`: lines for its configuration."""
        if len(str(self.socket)) > UNIX_PATH_MAX:
            self._socket_folder = self._socket_folder or tempfile.mkdtemp(prefix="vedfolnir-")
            self.socket = Path(self._socket_folder) / "redis.sock"
        self.socket.unlink(missing_ok=True)
        settings = (
            "port 0",
            f'unixsocket "{self.socket}"',
            "unixsocketperm 700",
            f'dir "{self.folder}"',
            f'aclfile "{self.folder / "users.acl"}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            *more,
        )
        config = self.folder / "redis.conf"
        config.write_text("\n".join(settings) + "\n")
        self.launch([*self._prefix, redis_program(), str(config)])

    def stop(self, number: int = signal.SIGTERM) -> None:
        super().stop(number)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def _url_of(self, user: str) -> str:
        return f"unix://{user}:{self._passwords[user]}@{self.socket}"

    def _write_users(self) -> dict[str, str]:
        """deploy/redis/users.acl.example with passwords of our own, and a user for tools."""
        path = self.folder / "users.acl"
        example = (ROOT / "deploy" / "redis" / "users.acl.example").read_text()
        wanted = f"{example.rstrip()}\nuser {TOOLS_USER} on >REPLACE ~* &* +@all\n"
        # One that an older version left has other users.
        if not path.exists() or _user_names(path.read_text()) != _user_names(wanted):
            text = re.sub(r">REPLACE\S*", lambda _: ">" + secrets.token_hex(16), wanted)
            path.touch(0o600)
            path.write_text(text)
        users = re.findall(r"^user (\S+) on >(\S+)", path.read_text(), re.M)
        return dict(users)

    def _install_functions(self) -> None:
        environment = {**clean_environment(), "REDIS_URL": self._url_of("vedfolnir-install")}
        done = subprocess.run(
            [str(CLI), "redis", "install"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"vedfolnir redis install: {done.stderr or done.stdout}")

    def answers(self) -> bool:
        try:
            with self.client(retries=0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Gunicorn(Process):
    """A WSGI application under gunicorn on a loopback port. `options` name the number of `--workers`."""

    name = "gunicorn"

    def __init__(
        self,
        application: str,
        port: int,
        environment: Mapping[str, str],
        log: Path,
        *,
        python_path: Path = EXAMPLES,
        options: Sequence[str] = ("--workers", str(WORKERS), "--threads", "4", "--preload"),
        prefix: Sequence[str] = (),
    ) -> None:
        super().__init__(log)
        self.port = port
        self._environment = dict(environment)
        self._worker_count = int(options[options.index("--workers") + 1])
        self._command = [
            *prefix,
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
            "--pythonpath",
            str(python_path),
            *options,
            application,
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if not is_free(self.port):
            raise StackError(f"port {self.port} is in use by another program")
        self.launch(self._command, self._environment)
        # One worker answers while gunicorn still forks the others.
        self.wait_ready(lambda: self._answers() and len(self.workers()) >= self._worker_count)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


class Nginx(Process):
    """nginx in the foreground with a given configuration and all its files in one folder."""

    name = "nginx"

    def __init__(self, folder: Path, port: int, server: str) -> None:
        super().__init__(folder / "nginx.log")
        self.folder = folder
        self.port = port
        self._server = server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = "\n".join(
            f"  {name}_temp_path {self.folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # As root, nginx would go on as nobody, who may not enter this private folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        config = self.folder / "nginx.conf"
        config.write_text(
            f"{user}daemon off; worker_processes 1; pid {self.folder}/nginx.pid;\n"
            f"error_log stderr;\nevents {{ worker_connections 256; }}\n"
            f"http {{\n  access_log off;\n{paths}\n{self._server}\n}}\n"
        )
        self.launch([program("nginx"), "-e", "stderr", "-p", str(self.folder), "-c", str(config)])
        self.wait_ready(lambda: not is_free(self.port))


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of ours that happen to be in it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REDIS_", "SESSION_", "VEDFOLNIR_", "FLASK_", "GUNICORN_"))
        or name == "VEDFOLNIR_TEST_EVIDENCE"
    }


def demo_environment(folder: Path, redis_url: str, secret_key: str) -> dict[str, str]:
    """The environment of the demo on plain http: development keys in `folder`, Secure off."""
    return {
        **clean_environment(),
        "REDIS_URL": redis_url,
        "SESSION_COOKIE_SECURE": "false",
        "VEDFOLNIR_ENV": "development",
        "VEDFOLNIR_STATE_DIR": str(folder / "state"),
        "FLASK_SECRET_KEY": secret_key,
        "DEMO_DATABASE": str(folder / "demo.sqlite3"),
        "PYTHONUNBUFFERED": "1",
    }
