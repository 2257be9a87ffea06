"""vedfolnir doctor against servers that are broken on purpose: each fault has its own message, fix and exit code."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
import stack
from support import databases, evidence
from support.losing_proxy import Illness, LosingProxy
from support.silent_listener import SilentListener
from vedfolnir import _core

# 32 random bytes, used nowhere else.
KEY = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M="
OTHER_KEY = "uLdGi8aXkTnQwV4Mq3tHc0Kx9mN1v7ZfWb2sYpEoRj5="


class Server(stack.Process):
    """A Redis or Valkey on a loopback port with options of the test's choice."""

    name = "redis-server"

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "redis.log")
        self.folder = folder
        self.port = stack.free_port()
        self.options = options
        self.tls = tls

    def start(self) -> None:
        ports = (
            ["--tls-port", str(self.port), "--port", "0"]
            if self.tls
            else ["--port", str(self.port)]
        )
        fixed = ["--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        self.launch([stack.redis_program(), *ports, *fixed, *self.options])
        self.wait_ready(lambda: not stack.is_free(self.port))

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(port=self.port, **options)


@dataclass
class Outcome:
    code: int
    checks: dict[str, dict[str, str]]
    text: str

    def status(self, check: str) -> str:
        return self.checks[check]["status"]

    def message(self, check: str) -> str:
        return self.checks[check]["message"]


def everybody_enters(folder: Path) -> None:
    """Folders of tests are private; here another user has to get through."""
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.geteuid() and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)


def run(
    arguments: Sequence[str], environment: dict[str, str], as_nobody: bool = False
) -> subprocess.CompletedProcess[str]:
    # Root may write everywhere.
    user = "nobody" if as_nobody and os.geteuid() == 0 else None
    return subprocess.run(
        [str(stack.CLI), *arguments],
        user=user,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def doctor(folder: Path, *arguments: str, as_nobody: bool = False, **settings: str) -> Outcome:
    environment = {
        **stack.clean_environment(),
        "VEDFOLNIR_KEY": KEY,
        "VEDFOLNIR_STATE_DIR": str(folder / "state"),
        "VEDFOLNIR_REDIS_CONNECT_TIMEOUT_MS": "1000",
        **settings,
    }
    # A setting that nobody knows is worth a warning.
    environment.pop("VEDFOLNIR_TEST_EVIDENCE", None)
    done = run(["doctor", "--json", *arguments], environment, as_nobody)
    report = json.loads(done.stdout)
    checks = {check["id"]: check for check in report["checks"]}
    # Every failure and warning says what to do.
    for check in checks.values():
        if check["status"] in ("fail", "warn"):
            assert check["fix"], check
    assert report["healthy"] == (done.returncode == 0)
    return Outcome(done.returncode, checks, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("plain")) as server:
        yield server


def named(server: Server) -> str:
    """The server's name and version as the program itself prints them: Redis 7.0.15."""
    text = subprocess.run(
        [stack.redis_program(), "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.match(r"(\w+) server v=(\S+)", text)
    assert found, text
    return f"{found[1]} {found[2]}"


@pytest.mark.ids("S60")
def test_sound_installation_passes(tmp_path: Path, plain: Server) -> None:
    outcome = doctor(tmp_path, REDIS_PORT=str(plain.port))
    assert outcome.code == 0, outcome.text
    for check in (
        "redis.connection",
        "redis.functions",
        "redis.record",
        "redis.eviction",
        "redis.clock",
        "keys",
    ):
        assert outcome.status(check) == "ok", outcome.checks[check]
    assert f"({named(plain)})" in outcome.message("redis.connection")
    # Open and all-powerful, but on this host only: worth a word, no failure.
    assert outcome.status("redis.password") == "warn"
    assert outcome.status("redis.permissions") == "warn"
    assert outcome.status("database") == "warn"
    assert not (tmp_path / "state").exists()


@pytest.mark.ids("S60", "C34")
def test_the_key_ring_is_tried_on_a_record(tmp_path: Path, plain: Server) -> None:
    where = {"REDIS_PORT": str(plain.port), "REDIS_SESSION_PREFIX": "sample:"}
    settings = {**where, "VEDFOLNIR_STATE_DIR": str(tmp_path / "state")}
    manager = _core.SessionManager.open({}, {**settings, "VEDFOLNIR_KEY": KEY})
    request = _core.RequestContext()
    session = manager.load(request)
    session.set("_user_id", "7")
    cookie = manager.create_named(session, request)
    evidence.issued(cookie)
    sound = doctor(tmp_path, **where)
    assert sound.status("keys.record") == "ok", sound.checks["keys.record"]
    other = doctor(tmp_path, **where, VEDFOLNIR_KEY=OTHER_KEY)
    assert other.code == 1
    assert other.status("keys.record") == "fail"
    assert session.handle in other.message("keys.record")
    assert manager.end(cookie, "logout", "user") == "ended"
    ended = doctor(tmp_path, **where)
    assert ended.status("keys.record") == "unknown"
    assert "nobody is logged in" in ended.message("keys.record")


@pytest.mark.ids("S60")
def test_an_emptied_redis_is_not_taken_for_nobody_logged_in(tmp_path: Path) -> None:
    settings = {"VEDFOLNIR_STATE_DIR": str(tmp_path / "state")}
    with Server(tmp_path / "redis") as server:
        where = {"REDIS_PORT": str(server.port), "VEDFOLNIR_JOBS": "false"}
        manager = _core.SessionManager.open({}, {**settings, **where, "VEDFOLNIR_KEY": KEY})
        request = _core.RequestContext()
        session = manager.load(request)
        session.set("_user_id", "7")
        evidence.issued(manager.create_named(session, request))
        del manager
        with server.client() as client:
            client.flushall()
        check = doctor(tmp_path, **where).checks["keys.record"]
    assert check["status"] == "unknown"
    assert "Redis has no record" in check["message"]
    assert "vedfolnir recover" in check["fix"]


@pytest.mark.ids("S95", "S60")
def test_unknown_host(tmp_path: Path) -> None:
    outcome = doctor(tmp_path, REDIS_HOST="nowhere.invalid")
    assert outcome.code == 1
    assert "name_unknown" in outcome.message("redis.connection")


@pytest.mark.ids("S95")
def test_refused(tmp_path: Path) -> None:
    outcome = doctor(tmp_path, REDIS_PORT=str(stack.free_port()))
    assert outcome.code == 1
    assert "refused" in outcome.message("redis.connection")
    assert outcome.status("redis.functions") == "unknown"


@pytest.mark.ids("S95")
def test_timeout(tmp_path: Path) -> None:
    with SilentListener() as silent:
        outcome = doctor(tmp_path, REDIS_PORT=silent.port, VEDFOLNIR_REDIS_CONNECT_TIMEOUT_MS="200")
        assert silent.connections() == 1, "whatever else is asked waits as long again"
    assert outcome.code == 1
    assert "no_answer" in outcome.message("redis.connection")
    asked = [check for check in outcome.checks if check.startswith("redis.")]
    assert len(asked) > 6
    for check in set(asked) - {"redis.connection", "redis.encryption"}:
        assert outcome.status(check) == "unknown", check


@pytest.mark.ids("S95", "S60")
def test_redis_that_falls_silent_half_way_is_asked_nothing_more(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    with (
        Server(tmp_path / "redis", "--unixsocket", str(socket)),
        LosingProxy(tmp_path / "proxy.sock", socket) as proxy,
    ):
        settings = {
            "REDIS_URL": f"unix://{proxy.path}",
            "VEDFOLNIR_REDIS_CONNECT_TIMEOUT_MS": "300",
        }
        sound = doctor(tmp_path, **settings)
        assert sound.status("redis.eviction") == "ok"
        before = proxy.connections
        # Sessions worked, and it has said what INFO memory says.
        proxy.lose(b"stats", "request", lambda: proxy.be(Illness.SWALLOWED))
        outcome = doctor(tmp_path, **settings)
        assert proxy.done
        # Two that try what sessions need, the one that was lost, and one in its place: none for what was left to ask.
        assert proxy.connections - before == 4
    assert outcome.code == 1
    assert "it answered at first" in outcome.message("redis.connection")
    assert outcome.status("redis.record") == "ok"
    for check in ("redis.eviction", "redis.clock", "redis.password", "redis.permissions"):
        assert outcome.status(check) == "unknown"
        assert "Redis does not answer" in outcome.message(check)


@pytest.mark.ids("S95", "C34")
def test_password_missing_and_wrong(tmp_path: Path) -> None:
    with Server(tmp_path / "redis", "--requirepass", "right-password") as server:
        missing = doctor(tmp_path, REDIS_PORT=str(server.port))
        wrong = doctor(tmp_path, REDIS_PORT=str(server.port), REDIS_PASSWORD="wrong-password")
        right = doctor(tmp_path, REDIS_PORT=str(server.port), REDIS_PASSWORD="right-password")
    assert "password_missing" in missing.message("redis.connection")
    assert "password_wrong" in wrong.message("redis.connection")
    assert (missing.code, wrong.code) == (1, 1)
    assert "REDIS_PASSWORD" in wrong.checks["redis.connection"]["fix"]
    assert right.status("redis.connection") == "ok"
    assert right.status("redis.password") == "ok"
    for outcome in (missing, wrong, right):
        assert not re.search("(right|wrong)-password", outcome.text)


@pytest.mark.ids("S95")
def test_tls_faults_are_told_apart(tmp_path: Path, plain: Server) -> None:
    not_spoken = doctor(tmp_path, REDIS_URL=f"rediss://127.0.0.1:{plain.port}")
    assert not_spoken.code == 1
    assert "tls_not_spoken" in not_spoken.message("redis.connection")

    folder = tmp_path / "redis"
    folder.mkdir()
    subprocess.run(
        [
            *(stack.program("openssl"), "req", "-x509", "-nodes", "-days", "1"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    certificate = [f"--tls-{name}-file" for name in ("cert", "key", "ca-cert")]
    files = [str(folder / name) for name in ("cert.pem", "key.pem", "cert.pem")]
    options = [word for pair in zip(certificate, files, strict=True) for word in pair]
    with Server(folder, *options, "--tls-auth-clients", "no", tls=True) as server:
        url = f"rediss://localhost:{server.port}"
        untrusted = doctor(tmp_path, REDIS_URL=url)
        trusted = doctor(tmp_path, REDIS_URL=url, REDIS_SSL_CA_CERTS=str(folder / "cert.pem"))
        wrong_host = doctor(
            tmp_path,
            REDIS_URL=f"rediss://127.0.0.1:{server.port}",
            REDIS_SSL_CA_CERTS=str(folder / "cert.pem"),
        )
    assert "tls_unknown_authority" in untrusted.message("redis.connection")
    assert "tls_wrong_host" in wrong_host.message("redis.connection")
    assert trusted.status("redis.connection") == "ok"
    assert trusted.status("redis.encryption") == "ok"


@pytest.mark.ids("S95")
def test_read_only_replica(tmp_path: Path, plain: Server) -> None:
    with Server(tmp_path / "replica", "--replicaof", f"127.0.0.1 {plain.port}") as replica:
        with plain.client() as primary, replica.client() as copy:
            stack.wait_until(
                lambda: copy.info("replication")["master_link_status"] == "up",
                "the replica follows",
            )
            assert primary.ping()
        outcome = doctor(tmp_path, REDIS_PORT=str(replica.port))
    assert outcome.code == 1
    assert "read_only" in json.dumps(outcome.checks)


@pytest.mark.ids("S95")
def test_too_many_clients(tmp_path: Path) -> None:
    with Server(tmp_path / "redis", "--maxclients", "1") as server, server.client() as holder:
        stack.wait_until(lambda: bool(holder.ping()), "the one client is in")
        outcome = doctor(tmp_path, REDIS_PORT=str(server.port))
    assert outcome.code == 1
    assert "clients_max" in outcome.message("redis.connection")


@pytest.mark.ids("S60", "S74")
def test_eviction_and_clock_need_no_configuration_rights(tmp_path: Path) -> None:
    with Server(tmp_path / "redis", "--maxmemory-policy", "allkeys-lru") as server:
        outcome = doctor(tmp_path, REDIS_PORT=str(server.port))
    assert outcome.code == 1
    assert outcome.status("redis.eviction") == "fail"
    assert "allkeys-lru" in outcome.message("redis.eviction")


@pytest.mark.ids("S60", "C34")
def test_least_permissions_are_enough_and_recognised(tmp_path: Path, plain: Server) -> None:
    environment = {**stack.clean_environment(), "REDIS_PORT": str(plain.port)}
    installed = run(["redis", "install", "--json"], environment)
    assert installed.returncode == 0, installed.stderr
    report = json.loads(installed.stdout)
    assert f"{report['server_product']} {report['server_version']}" == named(plain)
    rules = run(["redis", "acl"], environment).stdout.strip()
    words = re.sub(r">\S+", ">least-rights", rules).split()
    assert words[0] == "user"
    with plain.client() as client:
        client.execute_command("ACL", "SETUSER", *words[1:])
    login = {"REDIS_USERNAME": words[1], "REDIS_PASSWORD": "least-rights"}
    outcome = doctor(tmp_path, REDIS_PORT=str(plain.port), **login)
    assert outcome.code == 0, outcome.text
    assert outcome.status("redis.permissions") == "ok", outcome.checks["redis.permissions"]
    assert outcome.status("redis.record") == "ok"

    with plain.client() as client:
        client.execute_command("ACL", "SETUSER", words[1], "-info", "-time")
    blind = doctor(tmp_path, REDIS_PORT=str(plain.port), **login)
    assert blind.status("redis.eviction") == "unknown"
    assert blind.status("redis.persistence") == "unknown"


@pytest.mark.ids("S60")
def test_functions_missing_and_not_permitted(tmp_path: Path) -> None:
    user = "user app on >app-rights ~* +@all -function"
    acl = tmp_path / "users.acl"
    acl.write_text(f"user default on nopass ~* &* +@all\n{user}\n")
    with Server(tmp_path / "redis", "--aclfile", str(acl)) as server:
        outcome = doctor(
            tmp_path, REDIS_PORT=str(server.port), REDIS_USERNAME="app", REDIS_PASSWORD="app-rights"
        )
    assert outcome.code == 1
    assert outcome.status("redis.functions") == "fail"
    assert "vedfolnir redis install" in outcome.checks["redis.functions"]["fix"]


@pytest.mark.ids("S60")
def test_database_that_is_none(tmp_path: Path, plain: Server) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database, but long enough to be taken for one" * 40)
    broken.chmod(0o644)
    outcome = doctor(
        tmp_path, REDIS_PORT=str(plain.port), SESSION_DATABASE_URL=f"sqlite:///{broken}"
    )
    assert outcome.code == 1
    assert outcome.status("database") == "fail"
    assert "database.wait" not in outcome.checks
    assert outcome.status("database.file") == "warn"


@pytest.mark.ids("S60", "S4")
def test_database_user_who_may_only_read(tmp_path: Path, plain: Server) -> None:
    with databases.Postgres(durable=True) as server:
        database = server.fresh_database()
        settings = {"REDIS_PORT": str(plain.port), "SESSION_DATABASE_URL": database.url}
        assert doctor(tmp_path, **settings).status("database") == "ok"
        database.change("REVOKE UPDATE, INSERT, DELETE ON ALL TABLES IN SCHEMA public FROM app")
        outcome = doctor(tmp_path, **settings)
    assert outcome.code == 1
    assert outcome.status("database") == "fail"
    assert "lacks a right" in outcome.message("database")
    assert server.password not in outcome.text


@pytest.mark.ids("S60", "S95")
def test_places_where_sqlite_cannot_work(tmp_path: Path, plain: Server) -> None:
    """Nothing is there yet, and nothing could be made there: that is a fault, not a fresh installation."""
    port = str(plain.port)
    missing = tmp_path / "missing" / "sessions.db"
    outcome = doctor(tmp_path, REDIS_PORT=port, SESSION_DATABASE_URL=f"sqlite:///{missing}")
    assert outcome.code == 1
    assert outcome.status("database") == "fail"
    assert f"the folder {missing.parent}" in outcome.message("database")
    assert "does not exist" in outcome.message("database")

    file = tmp_path / "file"
    file.write_text("")
    for state in (file, file / "below"):
        outcome = doctor(tmp_path, REDIS_PORT=port, VEDFOLNIR_STATE_DIR=str(state))
        assert outcome.code == 1
        for check in ("database", "state_dir"):
            assert outcome.status(check) == "fail"
            assert f"VEDFOLNIR_STATE_DIR: {file} is not a folder" in outcome.message(check)

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    everybody_enters(tmp_path)
    for state in (closed, closed / "below"):
        outcome = doctor(tmp_path, REDIS_PORT=port, VEDFOLNIR_STATE_DIR=str(state), as_nobody=True)
        assert outcome.code == 1
        for check in ("database", "state_dir"):
            assert outcome.status(check) == "fail"
            assert f"{closed} is not writable" in outcome.message(check)
    outcome = doctor(
        tmp_path,
        REDIS_PORT=port,
        VEDFOLNIR_STATE_DIR=str(closed),
        SESSION_DATABASE_URL="sqlite:////tmp/vedfolnir-not-made.db",
        as_nobody=True,
    )
    assert outcome.status("database") == "warn", "this one could be made"
    assert outcome.status("state_dir") == "fail", "the journal could not"
    assert not list(closed.iterdir())


@pytest.mark.ids("S60", "S88")
def test_key_absent_weak_or_readable_by_others(tmp_path: Path, plain: Server) -> None:
    port = str(plain.port)
    absent = doctor(tmp_path, REDIS_PORT=port, VEDFOLNIR_KEY="")
    weak = doctor(tmp_path, REDIS_PORT=port, VEDFOLNIR_KEY="A" * 44)
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o644)
    readable = doctor(tmp_path, REDIS_PORT=port, VEDFOLNIR_KEY="", VEDFOLNIR_KEY_FILE=str(key_file))
    assert (absent.code, weak.code) == (1, 1)
    assert "VEDFOLNIR_KEY is not set" in absent.message("keys")
    assert weak.status("keys") == "fail"
    assert readable.status("keys") == "ok"
    assert readable.status("secret_files") == "warn"


class Page(BaseHTTPRequestHandler):
    cookie = ""
    honours_proxy = False

    def do_GET(self) -> None:
        outside = (
            "https"
            if self.honours_proxy and self.headers["X-Forwarded-Proto"] == "https"
            else "http"
        )
        self.send_response(302)
        self.send_header("Location", f"{outside}://{self.headers['Host']}/next")
        if self.cookie:
            self.send_header("Set-Cookie", self.cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""


@contextmanager
def page(cookie: str, honours_proxy: bool = False) -> Iterator[str]:
    kind = type("ThisPage", (Page,), {"cookie": cookie, "honours_proxy": honours_proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/login"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.ids("S98", "S7")
def test_secure_cookie_over_plain_http(tmp_path: Path, plain: Server) -> None:
    with page("session=AQID; Path=/; Secure; HttpOnly; SameSite=Lax") as url:
        outcome = doctor(
            tmp_path, "--url", url, REDIS_PORT=str(plain.port), SESSION_COOKIE_NAME="session"
        )
    assert outcome.code == 1
    assert outcome.status("cookie.secure_over_http") == "fail"
    assert "SESSION_COOKIE_SECURE=false" in outcome.checks["cookie.secure_over_http"]["fix"]


@pytest.mark.ids("S98", "S7")
def test_same_site_none_without_secure(tmp_path: Path, plain: Server) -> None:
    with page("session=AQID; Path=/; HttpOnly; SameSite=None") as url:
        outcome = doctor(
            tmp_path, "--url", url, REDIS_PORT=str(plain.port), SESSION_COOKIE_NAME="session"
        )
    assert outcome.status("cookie.same_site") == "fail"
    assert outcome.status("cookie.secure_over_http") == "ok"


@pytest.mark.ids("S98")
def test_lost_scheme_behind_a_proxy(tmp_path: Path, plain: Server) -> None:
    settings = {"REDIS_PORT": str(plain.port), "SESSION_COOKIE_NAME": "session"}
    with page("session=AQID; Path=/") as url:
        lost = doctor(tmp_path, "--url", url, **settings)
    with page("session=AQID; Path=/", honours_proxy=True) as url:
        kept = doctor(tmp_path, "--url", url, **settings)
    assert lost.status("cookie.proxy_scheme") == "fail"
    assert "ProxyFix" in lost.checks["cookie.proxy_scheme"]["fix"]
    assert kept.status("cookie.proxy_scheme") == "ok"


@pytest.mark.ids("S98")
@pytest.mark.parametrize("value", ["eyJfdXNlcl9pZCI6IjcifQ.aN.sig", ".eJwVjE0.aN.sig"])
def test_clash_with_an_old_flask_cookie(tmp_path: Path, plain: Server, value: str) -> None:
    settings = {"REDIS_PORT": str(plain.port), "SESSION_COOKIE_NAME": "session"}
    with page(f"session={value}; Path=/") as url:
        outcome = doctor(tmp_path, "--url", url, "--cookie", f"session={value}", **settings)
    assert outcome.status("cookie.flask") == "fail"
    assert outcome.status("cookie.value") == "warn"
    assert value not in outcome.text


@pytest.mark.ids("S98")
def test_page_that_cannot_be_read_is_unknown(tmp_path: Path, plain: Server) -> None:
    url = f"http://127.0.0.1:{stack.free_port()}/"
    outcome = doctor(tmp_path, "--url", url, REDIS_PORT=str(plain.port))
    for check in ("page", "cookie.secure_over_http", "cookie.proxy_scheme"):
        assert outcome.status(check) == "unknown", outcome.checks[check]


def first_of(outcome: Outcome) -> str:
    return next(iter(outcome.checks))


# Not a word on what only production needs: what is left has one cause.
DEVELOPMENT = {"VEDFOLNIR_ENV": "development", "SESSION_COOKIE_SECURE": "true"}


@pytest.mark.ids("S97", "V24", "R11")
def test_nothing_slow_is_said_of_a_sound_installation(tmp_path: Path, plain: Server) -> None:
    outcome = doctor(tmp_path, REDIS_PORT=str(plain.port), **DEVELOPMENT)
    for check in ("slow", "memory", "clients", "latency", "exposure", "version", "replicas"):
        assert outcome.status(f"redis.{check}") == "ok", outcome.checks[f"redis.{check}"]
    assert "this host only" in outcome.message("redis.exposure")


@pytest.mark.ids("S97")
def test_a_slow_command_is_named(tmp_path: Path) -> None:
    busy = "local i = 0 while i < 3000000 do i = i + 1 end"
    with Server(tmp_path / "redis", "--slowlog-log-slower-than", "5000") as server:
        with server.client() as client:
            client.eval(busy, 0)
        outcome = doctor(tmp_path, REDIS_PORT=str(server.port), **DEVELOPMENT)
    assert first_of(outcome) == "redis.slow"
    assert re.search(r"EVAL took \d+ ms", outcome.message("redis.slow"))


@pytest.mark.ids("S97", "R6")
def test_a_redis_with_an_earlier_life_is_named(tmp_path: Path) -> None:
    with Server(tmp_path / "redis", "--appendonly", "yes") as server:
        with server.client() as client:
            about = {**client.info("server"), **client.info("replication")}
            life = f"{about['run_id']}.{about['master_replid']}"
            key = "vedfolnir:session:{00}:compared"
            client.hset(key, mapping={"incarnation": life, "copies": life})
        before = doctor(tmp_path, REDIS_PORT=str(server.port), **DEVELOPMENT)
        server.stop()
        server.start()
        after = doctor(tmp_path, REDIS_PORT=str(server.port), **DEVELOPMENT)
    assert before.status("redis.copies") == "ok"
    assert first_of(after) == "redis.copies"
    assert "vedfolnir recover" in after.checks["redis.copies"]["fix"]


@pytest.mark.ids("S97")
def test_a_redis_that_is_nearly_full_is_named(tmp_path: Path) -> None:
    with Server(tmp_path / "redis", "--maxmemory-policy", "noeviction") as server:
        with server.client() as client:
            client.setrange("filler", 10_000_000, "x")
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", int(used * 1.15))
        outcome = doctor(tmp_path, REDIS_PORT=str(server.port), **DEVELOPMENT)
    assert first_of(outcome) == "redis.memory"
    assert "of the memory it may" in outcome.message("redis.memory")


@pytest.mark.ids("S97")
def test_a_redis_with_few_connections_left_is_named(tmp_path: Path) -> None:
    with Server(tmp_path / "redis", "--maxclients", "20") as server:
        others = [server.client() for _ in range(16)]
        for other in others:
            other.ping()
        outcome = doctor(tmp_path, REDIS_PORT=str(server.port), **DEVELOPMENT)
        for other in others:
            other.close()
    assert first_of(outcome) == "redis.clients"


@pytest.mark.ids("S97")
def test_large_sessions_are_named(tmp_path: Path, plain: Server) -> None:
    settings = {
        "REDIS_PORT": str(plain.port),
        "REDIS_SESSION_PREFIX": "large:",
        "VEDFOLNIR_STATE_DIR": str(tmp_path / "state"),
        **DEVELOPMENT,
    }
    manager = _core.SessionManager.open({}, {**settings, "VEDFOLNIR_KEY": KEY})
    handles = []
    for size in (10, 60_000):
        request = _core.RequestContext()
        session = manager.load(request)
        session.set("_user_id", str(size))
        session.set("basket", os.urandom(size).hex())
        evidence.issued(manager.create_named(session, request))
        handles.append(session.handle)
    outcome = doctor(tmp_path, **settings)
    assert first_of(outcome) == "sessions.size"
    assert "1 of 2 sessions" in outcome.message("sessions.size")
    assert handles[1] in outcome.checks["sessions.size"]["fix"]


@pytest.mark.ids("S97")
def test_a_database_that_somebody_holds_is_named(tmp_path: Path, plain: Server) -> None:
    settings = {"REDIS_PORT": str(plain.port), **DEVELOPMENT}
    where = {"VEDFOLNIR_STATE_DIR": str(tmp_path / "state"), "VEDFOLNIR_KEY": KEY}
    manager = _core.SessionManager.open({}, {**settings, **where})
    session = manager.load(_core.RequestContext())
    session.set("_user_id", "7")
    evidence.issued(manager.create_named(session, _core.RequestContext()))
    holder = sqlite3.connect(tmp_path / "state" / "sessions.db", check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.0, holder.rollback)
    release.start()
    outcome = doctor(tmp_path, **settings)
    release.join()
    holder.close()
    assert first_of(outcome) == "database.wait"


@pytest.mark.ids("R11", "N13")
def test_replicas_that_no_change_waits_for_are_told(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "redis") as server,
        Server(tmp_path / "replica", "--replicaof", f"127.0.0.1 {server.port}"),
        server.client() as client,
    ):
        stack.wait_until(lambda: client.info("replication")["connected_slaves"] == 1, "it follows")
        outcome = doctor(tmp_path, REDIS_PORT=str(server.port))
        assert outcome.status("redis.replicas") == "warn"
        client.config_set("min-replicas-to-write", 1)
        demanded = doctor(tmp_path, REDIS_PORT=str(server.port))
    assert demanded.status("redis.replicas") == "ok"


@pytest.mark.ids("S97", "V24")
def test_what_an_application_may_not_ask_is_unknown(tmp_path: Path, plain: Server) -> None:
    with plain.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">app-rights", "~*", "+@all")
        client.execute_command("ACL", "SETUSER", "app", "-config", "-slowlog")
    login = {"REDIS_USERNAME": "app", "REDIS_PASSWORD": "app-rights"}
    outcome = doctor(tmp_path, REDIS_PORT=str(plain.port), **login)
    assert outcome.status("redis.exposure") == "unknown"
    assert outcome.status("redis.slow") == "unknown"
