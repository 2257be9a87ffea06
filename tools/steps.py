"""Runs the numbered steps of a check and prints one line each."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import stack

# A title, and what does it: returns what was seen, if there is something to say; raises if it fails.
Step = tuple[str, Callable[[], str | None]]

INDENT = " " * 7


def run(steps: Sequence[Step], log: Path) -> int:
    """Runs the steps in order; ends at the first that fails, with the end of `log`. 0 or 1."""
    for number, (title, act) in enumerate(steps, 1):
        place = f"{number:>2}/{len(steps)}"
        try:
            seen = act()
        except Exception as error:  # reported, and the run fails
            print(f"{place}  FAILED  {title}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
            print(f"{INDENT}{error}\n\nThe end of gunicorn's log:\n{stack.log_tail(log)}")
            return 1
        print(f"{place}  ok      {title}", flush=True)
        if seen:
            say(seen)
    print(f"\n{len(steps)} steps, all ok")
    return 0


def say(text: str) -> None:
    """A line below the steps: what was seen, or how far one is."""
    print(f"{INDENT}{text}", flush=True)
