"""One installation under load, on a pairing of stores, and what must hold after whatever was done to it.

The pairing: VEDFOLNIR_TEST_REDIS_SERVER and VEDFOLNIR_TEST_SQL (sqlite, postgresql, mariadb).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import at_rest
import requests
import stack
from load import MARKER, Crowd
from support.databases import EVENTS, Database, Sqlite
from support.losing_proxy import LosingProxy

APPS = Path(__file__).resolve().parents[1] / "integration" / "apps"
VISITORS = 12
WORKERS = 2
THREADS = 8
# Of a worker: four that write and two that read (src/sql/database.hpp), each made when it is first needed.
SQL_THREADS = 4 + 2
# While the fault lasts, and again after it.
ANSWERS = int(os.environ.get("VEDFOLNIR_TEST_ANSWERS") or 600)
# What is pending is seen by the other workers of the host within this (src/manager/watch.cpp), and a slow machine.
PENDING_BOUND = 0.25 + 2.0
# What a load or a commit may take (request_budget), and what is around it on a busy machine.
P99_BOUND = 1.0 + 0.5
RECOVERY_BOUND = 60.0
# Answers of Redis are refused beyond 64 MB (src/redis/connection.cpp). One may come over two connections of a worker
# at once, and the allocator may keep what a buffer was before it grew; without the bound it is gigabytes.
GROWTH_MB = 3 * 64
IDS_SEARCHED = 30


@dataclass(frozen=True)
class Fault:
    """`broken`: what is done on entry is mended on exit."""

    ident: str
    what: str
    broken: Callable[[Stage], AbstractContextManager[None]]

    def __str__(self) -> str:
        return f"{self.ident} {self.what}"


@dataclass
class Usage:
    """Of the workers, the largest."""

    threads: int = 0
    files: int = 0
    resident_mb: int = 0

    @classmethod
    def of(cls, pids: list[int]) -> Usage:
        most = cls()
        for pid in pids:
            status = Path(f"/proc/{pid}/status").read_text()
            numbers = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            most.threads = max(most.threads, int(numbers["Threads"]))
            most.resident_mb = max(most.resident_mb, int(numbers["VmRSS"].split()[0]) // 1024)
            most.files = max(most.files, len(os.listdir(f"/proc/{pid}/fd")))
        return most


@dataclass
class Stage:
    folder: Path
    seed: int
    redis: stack.Redis
    proxy: LosingProxy
    database: Sqlite | Database
    web: stack.Gunicorn
    crowd: Crowd
    chance: random.Random
    usage: Usage = field(default_factory=Usage)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def pairing(self) -> tuple[str, str]:
        found = self.redis.client().info("server")
        name = "Valkey" if "valkey_version" in found else "Redis"
        version = found.get("valkey_version") or found["redis_version"]
        return f"{name} {version}", self.database.version

    def wait_for_answers(self, count: int, seconds: float = 120) -> None:
        before = self.crowd.answered()
        stack.wait_until(
            lambda: self.crowd.answered() >= before + count, "the load goes on", seconds
        )

    def is_recovered(self) -> bool:
        """No worker goes by SQL any more, and none has anything to tell SQL."""
        if (self.state / "journal" / "waiting.journal").exists():
            return False
        active = self._active()
        return set(active) == set(self.web.workers()) and not any(active.values())

    def _active(self) -> dict[int, int]:
        """How many of the answers say, by worker, that the fallback is on."""
        found: dict[int, int] = {}
        for _ in range(8):
            with suppress(requests.ConnectionError):
                answer = requests.get(self.web.url + "/fallback", timeout=30)
                if answer.status_code == 200:
                    found[answer.json()["pid"]] = answer.json()["active"]
        return found

    def go_through(self, fault: Fault, answers: int = ANSWERS) -> float:
        """Breaks, mends, and waits until all is as before. Returns how long that took, in seconds."""
        with fault.broken(self):
            self.wait_for_answers(answers)
        mended = time.monotonic()
        stack.wait_until(
            lambda: self.crowd.all_answered_since(mended) and self.is_recovered(),
            f"{fault}: all is as before",
            RECOVERY_BOUND,
        )
        recovery = time.monotonic() - mended
        self.wait_for_answers(answers)
        return recovery


def database_url(database: Sqlite | Database) -> dict[str, str]:
    return {} if isinstance(database, Sqlite) else {"SESSION_DATABASE_URL": database.url}


@contextmanager
def stage(
    folder: Path,
    database: Callable[[Path], Sqlite | Database],
    variables_more: Mapping[str, str] | None = None,
    keep_alive: int = 60,
) -> Iterator[Stage]:
    """Everybody is logged in. `variables_more`: of the workers. `keep_alive`: of their connections, in seconds."""
    seed = int(os.environ.get("VEDFOLNIR_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    with ExitStack() as open_things:
        redis = open_things.enter_context(stack.Redis(folder / "redis"))
        (folder / "state").mkdir()
        where = database(folder / "state" / "sessions.db")
        front = redis.socket.parent / "front.sock"
        proxy = open_things.enter_context(LosingProxy(front, redis.socket))
        url = redis.url.replace(str(redis.socket), str(front))
        variables = stack.demo_environment(folder, url, "only for tests")
        variables |= {"PYTHONPATH": str(APPS.parents[1]), **database_url(where)}
        variables |= variables_more or {}
        web = stack.Gunicorn(
            "shop:create_app()",
            stack.free_port(),
            variables,
            folder / "gunicorn.log",
            python_path=APPS,
            options=tuple(
                f"--workers {WORKERS} --threads {THREADS} --keep-alive {keep_alive}".split()
            ),
        )
        open_things.enter_context(web)
        crowd = open_things.enter_context(Crowd(VISITORS, seed, web.url))
        made = Stage(folder, seed, redis, proxy, where, web, crowd, random.Random(seed))
        stack.wait_until(crowd.all_logged_in, "everybody is logged in", 30)
        # The endings are compared: what was made on a Redis that nobody knows yet would be unknown.
        began = time.monotonic()
        stack.wait_until(lambda: crowd.all_answered_since(began), "everybody is answered", 30)
        crowd.let_leave()
        made.usage = Usage.of(web.workers())
        yield made


@dataclass
class Verdict:
    """Of one run: what is published, and what must be empty."""

    figures: dict[str, object]
    broken: dict[str, list[str]]

    def publish(self) -> None:
        """One line in faults.jsonl, of which tools/faults_page.py makes docs/operate/faults.md."""
        folder = os.environ.get("VEDFOLNIR_TEST_RESULTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with (Path(folder) / "faults.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.figures) + "\n")


def judge(on: Stage, ident: str, what: str, recovery: float) -> Verdict:
    """Ends the load and checks the invariants I1, I2 and I4 to I6. The stores must answer."""
    crowd, figures = on.crowd, on.crowd.figures
    crowd.stop()
    behind = crowd.look_around()
    stack.wait_until(on.is_recovered, "nothing waits for SQL", RECOVERY_BOUND)
    audit = [(kind, user) for kind, user in on.database.rows(EVENTS)]
    history = crowd.history
    names = {operation.session: operation.session for operation in history.operations}
    broken = {
        "I1: let in after an acknowledged logout": history.accepted_after_logout(PENDING_BOUND),
        "I2: acknowledged logins lost": history.vanished(names, audit),
        "I4: not in the audit exactly once": history.miscounted(names, audit),
        "I5: found at rest": found_at_rest(on),
        "I6: slower than declared": slow(figures.percentile(0.99)),
        "thrown out": figures.false_logouts,
        "the last acknowledged write is not there": behind,
        "neither answered nor unknown": [
            str(status) for status in figures.statuses if status not in {200, 503}
        ],
        "workers grew": grown_for_good(on),
    }
    names_of_stores = on.pairing()
    return Verdict(
        {
            "fault": ident,
            "what": what,
            "stores": names_of_stores,
            "seed": on.seed,
            "load": f"{VISITORS} visitors, {WORKERS} workers",
            "requests": figures.requests,
            "unknown": figures.statuses[503],
            "errors": figures.errors,
            "wrong": len(broken["I1: let in after an acknowledged logout"]),
            "lost_logins": len(broken["I2: acknowledged logins lost"]),
            "miscounted": len(broken["I4: not in the audit exactly once"]),
            "false_logouts": len(figures.false_logouts),
            "lost_writes": len(behind),
            "older": figures.older,
            "p99_ms": round(1000 * figures.percentile(0.99)),
            "recovery_s": round(recovery, 1),
            "usage": asdict(Usage.of(on.web.workers())),
        },
        {name: found for name, found in broken.items() if found},
    )


def slow(p99: float) -> list[str]:
    return [f"p99 {p99:.2f} s"] if p99 > P99_BOUND else []


def grown(before: Usage, after: Usage) -> list[str]:
    """Pools grow to their bounds with the load; what each fault adds would go on without one."""
    found = []
    if after.threads > before.threads + THREADS + SQL_THREADS:
        found.append(f"threads: {before.threads} to {after.threads}")
    if after.files > before.files + 2 * VISITORS:
        found.append(f"files: {before.files} to {after.files}")
    if after.resident_mb > before.resident_mb + GROWTH_MB:
        found.append(f"memory: {before.resident_mb} to {after.resident_mb} MB")
    return found


def grown_for_good(on: Stage) -> list[str]:
    """What held an answer that was too long is given back a moment after the answer was refused."""

    def added() -> list[str]:
        return grown(on.usage, Usage.of(on.web.workers()))

    with suppress(stack.StackError):
        stack.wait_until(lambda: not added(), "the workers are as small as before", RECOVERY_BOUND)
    return added()


def found_at_rest(on: Stage) -> list[str]:
    """Ids and payloads in what the stores, the journal and the logs hold (I5)."""
    cookies = sorted(on.crowd.cookies())
    on.chance.shuffle(cookies)
    wanted = at_rest.needles_of(cookies[:IDS_SEARCHED], [MARKER])
    files = [*on.database.at_rest(), *on.redis.folder.rglob("*"), *on.state.rglob("*")]
    files.append(on.web.log)
    found = []
    for path in files:
        if path.is_file():
            data = path.read_bytes()
            found += [f"{what} in {path.name}" for needle, what in wanted.items() if needle in data]
    return found
