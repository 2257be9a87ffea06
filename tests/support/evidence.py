"""What the tests leave behind for the search at rest (tools/at_rest.py, V20).

A test that starts a server keeps its Redis dump, SQL file and logs here when it stops them, and says which ids it was
handed and which values it stored. Without ./x test around it, nothing is kept.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path


def _folder() -> Path | None:
    name = os.environ.get("VEDFOLNIR_TEST_EVIDENCE")
    if not name:
        return None
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _append(name: str, line: str) -> None:
    folder = _folder()
    if folder is None or "\n" in line:
        return
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def issued(session_id: str) -> None:
    """An id (cookie value) that must not be found at rest."""
    _append("issued.txt", session_id)


def plaintext(value: str) -> None:
    """A session value, at least 12 characters and unlike anything else, that must not be found at rest."""
    _append("plaintext.txt", value)


def keep(*paths: Path) -> None:
    """Copies files and folders (Redis dump, SQL file with its -wal, logs) to be searched."""
    folder = _folder()
    if folder is None:
        return
    target = folder / "files" / uuid.uuid4().hex
    target.mkdir(parents=True)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, target / path.name, symlinks=True, ignore=_only_files)
        elif path.is_file():
            shutil.copy2(path, target / path.name)


def _only_files(folder: str, names: list[str]) -> list[str]:
    """Sockets and the like are left out."""
    return [
        name
        for name in names
        if not ((Path(folder) / name).is_file() or (Path(folder) / name).is_dir())
    ]
