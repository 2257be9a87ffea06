"""Builds and runs the test layers, and says how long each one took.

A layer is one function below. A missing server or browser fails its layer; nothing is skipped silently.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mutants

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
EVIDENCE = BUILD / "evidence"
RESULTS = BUILD / "results"
PYTHON = ROOT / ".venv" / "bin" / "python"
FUZZ_SECONDS = 20
# A layer that takes longer hangs: its processes are ended and it counts as failed.
LAYER_SECONDS_MAX = 45 * 60
REDIS_SERVERS = ("redis-server", "valkey-server")
SQL_ENGINES = ("sqlite", "postgresql", "mariadb")
SEEDS = 1000
# 200 ms away and 200 ms there, for a minute.
FLAPS = 150
SOAK_MINUTES = 10.0
# Of each failure, in the summary at the end.
FAILURE_LINES = 12


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
        )


FAILED = Outcome(failed=1)
Step = tuple[str, Callable[[], Outcome]]


def say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m", flush=True)


def run(command: Sequence[str | Path], timeout: float = LAYER_SECONDS_MAX, **extra: str) -> int:
    """Runs in a process group of its own, so that a hang can be ended with all its children."""
    environment = {
        **os.environ,
        "VEDFOLNIR_TEST_EVIDENCE": str(EVIDENCE),
        "VEDFOLNIR_TEST_RESULTS": str(RESULTS),
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
        **extra,
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        print(f"x: no end after {timeout / 60:.0f} minutes, giving up: {command}", file=sys.stderr)
        return 1
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def failure_text(case: ElementTree.Element) -> str:
    """The test's name and the end of what it said: pytest tells the story first, and the error last."""
    said = [
        node.text or node.get("message", "")
        for node in (*case.iter("failure"), *case.iter("error"))
    ]
    lines = "\n".join(said).strip().splitlines()[-FAILURE_LINES:]
    return "\n    ".join([f"{case.get('classname')}.{case.get('name')}", *lines])


def junit_outcome(path: Path) -> Outcome:
    """Counts the cases of a JUnit file, as GoogleTest and pytest write them."""
    outcome = Outcome()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
            outcome.failures.append(failure_text(case))
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            outcome.skipped += 1
        else:
            outcome.passed += 1
    return outcome


def build(preset: str, *targets: str) -> bool:
    return run([ROOT / "tools" / "build.sh", preset, *targets]) == 0


def ctest(directory: Path, pattern: str, **environment: str) -> Outcome:
    """Runs the executables whose name matches. One that dies without a report counts as one failure."""
    results = directory / "results"
    for old in results.glob("*.xml"):
        old.unlink()
    command = ["ctest", "--test-dir", str(directory), "-R", pattern, "--output-on-failure"]
    command += ["--no-tests=error", "-j", str(os.cpu_count() or 1)]
    status = run(command, **environment)
    outcome = sum((junit_outcome(path) for path in sorted(results.glob("*.xml"))), Outcome())
    if status != 0 and outcome.failed == 0:
        outcome.failed = 1
    return outcome


def pytest(
    folder: str,
    report_name: str = "",
    *options: str,
    timeout: float = LAYER_SECONDS_MAX,
    **environment: str,
) -> Outcome:
    name = report_name or folder.replace("/", "-")
    report = RESULTS / f"pytest-{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [PYTHON, "-m", "pytest", folder, f"--junitxml={report}", "--durations=5", *options]
    status = run(command, timeout, **environment)
    outcome = junit_outcome(report) if report.exists() else Outcome()
    if status != 0 and outcome.failed == 0:
        outcome.failed = 1
    return outcome


def has_python_tests(folder: str) -> bool:
    return any((ROOT / folder).rglob("test_*.py"))


def has_cpp_tests(folder: str) -> bool:
    return any((ROOT / folder).rglob("*_test.cpp"))


def both(kind: str, *python_folders: str) -> Outcome:
    outcome = Outcome()
    if has_cpp_tests(f"tests/{kind}"):
        outcome += ctest(BUILD, f"^{kind}_")
    for folder in python_folders:
        if has_python_tests(folder):
            outcome += pytest(folder)
    return outcome


def valkey() -> Outcome:
    """What the product asks of Redis, asked of Valkey: the stores, the connection, and both when they are ill."""
    server = {"VEDFOLNIR_TEST_REDIS_SERVER": "valkey-server"}
    outcome = ctest(BUILD, "^(conformance_(redis|resilient)|integration_redis|fault)_", **server)
    outcome += pytest("tests/integration/test_cli_doctor.py", "valkey-doctor", **server)
    return outcome + pytest("tests/fault", "valkey-fault", **server)


def faults_on(redis: str, sql: str) -> Outcome:
    chosen = {"VEDFOLNIR_TEST_REDIS_SERVER": redis, "VEDFOLNIR_TEST_SQL": sql}
    return pytest("tests/fault", f"full-{redis}-{sql}", VEDFOLNIR_TEST_FLAPS=str(FLAPS), **chosen)


def full(seeds: int) -> Iterator[Step]:
    """The matrix: every fault on every pairing of stores, random tests with many seeds, and the mutants."""
    many = {"VEDFOLNIR_TEST_SEEDS": str(seeds)}
    yield "full: seeds", lambda: ctest(BUILD, "^(unit_model|integration_redis_restore)$", **many)
    for redis in REDIS_SERVERS:
        chosen = {"VEDFOLNIR_TEST_REDIS_SERVER": redis, **many}
        yield f"full: {redis}", lambda chosen=chosen: ctest(BUILD, "^fault_", **chosen)
        for sql in SQL_ENGINES:
            yield f"full: {redis}, {sql}", lambda redis=redis, sql=sql: faults_on(redis, sql)
    yield "full: mutants", lambda: Outcome(*mutants.run())


def faults_page() -> Outcome:
    status = run([PYTHON, ROOT / "tools" / "faults_page.py"])
    return Outcome(passed=int(status == 0), failed=int(status != 0))


def soak() -> Outcome:
    minutes = float(os.environ.get("VEDFOLNIR_SOAK_MINUTES") or SOAK_MINUTES)
    chosen = {"VEDFOLNIR_SOAK_MINUTES": str(minutes)}
    timeout = 60 * minutes + LAYER_SECONDS_MAX
    return pytest("tests/fault", "soak", "-m", "soak", "-s", timeout=timeout, **chosen)


def sanitized(preset: str, pattern: str, *targets: str) -> Outcome:
    if not build(preset, *targets):
        return FAILED
    return ctest(ROOT / f"build-{preset}", pattern)


def fuzz() -> Outcome:
    """Runs every target for a while on a copy of its corpus; what it finds stays in build-fuzz/found."""
    if not build("fuzz", "fuzz_targets"):
        return FAILED
    outcome = Outcome()
    found = ROOT / "build-fuzz" / "found"
    found.mkdir(exist_ok=True)
    for source in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.cpp")):
        name = source.stem
        seeds = ROOT / "tests" / "fuzz" / "corpus" / name.removeprefix("fuzz_")
        corpus = ROOT / "build-fuzz" / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        say(f"{name}, {FUZZ_SECONDS} s")
        command = [ROOT / "build-fuzz" / "bin" / name, f"-max_total_time={FUZZ_SECONDS}"]
        command += [f"-artifact_prefix={found}/{name}-", "-print_final_stats=1", "-verbosity=0"]
        status = run([*command, corpus, *([seeds] if seeds.is_dir() else [])], timeout=300)
        outcome += Outcome(passed=int(status == 0), failed=int(status != 0))
    return outcome


LAYERS: dict[str, tuple[str, Callable[[], bool], Callable[[], Outcome]]] = {
    "unit": (
        "C++ and Python units",
        lambda: has_cpp_tests("tests/unit") or has_python_tests("python/tests"),
        lambda: both("unit", "tests/unit", "python/tests"),
    ),
    "conformance": (
        "one suite over every store",
        lambda: has_cpp_tests("tests/conformance"),
        lambda: both("conformance", "tests/conformance"),
    ),
    "integration": (
        "Flask under gunicorn, real Redis and SQL",
        lambda: has_cpp_tests("tests/integration") or has_python_tests("tests/integration"),
        lambda: both("integration", "tests/integration"),
    ),
    "fault": (
        "servers that are cut off, killed, restored and locked on purpose",
        lambda: has_cpp_tests("tests/fault") or has_python_tests("tests/fault"),
        lambda: both("fault", "tests/fault"),
    ),
    "valkey": (
        "stores, connection, doctor and faults again, on Valkey",
        lambda: has_cpp_tests("tests/fault"),
        valkey,
    ),
    "e2e": (
        "the demo in a browser",
        lambda: has_python_tests("tests/e2e"),
        lambda: pytest("tests/e2e"),
    ),
    "upstream": (
        "Flask's own test suite on our interface",
        lambda: has_python_tests("tests/upstream"),
        lambda: pytest("tests/upstream"),
    ),
    "install": (
        "consumers by find_package, add_subdirectory and pip; layer borders",
        lambda: has_python_tests("tests/install"),
        lambda: pytest("tests/install"),
    ),
    "asan": (
        "units and conformance under ASan (pure layers also under UBSan)",
        lambda: has_cpp_tests("tests/unit"),
        lambda: sanitized("asan", "^(unit|conformance)_", "sanitizer_tests"),
    ),
    "tsan": (
        "runtime, cache, manager and facade under TSan",
        lambda: has_cpp_tests("tests/unit/runtime"),
        lambda: sanitized("tsan", "^unit_(runtime|cache|facade|manager)$", "thread_tests"),
    ),
    "mutants": (
        "each rule that was broken on purpose turns its test red",
        lambda: any((ROOT / "tests" / "mutants").glob("*.patch")),
        lambda: Outcome(*mutants.run()),
    ),
    "fuzz": (
        f"libFuzzer, {FUZZ_SECONDS} s per target",
        lambda: any((ROOT / "tests" / "fuzz").glob("fuzz_*.cpp")),
        fuzz,
    ),
    "grep": (
        "what the other layers left at rest holds no id and no plaintext",
        lambda: (ROOT / "tools" / "at_rest.py").exists(),
        lambda: Outcome(*at_rest()),
    ),
}
# Only where they are named: they take long. `full` has several steps.
LONG = {
    "full": f"every fault on every pairing of stores, {SEEDS} seeds, mutants: an hour; writes docs/operate/faults.md",
    "soak": f"faults at random under one load, VEDFOLNIR_SOAK_MINUTES ({SOAK_MINUTES:g})",
}
NEEDS_BUILD = {
    *LONG,
    "unit",
    "conformance",
    "integration",
    "fault",
    "valkey",
    "e2e",
    "upstream",
    "install",
}


def at_rest() -> tuple[int, int]:
    status = run([PYTHON, ROOT / "tools" / "at_rest.py", EVIDENCE])
    return (1, 0) if status == 0 else (0, 1)


def known_layers() -> list[str]:
    return [name for name, (_, exists, _) in LAYERS.items() if exists()]


def steps_of(layer: str, seeds: int) -> Iterator[Step]:
    if layer == "full":
        yield from full(seeds)
    elif layer == "soak":
        yield layer, soak
    else:
        yield layer, LAYERS[layer][2]


def report(rows: list[tuple[str, float, Outcome]]) -> None:
    for name, _, outcome in rows:
        for failure in outcome.failures:
            print(f"\n{name}: failed: {failure}")
    print(f"\n{'layer':<32} {'minutes':>8} {'passed':>8} {'failed':>8} {'skipped':>8}")
    for name, seconds, outcome in rows:
        counts = f"{outcome.passed:>8} {outcome.failed:>8} {outcome.skipped:>8}"
        print(f"{name:<32} {seconds / 60:>8.1f} {counts}")
    total = sum((outcome for _, _, outcome in rows), Outcome())
    print(f"{'all':<32} {sum(seconds for _, seconds, _ in rows) / 60:>8.1f}")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"\n{total.passed} passed, {total.failed} failed{skipped}")


def timed(name: str, step: Callable[[], Outcome]) -> tuple[str, float, Outcome]:
    say(name)
    start = time.monotonic()
    outcome = step()
    return name, time.monotonic() - start, outcome


def build_step() -> Outcome:
    return Outcome() if build("dev") else FAILED


def main() -> int:
    parser = argparse.ArgumentParser(prog="./x test")
    parser.add_argument("layers", nargs="*", metavar="LAYER")
    parser.add_argument("--list", action="store_true", help="name the layers and what they test")
    parser.add_argument(
        "--seeds",
        type=int,
        default=int(os.environ.get("VEDFOLNIR_TEST_SEEDS") or SEEDS),
        help=f"of random tests in `full` (VEDFOLNIR_TEST_SEEDS, {SEEDS})",
    )
    arguments = parser.parse_args()
    known = known_layers()
    if arguments.list:
        for name in known:
            print(f"{name:<12} {LAYERS[name][0]}")
        for name, what in LONG.items():
            print(f"{name:<12} {what} (only where it is named)")
        return 0
    unknown = [name for name in arguments.layers if name not in {*known, *LONG}]
    if unknown:
        parser.error(f"unknown layer: {', '.join(unknown)} (known: {', '.join([*known, *LONG])})")

    layers = [name for name in known if name in arguments.layers or not arguments.layers]
    layers += [name for name in LONG if name in arguments.layers]
    rows = []
    if NEEDS_BUILD & set(layers):
        rows.append(timed("build", build_step))
    if not arguments.layers:
        shutil.rmtree(EVIDENCE, ignore_errors=True)
    (RESULTS / "faults.jsonl").unlink(missing_ok=True)
    if not rows or rows[0][2].failed == 0:
        rows += [timed(*step) for name in layers for step in steps_of(name, arguments.seeds)]
    if "full" in layers and not any(outcome.failed for _, _, outcome in rows):
        rows.append(timed("full: faults.md", faults_page))
    report(rows)
    return 1 if any(outcome.failed for _, _, outcome in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
