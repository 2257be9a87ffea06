"""A mutant that no longer applies is said at once, not after the build of all of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mutants
import pytest

PATCHES = sorted((mutants.ROOT / "tests/mutants").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_mutant_applies_to_the_sources(patch: Path) -> None:
    mutant = mutants.Mutant.read(patch)
    assert mutant.target
    assert mutant.test
    command = ["patch", "-p1", "--dry-run", "--force", "-i", patch]
    done = subprocess.run(command, cwd=mutants.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
