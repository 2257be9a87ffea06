"""Redis is killed, emptied, frozen and stopped under the demo; its users stay (./x up --check --faults).

One group of people goes through all faults with the cookies of the beginning.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import steps
from crowd import Crowd
from drive import DEMO_ACCOUNTS, Target, store_key

WAIT_SECONDS_MAX = 60.0
PROGRESS_SECONDS = 10.0
ROUND_SECONDS = 0.2
# Each cookie is shown so often, over a new connection each time: both workers answer among so many.
LOOKS = 4


@dataclass(frozen=True)
class Fault:
    name: str
    take_away: Callable[[Target], None]
    bring_back: Callable[[Target], None]
    # Seconds without Redis; 0: as long as it takes to make one change each.
    away: float
    emptied: bool = False


class Progress:
    """A line now and then while something is waited for."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._next = PROGRESS_SECONDS

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, text: str) -> None:
        if self.seconds >= self._next:
            self._next += PROGRESS_SECONDS
            steps.say(f"{self.seconds:.0f} s: {text}")


def run(target: Target, workers: int, away: float) -> int:
    """Runs all faults, `away` seconds without Redis where it lasts. 0 or 1."""
    crowd = Crowd(target, workers)
    faults = (
        Fault("kill -9", _kill, _start, 0),
        Fault("kill -9 and an empty restart", _kill, _start_empty, 0, emptied=True),
        Fault("frozen (SIGSTOP)", _freeze, _thaw, away),
        Fault("stopped", _stop, _start, away),
    )
    plan = [("Three people sign in and change what their sessions hold", partial(gather, crowd))]
    for number, fault in enumerate(faults, 1):
        plan += [
            (f"{fault.name}: before, all sessions have their copy", partial(before, crowd, number)),
            (f"{fault.name}: without Redis they go on", partial(without, crowd, fault, number)),
            (f"{fault.name}: Redis comes back", partial(come_back, crowd, fault)),
            (f"{fault.name}: afterwards all is as it was left", partial(afterwards, crowd, fault)),
        ]
    plan.append(("The audit has each sign-in and each ending once", partial(audit, crowd)))
    return steps.run(plan, target.log)


def gather(crowd: Crowd) -> str:
    for account in DEMO_ACCOUNTS:
        person = crowd.sign_in(account.name, account)
        crowd.change(person, f"Written by {account.name} at the beginning", everything=True)
    crowd.look()
    return _people(crowd)


def before(crowd: Crowd, number: int) -> str:
    account = DEMO_ACCOUNTS[number % len(DEMO_ACCOUNTS)]
    early = crowd.sign_in(f"early-leaver-{number}", account)
    crowd.sign_in(f"leaver-{number}", account)
    crowd.sign_in(f"ended-{number}", account)
    crowd.sign_out(early)
    progress = Progress()
    _wait(crowd, "all have their copy in SQL", lambda: _copied(crowd))
    crowd.look()
    return f"{_people(crowd)}; all copied after {progress.seconds:.1f} s"


def without(crowd: Crowd, fault: Fault, number: int) -> str:
    """The last two of those who stay leave; the first changes things, the second reads, the third is idle."""
    writer, reader, _, *newcomers, leaver, ended = crowd.stay
    already_away = crowd.processes_away()[0]
    answers, changes = crowd.answers, crowd.changes
    fault.take_away(crowd.target)
    progress = Progress()
    crowd.change(writer, f"Written without Redis ({number})", everything=True)
    crowd.sign_out(leaver)
    crowd.end(ended)
    newcomers.append(crowd.sign_in(f"newcomer-{number}", DEMO_ACCOUNTS[0]))
    crowd.change(newcomers[-1], f"Written by a newcomer ({number})")
    rounds = 0
    while True:
        rounds += 1
        crowd.change(writer, f"Written without Redis ({number}), round {rounds}")
        crowd.look([writer, reader, *newcomers] * LOOKS)
        gone_by_sql = crowd.processes_away()[0] - already_away
        # Where Redis is away for long, every worker must have found out.
        enough = not fault.away or gone_by_sql >= crowd.workers
        if progress.seconds >= fault.away and enough:
            break
        assert progress.seconds < fault.away + WAIT_SECONDS_MAX, (
            f"only {gone_by_sql} of {crowd.workers} workers go by SQL"
        )
        progress.tell(f"{crowd.answers - answers} answers without Redis, each as it should be")
        time.sleep(ROUND_SECONDS)
    return (
        f"{progress.seconds:.1f} s, {crowd.answers - answers} answers, {crowd.changes - changes} changes,"
        f" {min(gone_by_sql, crowd.workers)} of {crowd.workers} workers went by SQL alone;"
        " one signed out, one was ended, one came"
    )


def come_back(crowd: Crowd, fault: Fault) -> str:
    fault.bring_back(crowd.target)
    progress = Progress()

    def settled() -> bool:
        began, ended = crowd.processes_away()
        return began == ended and not crowd.target.cli("fallback", "status")["records_ahead"]

    _wait(crowd, "Redis has been told everything", settled)
    return f"all workers are on it, and it was told everything, after {progress.seconds:.1f} s"


def afterwards(crowd: Crowd, fault: Fault) -> str:
    for _ in range(LOOKS):
        crowd.look()
    listed = {str(row["handle"]) for row in crowd.target.live_sessions()}
    assert listed == {person.handle for person in crowd.stay}, f"sessions list shows {listed}"

    has_record = crowd.target.record_exists
    _wait(
        crowd,
        "Redis holds the sessions of all who stay, and of nobody who left",
        lambda: (
            all(has_record(person.cookie) for person in crowd.stay)
            and not any(has_record(one.cookie) for one in crowd.gone)
        ),
    )
    source = "from the copies in SQL" if fault.emptied else "where they were"
    return f"{_people(crowd)}; all records are in Redis, {source}"


def audit(crowd: Crowd) -> str:
    everybody = [*crowd.stay, *crowd.gone]

    def counted(kind: str) -> Counter[str]:
        events = crowd.target.audit_events("--type", kind, "--limit", "1000")
        return Counter(str(event["handle"]) for event in events)

    created, ended = counted("session.created"), counted("session.ended")
    assert created == Counter(one.handle for one in everybody), f"sign-ins: {dict(created)}"
    assert ended == Counter(one.handle for one in crowd.gone), f"endings: {dict(ended)}"
    return f"{created.total()} sign-ins, {ended.total()} endings, {crowd.answers} answers judged"


def _wait(crowd: Crowd, what: str, condition: Callable[[], bool]) -> None:
    """Until the condition holds, and meanwhile everybody is judged as always."""
    progress = Progress()
    while not condition():
        crowd.look()
        progress.tell(f"not yet: {what}")
        assert progress.seconds < WAIT_SECONDS_MAX, f"not within {WAIT_SECONDS_MAX:.0f} s: {what}"
        time.sleep(0.02)


def _copied(crowd: Crowd) -> bool:
    """No change waits for its copy, and each session has one. (A later date in `dirty` is that of a renewal.)"""
    with crowd.target.redis.client() as redis:
        seconds, micros = redis.time()
        now = seconds * 1000 + micros // 1000
        due = sum(redis.zcount(key, "-inf", now) for key in redis.scan_iter(match="*:dirty"))
    copies = {key for (key,) in crowd.target.rows("SELECT store_key FROM records")}
    wanted = {":".join(store_key(person.cookie)) for person in crowd.stay}
    return due == 0 and wanted <= copies


def _people(crowd: Crowd) -> str:
    return f"{len(crowd.stay)} signed in with the cookies they had, {len(crowd.gone)} that were ended stay refused"


def _kill(target: Target) -> None:
    target.redis.stop(signal.SIGKILL)


def _stop(target: Target) -> None:
    target.redis.stop()


def _freeze(target: Target) -> None:
    target.redis.send(signal.SIGSTOP)


def _thaw(target: Target) -> None:
    target.redis.send(signal.SIGCONT)


def _start(target: Target) -> None:
    target.redis.start()


def _start_empty(target: Target) -> None:
    shutil.rmtree(target.redis.folder / "appendonlydir")
    target.redis.start()
