"""vedfolnir config, keys and version: what they print, what they never print, how they end."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import stack

ROOT = Path(__file__).resolve().parents[2]
KEY = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M="
DOCUMENT = """\
# Redis Connection
REDIS_URL=redis://localhost:6379/0
REDIS_HOST=localhost
REDIS_PORT=6379
REDIS_DB=0
REDIS_PASSWORD=  # Optional
REDIS_SSL=false

# Session Settings
REDIS_SESSION_PREFIX=vedfolnir:session:
REDIS_SESSION_TIMEOUT=7200  # 2 hours
REDIS_SESSION_CLEANUP_INTERVAL=3600  # 1 hour

# Cookie Security
SESSION_COOKIE_NAME=session
SESSION_COOKIE_HTTPONLY=true
SESSION_COOKIE_SECURE=true  # false for development
SESSION_COOKIE_SAMESITE=Lax
SESSION_COOKIE_MAX_AGE=7200
"""


def command(
    *arguments: str, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**stack.clean_environment(), **(settings or {})}
    environment.pop("VEDFOLNIR_TEST_EVIDENCE", None)
    return subprocess.run(
        [str(stack.CLI), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.ids("S9", "S11", "S59")
def test_the_documents_block_as_a_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"{DOCUMENT}VEDFOLNIR_KEY={KEY}\n")
    done = command("--env-file", str(env_file), "config", "show", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    settings = {entry["name"]: entry for entry in report["settings"]}
    assert report["errors"] == []
    assert report["warnings"] == []
    assert settings["REDIS_SESSION_TIMEOUT"]["value"] == "7200"
    assert settings["REDIS_PASSWORD"]["value"] == ""
    assert settings["SESSION_COOKIE_SECURE"]["source"] == "environment"
    assert settings["VEDFOLNIR_KEY"]["value"] == "********"
    assert KEY not in done.stdout + done.stderr


@pytest.mark.ids("S9", "S59")
def test_environment_wins_over_files_and_each_value_names_its_source(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("REDIS_SESSION_PREFIX=env-file:\nREDIS_DB=4\n")
    config = tmp_path / "vedfolnir.toml"
    config.write_text('[redis]\nsession_prefix = "toml:"\ndb = 9\nport = 6390\n')
    done = command(
        *("config", "show", "--json", "--env-file", str(env_file), "--config", str(config)),
        settings={"VEDFOLNIR_KEY": KEY, "REDIS_SESSION_PREFIX": "process:"},
    )
    values = {
        entry["name"]: (entry["value"], entry["source"])
        for entry in json.loads(done.stdout)["settings"]
    }
    assert values["REDIS_SESSION_PREFIX"] == ("process:", "environment")
    assert values["REDIS_DB"] == ("4", "environment")
    assert values["REDIS_PORT"] == ("6390", "file")
    assert values["REDIS_HOST"] == ("localhost", "default")


@pytest.mark.ids("S59")
def test_validate_lists_everything_at_once_and_ends_with_2() -> None:
    done = command(
        "config",
        "validate",
        settings={
            "REDIS_URL": "redis://:hidden-password@a/0",
            "REDIS_SSL": "true",
            "REDIS_HOTS": "b",
            "SESSION_COOKIE_SAMESITE": "None",
            "SESSION_COOKIE_SECURE": "false",
        },
    )
    assert done.returncode == 2
    for expected in (
        "REDIS_URL and REDIS_SSL contradict each other",
        "SESSION_COOKIE_SAMESITE",
        "VEDFOLNIR_KEY is not set",
        "did you mean REDIS_HOST?",
        "NIST SP 800-63B-4",
    ):
        assert expected in done.stdout, expected
    assert "hidden-password" not in done.stdout + done.stderr


@pytest.mark.ids("S9")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://a:26379,b:26379/mymaster", "Sentinel"),
        ("redis+cluster://a:7000", "Cluster"),
        ("redis://a:7000,b:7001", "several hosts"),
    ],
)
def test_cluster_and_sentinel_are_refused_clearly(url: str, words: str) -> None:
    done = command("sessions", "list", settings={"VEDFOLNIR_KEY": KEY, "REDIS_URL": url})
    assert done.returncode == 2
    assert "REDIS_URL" in done.stderr
    assert words in done.stderr


@pytest.mark.ids("S59")
def test_an_unreadable_file_is_an_error_not_an_empty_one() -> None:
    done = command("--env-file", "/nowhere/.env", "config", "validate")
    assert done.returncode == 2
    assert "/nowhere/.env" in done.stderr


@pytest.mark.ids("S88")
def test_generated_keys_are_accepted_and_differ(tmp_path: Path) -> None:
    keys = {command("keys", "generate").stdout.strip() for _ in range(3)}
    assert len(keys) == 3
    for key in keys:
        assert len(base64.b64decode(key, validate=True)) == 32
        assert command("config", "validate", settings={"VEDFOLNIR_KEY": key}).returncode == 0
    hexadecimal = command("keys", "generate", "--hex").stdout.strip()
    assert len(bytes.fromhex(hexadecimal)) == 32

    ring = tmp_path / "ring.toml"
    assert command("keys", "generate", "--ring", "--output", str(ring)).returncode == 0
    assert stat.S_IMODE(os.stat(ring).st_mode) == 0o600
    assert (
        command("config", "validate", settings={"VEDFOLNIR_KEYS_FILE": str(ring)}).returncode == 0
    )
    again = command("keys", "generate", "--ring", "--output", str(ring))
    assert again.returncode == 1
    assert "never overwritten" in again.stderr


@pytest.mark.ids("S88", "V19")
def test_keys_from_the_documents_are_refused() -> None:
    """Whatever looks like a key in the repository's own pages must not start a production."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*")]:
        if not page.is_file():
            continue
        for line in page.read_text(errors="replace").splitlines():
            name, _, value = line.strip().removeprefix("export ").partition("=")
            if name != "VEDFOLNIR_KEY" or not value:
                continue
            done = command("config", "validate", settings={"VEDFOLNIR_KEY": value})
            assert done.returncode == 2, f"{page}: {line}"


@pytest.mark.ids("S59")
def test_the_reference_is_the_table_of_the_code() -> None:
    done = command("config", "reference", "--markdown")
    assert done.returncode == 0
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    assert page == done.stdout, (
        "run: vedfolnir config reference --markdown > docs/reference/configuration.md"
    )


@pytest.mark.ids("S59")
def test_wrong_usage_ends_with_2() -> None:
    for arguments in (
        [],
        ["sessions"],
        ["sessions", "list", "--limit", "0"],
        ["nonsense"],
        ["sessions", "end"],
    ):
        done = command(*arguments, settings={"VEDFOLNIR_KEY": KEY})
        assert done.returncode == 2, (arguments, done.stdout, done.stderr)
    assert command("--help").returncode == 0


@pytest.mark.ids("S59")
def test_every_command_of_the_reference_exists() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    headings = [
        line.removeprefix("## `vedfolnir ").rstrip("`")
        for line in page.splitlines()
        if line.startswith("## `")
    ]
    assert len(headings) >= 11
    for heading in headings:
        words = [word for word in heading.split() if word.islower()]
        done = command(*words, "--help")
        assert done.returncode == 0, heading
        assert "Usage:" in done.stdout, heading
