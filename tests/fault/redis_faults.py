"""Redis ill in each way there is. Each fault breaks on entry and mends on exit."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import redis as redis_client
import stack
from stage import Fault, Stage
from support.losing_proxy import Illness

Broken = Callable[[Stage], AbstractContextManager[None]]
FLAPS = int(os.environ.get("VEDFOLNIR_TEST_FLAPS") or 10)


@contextmanager
def killed(on: Stage) -> Iterator[None]:
    on.redis.stop(signal.SIGKILL)
    yield
    on.redis.start()


@contextmanager
def emptied(on: Stage) -> Iterator[None]:
    on.redis.stop(signal.SIGKILL)
    shutil.rmtree(on.redis.folder / "appendonlydir")
    yield
    on.redis.start()


@contextmanager
def frozen(on: Stage) -> Iterator[None]:
    on.redis.send(signal.SIGSTOP)
    yield
    on.redis.send(signal.SIGCONT)


@contextmanager
def flapping(on: Stage) -> Iterator[None]:
    """200 ms away, 200 ms there: the period is what the fault is."""
    for _ in range(FLAPS):
        for number in (signal.SIGSTOP, signal.SIGCONT):
            on.redis.send(number)
            time.sleep(0.2)  # tidy: sleep-py
    yield


def setting(name: str, ill: str, well: str) -> Broken:
    @contextmanager
    def broken(on: Stage) -> Iterator[None]:
        on.redis.client().config_set(name, ill)
        yield
        on.redis.client().config_set(name, well)

    return broken


@contextmanager
def failing_snapshots(on: Stage) -> Iterator[None]:
    client = on.redis.client()
    dump = on.redis.folder / "dump.rdb"
    dump.unlink(missing_ok=True)
    dump.mkdir()
    (dump / "in the way").touch()
    client.config_set("save", "3600 1")
    client.bgsave()
    stack.wait_until(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a snapshot fails"
    )
    yield
    client.config_set("save", "")
    shutil.rmtree(dump)


@contextmanager
def demoted(on: Stage) -> Iterator[None]:
    on.redis.client().execute_command("REPLICAOF", "127.0.0.1", "1")
    yield
    on.redis.client().execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def busy(on: Stage) -> Iterator[None]:
    client = on.redis.client()
    client.config_set("busy-reply-threshold", "50")
    client.function_load(
        "#!lua name=loops\nredis.register_function('loops', function() while true do end end)",
        replace=True,
    )
    # Without waiting for an answer that does not come.
    connection = client.connection_pool.get_connection()
    connection.send_command("FCALL", "loops", 0)
    stack.wait_until(lambda: says(on.redis, "BUSY"), "the function loops")
    yield
    on.redis.client().execute_command("FUNCTION", "KILL")


def says(server: stack.Redis, word: str) -> bool:
    try:
        server.client(retries=0).ping()
    except redis_client.exceptions.RedisError as error:
        return word in f"{type(error).__name__} {error}".upper()
    return False


def paused(mode: str) -> Broken:
    """Ends by itself: nobody could end a pause of all."""

    @contextmanager
    def broken(on: Stage) -> Iterator[None]:
        on.redis.client().execute_command("CLIENT", "PAUSE", 5000, mode)
        yield

    return broken


@contextmanager
def loading(on: Stage) -> Iterator[None]:
    """Restarted with a file so slow to read that it answers LOADING until it is told to hurry."""
    client = on.redis.client()
    with client.pipeline(transaction=False) as pipeline:
        for number in range(20_000):
            pipeline.set(f"filler:{number}", on.chance.randbytes(64))
        pipeline.execute()
    # Keys are read slowly from the base of the append-only file.
    client.bgrewriteaof()
    stack.wait_until(
        lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the file is rewritten"
    )
    on.redis.stop(signal.SIGKILL)
    on.redis.begin("key-load-delay 1000", "loading-process-events-interval-bytes 1024")
    stack.wait_until(lambda: says(on.redis, "LOADING"), "it loads")
    yield
    on.redis.client(retries=0).config_set("key-load-delay", 0)
    stack.wait_until(on.redis.answers, "it has loaded", 60)
    keys = on.redis.client().keys("filler:*")
    on.redis.client().delete(*keys)


@contextmanager
def full_of_clients(on: Stage) -> Iterator[None]:
    """Others hold every connection that Redis gives; ours are cut and not let in again."""
    control = on.redis.client()
    control.ping()
    with ExitStack() as others:
        for _ in range(20):
            other = others.enter_context(socket.socket(socket.AF_UNIX))
            other.connect(str(on.redis.socket))
        # Counted as soon as it is accepted, and by then the others before it are.
        stack.wait_until(lambda: len(control.client_list()) > 20, "the others are connected")
        control.config_set("maxclients", 21)
        control.execute_command("CLIENT", "KILL", "USER", "vedfolnir")
        yield
        control.config_set("maxclients", 10000)
    control.close()


def through_proxy(illness: Illness) -> Broken:
    @contextmanager
    def broken(on: Stage) -> Iterator[None]:
        on.proxy.be(illness)
        yield
        on.proxy.be(Illness.WELL)

    return broken


FAULTS = [
    Fault("F05", "killed, restarted with its data", killed),
    Fault("F05", "killed, restarted empty", emptied),
    Fault("F07", "out of memory", setting("maxmemory", "1", "0")),
    Fault("F08", "snapshots fail (MISCONF)", failing_snapshots),
    Fault("F09", "too few replicas (NOREPLICAS)", setting("min-replicas-to-write", "1", "0")),
    Fault("F10", "demoted to a replica (READONLY)", demoted),
    Fault("F11", "a function loops (BUSY)", busy),
    Fault("F12", "reads its data slowly (LOADING)", loading),
    Fault("F13", "the process is stopped", frozen),
    Fault("F14", "clients are paused (ALL)", paused("ALL")),
    Fault("F14", "writing clients are paused (WRITE)", paused("WRITE")),
    Fault("F15", "half-open connections", through_proxy(Illness.SWALLOWED)),
    Fault("F16", "answers of one byte a second", through_proxy(Illness.TRICKLE)),
    Fault("F16", "garbage for answers", through_proxy(Illness.GARBAGE)),
    Fault("F16", "an answer that does not end", through_proxy(Illness.OVERSIZED)),
    Fault("F20", "flaps, 200 ms on and 200 ms off", flapping),
    Fault("F29", "no connection left (maxclients)", full_of_clients),
]
