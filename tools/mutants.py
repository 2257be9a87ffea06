"""Breaks the product on purpose, one rule at a time, and demands that the test which guards the rule turns red.

Each file of tests/mutants is a patch with a head: what is wrong then, the target to build, and the test that must fail.
Works on a copy of the sources in build-mutants, built as the dev preset builds, so that the compiler cache has what is
not broken. A mutant that does not apply or does not build counts as a failure: it shows nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build-mutants"
REPORT = COPY / "report.xml"
TEST_SECONDS_MAX = 120


@dataclass(frozen=True)
class Mutant:
    patch: Path
    target: str
    test: str

    @classmethod
    def read(cls, patch: Path) -> Mutant:
        head = patch.read_text().partition("\n--- ")[0]
        fields = dict(re.findall(r"^(Target|Red): (\S+)$", head, re.M))
        return cls(patch, fields["Target"], fields["Red"])


def sources() -> list[Path]:
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in names.split("\0") if name and (ROOT / name).is_file()]


def copy_sources() -> None:
    """What is unchanged keeps its time, so that only what changed is built anew."""
    wanted = set(sources())
    for name in wanted:
        copy = COPY / name
        content = (ROOT / name).read_bytes()
        if copy.is_file() and copy.read_bytes() == content:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        shutil.copymode(ROOT / name, copy)
    for folder in ("src", "tests", "include", "cmake"):
        for file in (COPY / folder).rglob("*"):
            if file.is_file() and file.relative_to(COPY) not in wanted:
                file.unlink()
    venv = COPY / ".venv"
    if not venv.is_symlink():
        venv.symlink_to(Path("..") / ".venv")


def quietly(*command: str | Path) -> bool:
    """The output matters only when it fails."""
    done = subprocess.run(command, cwd=COPY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n", file=sys.stderr)
    return done.returncode == 0


def configure() -> bool:
    options = ["-DVEDFOLNIR_CLI=ON", "-DVEDFOLNIR_PYTHON=OFF", "-DVEDFOLNIR_BENCH=OFF"]
    return quietly("cmake", "--preset", "dev", *options)


def build(targets: Iterable[str]) -> bool:
    jobs = str(os.cpu_count() or 1)
    return quietly("cmake", "--build", "build", "-j", jobs, "--target", *targets)


def verdict(mutant: Mutant) -> str:
    """`passed`, `failed`, or what kept the test from saying either."""
    REPORT.unlink(missing_ok=True)
    command = [str(COPY / "build/bin" / mutant.target), f"--gtest_filter={mutant.test}"]
    environment = {**os.environ, "GTEST_OUTPUT": f"xml:{REPORT}"}
    try:
        subprocess.run(
            command,
            cwd=COPY,
            env=environment,
            capture_output=True,
            timeout=TEST_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "no end"
    if not REPORT.exists():
        return "no report"
    cases = list(ElementTree.parse(REPORT).iter("testcase"))
    if len(cases) != 1:
        return f"{len(cases)} tests of that name"
    return "passed" if cases[0].find("failure") is None else "failed"


def is_killed(mutant: Mutant) -> bool:
    name = mutant.patch.stem
    if not quietly("patch", "-p1", "-s", "-i", mutant.patch):
        print(f"{name}: does not apply")
        return False
    try:
        if not build([mutant.target]):
            print(f"{name}: does not build")
            return False
        result = verdict(mutant)
    finally:
        quietly("patch", "-p1", "-s", "-R", "-i", mutant.patch)
    print(f"{name}: {mutant.test} {result}", flush=True)
    return result == "failed"


def run() -> tuple[int, int]:
    """How many mutants were found out, and how many were not."""
    mutants = [Mutant.read(patch) for patch in sorted((ROOT / "tests/mutants").glob("*.patch"))]
    COPY.mkdir(exist_ok=True)
    copy_sources()
    if not configure() or not build(sorted({mutant.target for mutant in mutants})):
        print("the sources do not build unbroken")
        return 0, len(mutants)
    sound = [mutant for mutant in mutants if verdict(mutant) == "passed"]
    for mutant in set(mutants) - set(sound):
        print(f"{mutant.patch.stem}: {mutant.test} does not pass unbroken")
    killed = sum(is_killed(mutant) for mutant in sound)
    return killed, len(mutants) - killed


if __name__ == "__main__":
    found, missed = run()
    print(f"{found} mutants found out, {missed} not")
    sys.exit(1 if missed else 0)
