"""Runs clang-tidy over src, apps and python/bind, on all cores; a file whose inputs did not change is not run again."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CACHE = BUILD / "tidy"
CHECKED = [ROOT / "src", ROOT / "apps", ROOT / "python" / "bind"]
TIDY = "clang-tidy-16"
# The path-sensitive analyzer of clang 16 follows no coroutine: it takes the awaiting thread for uninitialised and needs
# many minutes for one file. Where this header is read it is left out; the sanitizers run that code.
COROUTINES = "boost/asio/awaitable.hpp"


def compile_commands() -> dict[Path, str]:
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    commands = {Path(entry["file"]): entry["command"] for entry in entries}
    return {
        file: text for file, text in commands.items() if any(top in file.parents for top in CHECKED)
    }


def dependencies() -> dict[str, list[str]]:
    """Per object, what the last build read for it."""
    listing = subprocess.run(
        ["ninja", "-C", BUILD, "-t", "deps"], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = {}
    current = ""
    for line in listing.stdout.splitlines():
        if line.startswith("    "):
            found[current].append(line.strip())
        elif ":" in line:
            current = line.split(":")[0]
            found[current] = []
    return found


def key(file: Path, command: str, inputs: list[str]) -> str:
    """Changes when the file, one of our headers it includes, its flags or the checks change."""
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + command.encode())
    ours = [path for path in (BUILD / name for name in inputs) if ROOT in path.resolve().parents]
    for path in sorted({file, *ours}):
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def check(file: Path, command: str, inputs: list[str]) -> str:
    """Empty when clean, else what clang-tidy said."""
    stamp = CACHE / key(file, command, inputs)
    if stamp.exists():
        return ""
    arguments = [TIDY, "--quiet", "-p", str(BUILD), "--extra-arg=-Wno-unknown-warning-option"]
    if any(path.endswith(COROUTINES) for path in inputs):
        arguments.append("--checks=-clang-analyzer-*")
    arguments.append(str(file))
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return result.stdout + result.stderr
    stamp.touch()
    return ""


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    objects = dependencies()
    jobs = []
    for file, command in sorted(compile_commands().items()):
        words = shlex.split(command)
        jobs.append((file, command, objects.get(words[words.index("-o") + 1], [])))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(lambda job: check(*job), jobs) if text]
    print("\n".join(complaints), file=sys.stderr, end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
