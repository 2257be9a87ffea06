"""SQL servers of one's own for Python tests, with ways to make them ill.

They refuse root, so as root they run as nobody. Questions are asked through each engine's own command, not our code.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import stack

UNPRIVILEGED = "nobody"
# What a fault may lock: everything a login, an ending or a copy writes.
TABLES = (
    *("sessions", "revocations", "shards", "user_epochs", "records"),
    *("audit_trail", "audit_subjects", "audit_events"),
)
# Types and users. The user stands sealed in an event; its subject is the tag of the user's sessions.
EVENTS = (
    "SELECT type, COALESCE((SELECT MIN(user_id) FROM sessions WHERE user_tag = subject), '')"
    " FROM audit_events ORDER BY id"
)
DISK_MB = 400
SECONDS_TO_START = 60.0

Row = tuple[str, ...]


class NotPossibleError(RuntimeError):
    """This machine, or this engine, cannot be brought into the state."""


class Sqlite:
    """The file of one installation."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    @property
    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def rows(self, question: str) -> list[Row]:
        with closing(sqlite3.connect(self.path, timeout=20)) as db:
            return [tuple(str(cell) for cell in row) for row in db.execute(question)]

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=60)) as db, db:
            db.execute(statement)

    def at_rest(self) -> list[Path]:
        return list(self.path.parent.glob(self.path.name + "*"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another process's transaction that does not end."""
        with closing(sqlite3.connect(self.path, timeout=20, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")


class Server(stack.Process):
    """A database server in a private folder, with one user and as many databases as tests want."""

    user = "app"
    admin = ""

    def __init__(
        self, *, own_disk: bool = False, durable: bool = False, prefix: Sequence[str] = ()
    ) -> None:
        """`own_disk`: the data lies on a small file system of its own, which can be filled. `durable`: as a server is
        installed, where a test's is small and leaves commits to the system's memory. `prefix`: of its command.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="vedfolnir-sql-"))
        self.folder.chmod(0o755)
        super().__init__(self.folder / "server.log")
        self.data = self.folder / "data"
        self.data.mkdir(0o700)
        # Its own: a server that starts removes the temporary tables of every other one from a shared folder.
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir(0o700)
        self.port = stack.free_port()
        self.password = secrets.token_hex(8)
        self._disk = own_disk
        self._durable = durable
        self._prefix = prefix
        self._databases = 0
        if own_disk:
            self._mount()
        if os.geteuid() == 0:
            for path in (self.folder, self.data, self.temporary):
                shutil.chown(path, UNPRIVILEGED, _group())

    def __enter__(self) -> Server:
        self._run(*self.initialize())
        self.start()
        self.settle_user()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._disk:
            subprocess.run(["umount", "--lazy", str(self.data)], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def initialize(self) -> Sequence[str]:
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def settle_user(self) -> None:
        raise NotImplementedError

    def ask(self, question: str, database: str = "", seconds: float = 30) -> list[Row]:
        """As the administrator. Raises stack.StackError with the server's words."""
        done = subprocess.run(
            self.shell(database), input=question, capture_output=True, text=True, timeout=seconds
        )
        if done.returncode != 0:
            raise stack.StackError(f"{question}: {done.stderr}")
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def shell(self, database: str) -> Sequence[str]:
        raise NotImplementedError

    def start(self) -> None:
        self.launch([*self._prefix, *_as_unprivileged(), *self.command()])
        self.wait_ready(self._answers, SECONDS_TO_START)

    def kill(self) -> None:
        """kill -9 of all its processes. Stopped first, so that it starts no further one."""
        if not self.running:
            return
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        self.send(signal.SIGSTOP)
        for pid in [*(int(word) for word in children.read_text().split()), self.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        if not self._disk:
            raise stack.StackError("this server has no disk of its own")
        filler = self.data / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 12))
        yield
        filler.unlink()

    def fresh_database(self) -> Database:
        self._databases += 1
        name = f"sessions_{self._databases}"
        self.make_database(name)
        return Database(self, name)

    def make_database(self, name: str) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        try:
            return self.ask("SELECT 1;") == [("1",)]
        except (stack.StackError, subprocess.TimeoutExpired):
            return False

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [*_as_unprivileged(), *command],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
            check=False,
        )
        if done.returncode != 0:
            raise stack.StackError(f"{command[0]}: {done.stderr or done.stdout}")

    def _mount(self) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(self.data)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(self.folder)
            raise NotPossibleError(f"no file system of its own may be mounted: {done.stderr}")


class Database:
    """One database of a server."""

    def __init__(self, server: Server, database: str) -> None:
        self.server = server
        self.database = database
        self.name = server.name
        scheme = "mysql" if isinstance(server, MariaDb) else server.name
        self.url = f"{scheme}://{server.user}:{server.password}@127.0.0.1:{server.port}/{database}"

    @property
    def version(self) -> str:
        return self.server.version()

    def rows(self, question: str) -> list[Row]:
        return self.server.ask(question + ";", self.database)

    def change(self, statement: str) -> None:
        self.server.ask(statement + ";", self.database, seconds=600)

    def at_rest(self) -> list[Path]:
        return [path for path in self.server.data.rglob("*") if path.is_file()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another client's lock on every table, so that nothing can be read or written."""
        with subprocess.Popen(
            self.server.shell(self.database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            holder.stdin.write(self.server.lock_statement() + "\nSELECT 'locked';\n")
            holder.stdin.flush()
            while "locked" not in (line := holder.stdout.readline()):
                assert line, "the lock was not given"
            yield
            holder.stdin.close()
            holder.wait(30)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        self.server.be_read_only(True)
        yield
        self.server.be_read_only(False)


class Postgres(Server):
    name = "postgresql"
    admin = "admin"

    def initialize(self) -> Sequence[str]:
        return (
            _postgres("initdb"),
            f"--pgdata={self.data}",
            f"--username={self.admin}",
            "--encoding=UTF8",
            "--locale=C",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
        )

    def command(self) -> Sequence[str]:
        small = ("fsync=off", "max_connections=100", "min_wal_size=32MB", "max_wal_size=64MB")
        settings = () if self._durable else small
        return (
            *(_postgres("postgres"), "-D", str(self.data), "-k", str(self.folder)),
            *("-h", "127.0.0.1", "-p", str(self.port)),
            *(word for setting in settings for word in ("-c", setting)),
        )

    def shell(self, database: str) -> Sequence[str]:
        return (
            *(_postgres("psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"),
            *("-h", str(self.folder), "-p", str(self.port), "-U", self.admin),
            database or "postgres",
        )

    def settle_user(self) -> None:
        self.ask(f"CREATE ROLE {self.user} LOGIN PASSWORD '{self.password}';")

    def make_database(self, name: str) -> None:
        self.ask(f"CREATE DATABASE {name} OWNER {self.user};")

    def version(self) -> str:
        return "PostgreSQL " + self.ask("SHOW server_version;")[0][0].split()[0]

    def lock_statement(self) -> str:
        return f"BEGIN; LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE;"

    def be_read_only(self, yes: bool) -> None:
        self.ask(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if yes else 'off'};")
        self.ask("SELECT pg_reload_conf();")


class MariaDb(Server):
    name = "mariadb"
    admin = "root"

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    def initialize(self) -> Sequence[str]:
        return (
            stack.program("mariadb-install-db", "mariadb-server"),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--tmpdir={self.temporary}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def command(self) -> Sequence[str]:
        small = (
            "--innodb-flush-method=nosync",
            *("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"),
        )
        return (
            *(stack.program("mariadbd", "mariadb-server"), "--no-defaults"),
            *(f"--datadir={self.data}", f"--socket={self.socket}"),
            f"--tmpdir={self.temporary}",
            *(f"--pid-file={self.folder / 'pid'}", "--bind-address=127.0.0.1"),
            *(f"--port={self.port}", "--skip-name-resolve"),
            *(() if self._durable else small),
            "--character-set-server=utf8mb4",
        )

    def shell(self, database: str) -> Sequence[str]:
        program = stack.program("mariadb", "mariadb-client")
        words = (program, "--no-defaults", f"--socket={self.socket}", f"--user={self.admin}")
        return (
            *words,
            "--batch",
            "--skip-column-names",
            "--unbuffered",
            *([database] if database else []),
        )

    def settle_user(self) -> None:
        self.ask(f"CREATE USER '{self.user}'@'127.0.0.1' IDENTIFIED BY '{self.password}';")

    def make_database(self, name: str) -> None:
        self.ask(f"CREATE DATABASE {name} CHARACTER SET utf8mb4;")
        self.ask(f"GRANT ALL ON {name}.* TO '{self.user}'@'127.0.0.1';")

    def version(self) -> str:
        text = self.ask("SELECT version();")[0][0]
        return "MariaDB " + re.split(r"-", text)[0]

    def lock_statement(self) -> str:
        return f"LOCK TABLES {', '.join(f'{table} WRITE' for table in TABLES)};"

    def be_read_only(self, yes: bool) -> None:
        self.ask(f"SET GLOBAL read_only = {int(yes)};")


SERVERS: dict[str, type[Server]] = {Postgres.name: Postgres, MariaDb.name: MariaDb}


def _group() -> int:
    return pwd.getpwnam(UNPRIVILEGED).pw_gid


def _as_unprivileged() -> Sequence[str]:
    if os.geteuid() != 0:
        return ()
    # Again, because a change of user clears it.
    return (
        *(stack.program("setpriv", "util-linux"), f"--reuid={UNPRIVILEGED}"),
        *(f"--regid={_group()}", "--clear-groups", "--pdeathsig", "KILL"),
    )


def _postgres(name: str) -> str:
    """The newest Debian version's own folder, else the path: PostgreSQL's servers stand on no path by default."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    return stack.program(name, "postgresql")
