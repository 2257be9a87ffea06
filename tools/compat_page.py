"""Writes docs/reference/compat.md from python/tests/compat_names.toml (./x docs), or checks it (--check).

The contract tests of the same names are made of the same table: python/tests/test_compat_contract.py.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "python" / "tests" / "compat_names.toml"
OUTPUT = ROOT / "docs" / "reference" / "compat.md"

HEAD = """# Names of the original application

What an application that was written for the original finds here, and what differs. All of it is thin: every rule lives
in the core, and the sessions are those of `flask.session`. This page and the contract tests are made of one table
(`python/tests/compat_names.toml`); `./x docs` writes the page.

- **Import.** `from redis_session_manager import RedisSessionManager` works as it is. The other modules are in
  `vedfolnir.compat` (`from vedfolnir.compat import session_factory`). `vedfolnir.compat.install()` makes them
  importable under their old top-level names, all or those it is given; call it before their first import. It refuses
  where another module of such a name was imported already.
- **Application.** `vedfolnir.compat.init_app(app, db_manager)` after `Vedfolnir(app)` sets the attributes at the end of
  this page.
- **Ids.** `handle` is the name of a session everywhere but in a cookie, and useless as one. `cookie` is the cookie
  value: only what creates a session returns it. Where a session is named, both are accepted.
- **Limits** are settings. No call lengthens or shortens a session's idle or absolute limit.
- **Errors.** An unknown name is None or False. Stores that cannot say are a `RedisSessionError`, never an absence.
- `Any` is the application's own object. Times in dictionaries are ISO texts with an offset, in UTC.
"""


def load() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def row(entry: dict[str, Any]) -> str:
    name = entry["name"] + entry.get("signature", "")
    note = entry.get("note", "").replace("|", "\\|")
    return f"| {code(name)} | {code(entry.get('returns', ''))} | {note} |\n"


def page() -> str:
    table = load()
    text = HEAD
    for module in table["module"]:
        text += f"\n## {module['name']}\n\n{module['about']}\n\n"
        text += "| Name | Returns | Notes |\n|---|---|---|\n"
        text += "".join(row(entry) for entry in module["names"])
    text += "\n## The application\n\nAfter `vedfolnir.compat.init_app(app, db_manager)`.\n\n"
    text += "| Name | What | Notes |\n|---|---|---|\n"
    return text + "".join(row(entry) for entry in table["application"])


def main() -> int:
    if "--check" in sys.argv[1:]:
        if OUTPUT.read_text(encoding="utf-8") == page():
            return 0
        print("docs/reference/compat.md is out of date: run ./x docs", file=sys.stderr)
        return 1
    OUTPUT.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
