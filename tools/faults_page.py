"""Writes docs/operate/faults.md from what the fault tests noted down.

usage: faults_page.py [FILE...]   (default: build/results/faults.jsonl, which `./x test fault` leaves behind)

Each line is one run of one fault (tests/fault/stage.py). Runs of one fault are summed up; times are the worst of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "results" / "faults.jsonl"
OUTPUT = ROOT / "docs" / "operate" / "faults.md"

Line = dict[str, Any]

HEAD = """# What happens in each fault

Generated from runs of the tests by `python3 tools/faults_page.py`; do not edit.

In each run an application with two workers is under load while one thing is broken on purpose, for some hundred
answers, and then mended. Visitors log in, read, write and log out as fast as they are answered, and look back at what
they left, through either worker. When no worker goes by the database any more and no journal waits, as many answers
follow. Then everything is compared with what was acknowledged, and when (`tests/fault/stage.py`, `history.py`).

Repeat it: `./x test fault`, each fault on one pairing of stores; `./x test full`, all of them on every pairing;
`./x test soak`, faults at random under one load. A run prints its seed; `VEDFOLNIR_TEST_SEED` sets it.
What each state means for users is in [failure modes](../internals/failure_modes.md), what to do in the
[runbooks](README.md).
"""

COLUMNS = """
- **wrong**: requests let in with a session after its logout was acknowledged. At once on any worker; while the database
  is away, a logout is `pending`, and other workers have 2.25 s.
- **lost logins**: acknowledged, and the audit knows nothing of them.
- **thrown out**: requests of a visitor who did not log out, answered as if nobody were logged in.
- **lost writes**: the last acknowledged change of a visitor is not there at the end.
- **500**: any answer but 200 and 503.
- **503**: "cannot be found out now"; the cookie stays. Counted as answers: whoever gets one asks again at once.
- **older**: answers that showed an earlier value than one acknowledged before, from a copy in the database.
- **p99**, **back**: the worst of the runs, on a small machine that also made the load: the time of 99 % of the answers,
  fault included, and the time from mending to the state of before.
"""


@dataclass(frozen=True)
class Column:
    title: str
    key: str
    worst: bool = False

    def of(self, lines: Sequence[Line]) -> str:
        values = [line[self.key] for line in lines]
        return f"{max(values) if self.worst else sum(values):,}".replace(",", " ")


SUMS = (
    Column("requests", "requests"),
    Column("wrong", "wrong"),
    Column("lost logins", "lost_logins"),
    Column("thrown out", "false_logouts"),
    Column("lost writes", "lost_writes"),
    Column("500", "errors"),
    Column("503", "unknown"),
    Column("older", "older"),
    Column("p99 ms", "p99_ms", worst=True),
    Column("back s", "recovery_s", worst=True),
)


def stores(lines: Iterable[Line]) -> str:
    pairings = sorted({" and ".join(line["stores"]) for line in lines})
    return pairings[0] if len(pairings) == 1 else f"{len(pairings)} pairings"


def table(titles: Sequence[str], groups: dict[tuple[str, ...], list[Line]]) -> list[str]:
    head = [*titles, "runs", *(column.title for column in SUMS)]
    rule = ["---"] * len(titles) + ["---:"] * (len(head) - len(titles))
    rows = [
        [*name, str(len(lines)), *(column.of(lines) for column in SUMS)]
        for name, lines in groups.items()
    ]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def grouped(lines: Iterable[Line], *keys: Any) -> dict[tuple[str, ...], list[Line]]:
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(key(line) for key in keys), []).append(line)
    return dict(sorted(groups.items()))


def render(lines: Sequence[Line]) -> str:
    by_fault = grouped(lines, lambda line: line["fault"], lambda line: line["what"])
    with_stores = {(*name, stores(group)): group for name, group in by_fault.items()}
    by_pairing = grouped(lines, lambda line: line["stores"][0], lambda line: line["stores"][1])
    loads = ", ".join(sorted({line["load"] for line in lines}))
    return "\n".join(
        [
            HEAD,
            "## By fault",
            "",
            f"Load: {loads}. The ids are those of [coverage](../coverage.md).",
            "",
            *table(("Id", "What was done", "Stores"), with_stores),
            COLUMNS,
            "## By pairing of stores",
            "",
            *table(("Redis", "SQL"), by_pairing),
            "",
        ]
    )


def main() -> int:
    files = [Path(name) for name in sys.argv[1:]] or [RESULTS]
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        print(f"faults page: no {', '.join(missing)}; run ./x test fault", file=sys.stderr)
        return 1
    lines = [json.loads(text) for file in files for text in file.read_text().splitlines()]
    OUTPUT.write_text(render(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
