"""./x bench: what sessions cost, in C++ and under Flask, beside what others cost.

Writes one JSON file per run under bench/out/. A run of all parts also writes bench/RESULTS.md and the plots.
Parts: cpp (single steps; loads beside hiredis and Boost.Redis; memory), flask (beside plain Flask, its signed
cookie and Flask-Session), load (10 000 sessions, 1 000 clients), database (logins, loads from SQL, recovery, sweep,
audit trail; on SQLite, PostgreSQL and MariaDB).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent / "tools"), str(BENCH), str(BENCH.parent / "tests")]

import compare  # noqa: E402
import cpp_part  # noqa: E402
import database_part  # noqa: E402
import flask_part  # noqa: E402
import load_part  # noqa: E402
import machine  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import stack  # noqa: E402

PARTS = {
    "cpp": cpp_part.run,
    "flask": flask_part.run,
    "load": load_part.run,
    "database": database_part.run,
}


def main() -> int:
    arguments = parsed()
    old = json.loads(Path(arguments.compare).read_text()) if arguments.compare else None
    try:
        with tempfile.TemporaryDirectory(prefix="vedfolnir-bench-") as name:
            outcome = run(Path(name), arguments)
    except stack.StackError as error:
        print(f"x: {error}", file=sys.stderr)
        return 1
    path = BENCH / "out" / f"{outcome['started']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(outcome, indent=2) + "\n")
    print(f"\n{report.tables(outcome)}\n{path.relative_to(BENCH.parent)}")
    if not arguments.quick and not arguments.engine and outcome["parts"].keys() == PARTS.keys():
        (BENCH / "RESULTS.md").write_text(report.document(outcome))
        plots.write(outcome, BENCH / "plots")
        print("bench/RESULTS.md and bench/plots/")
    if old is None:
        return 0
    regressions = compare.regressions(old, outcome)
    print("\n".join(compare.lines(regressions)))
    return 1 if regressions else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./x bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=4, help="per measurement (default 4)")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="this part; may be repeated (default: all)"
    )
    parser.add_argument(
        "--engine",
        action="append",
        choices=database_part.ENGINES,
        help="of the part database, this one; may be repeated (default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="one round of one second: a trial")
    parser.add_argument(
        "--compare",
        metavar="OLD.json",
        help="afterwards, say what became worse than in OLD.json beyond the spread of both runs, "
        "and end with 1 if anything did",
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 1
    return arguments


def run(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    chosen = [name for name in PARTS if not arguments.only or name in arguments.only]
    command = f"./x bench --rounds {arguments.rounds} --seconds {arguments.seconds:g}"
    if arguments.only:
        command += "".join(f" --only {name}" for name in chosen)
    engines = arguments.engine or database_part.ENGINES
    if arguments.engine:
        command += "".join(f" --engine {name}" for name in engines)
    parts: dict[str, Callable[..., Any]] = {
        **PARTS,
        "database": partial(database_part.run, engines=engines),
    }
    outcome: dict[str, Any] = {
        "started": time.strftime("%Y%m%d-%H%M%S", time.gmtime()),
        "command": command,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "machine": machine.describe(),
        "parts": {},
    }
    for name in chosen:
        outcome["parts"][name] = parts[name](folder / name, arguments.rounds, arguments.seconds)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
