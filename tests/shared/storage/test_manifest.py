"""A signed manifest says whether a file is what was trained: whatever is changed, somebody notices."""

import base64
import hashlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.fingerprint import FileFacts
from shared.storage.manifest import (
    FileNotInManifest,
    Manifest,
    ManifestInvalid,
    SigningKeyUnusable,
    check_file,
    key_id,
    open_manifest,
    private_key,
    public_key,
    sign,
    stored_key,
    to_pem,
)

OURS, THEIRS = Ed25519PrivateKey.from_private_bytes(b"1" * 32), Ed25519PrivateKey.generate()
MODEL = b"weights"
FACTS = FileFacts(size_bytes=7, sha256=hashlib.sha256(MODEL).hexdigest())
MANIFEST = Manifest(
    session_id="s", run_id="r", job_id="j", version=2, model="LIN", kind="lin", passport_sha256="0" * 64,
    passport={"seed": 1}, files={"model.npz": FACTS},
)  # fmt: skip


def written(manifest: Manifest = MANIFEST, key: Ed25519PrivateKey = OURS) -> bytes:
    return sign(manifest, key).model_dump_json().encode()


def changed(**fields: Any) -> bytes:
    """Return our envelope with fields of its payload changed and the signature left as it is."""
    envelope = json.loads(written())
    payload = json.loads(base64.b64decode(envelope["payload"])) | fields
    envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    return json.dumps(envelope).encode()


def test_a_manifest_is_read_as_it_was_signed_and_signed_again_the_same() -> None:
    found = open_manifest(written(), key=OURS.public_key())

    assert found.model_copy(update={"public_key": ""}) == MANIFEST
    assert written() == written()
    assert key_id(public_key(found.public_key.encode())) == key_id(OURS.public_key())


@pytest.mark.parametrize("trusted", [None, OURS.public_key()], ids=["no key", "our key"])
@pytest.mark.parametrize(
    "content",
    [
        changed(version=3),
        changed(files={"model.npz": {"size_bytes": 1, "sha256": "0" * 64}}),
        changed(passport_sha256="1" * 64),
        changed(public_key=to_pem(THEIRS.public_key())),
        changed(public_key="none"),
        changed(format=2),
        written().replace(b"vnd.trainyard", b"vnd.trainyarx"),
        json.dumps(json.loads(written()) | {"signatures": []}).encode(),
        b"{}",
        b"no json",
    ],
)
def test_whatever_is_changed_the_signature_does_not_hold(content: bytes, trusted: Any) -> None:
    with pytest.raises(ManifestInvalid):
        open_manifest(content, key=trusted)


def test_a_manifest_of_somebody_else_holds_by_its_own_key_and_not_by_ours() -> None:
    forged = written(MANIFEST.model_copy(update={"version": 9}), THEIRS)

    assert open_manifest(forged).version == 9
    with pytest.raises(ManifestInvalid, match="not signed by"):
        open_manifest(forged, key=OURS.public_key())


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_payload_or_signature_can_be_turned(place: int, bit: int) -> None:
    envelope = json.loads(written())
    parts = [base64.b64decode(envelope["payload"]), base64.b64decode(envelope["signatures"][0]["sig"])]
    whole = bytearray(b"".join(parts))
    whole[place % len(whole)] ^= 1 << bit
    payload, signature = bytes(whole[: len(parts[0])]), bytes(whole[len(parts[0]) :])
    envelope["payload"] = base64.b64encode(payload).decode()
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()

    with pytest.raises(ManifestInvalid):
        open_manifest(json.dumps(envelope).encode(), key=OURS.public_key())


def test_a_file_is_known_by_its_bytes_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "LIN-33333333.npz"
    path.write_bytes(MODEL)

    assert check_file(MANIFEST, path) == "model.npz"


@pytest.mark.parametrize("content", [b"weightz", b"weight", b"", b"weights "])
def test_a_file_with_other_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)

    with pytest.raises(FileNotInManifest, match="version 2"):
        check_file(MANIFEST, path)


def test_of_many_that_start_at_once_all_have_one_key_nobody_else_may_read(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"

    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: key_id(stored_key(path).public_key()), range(32)))

    assert len(set(keys)) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["signing.key"]


def test_a_key_others_may_read_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    stored_key(path)
    path.chmod(0o644)

    with pytest.raises(SigningKeyUnusable, match="may read"):
        stored_key(path)
    with pytest.raises(SigningKeyUnusable, match="Ed25519"):
        private_key(b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
