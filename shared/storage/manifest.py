"""A signed manifest: which files a model has, from which data and by which passport.

The envelope is DSSE (Dead Simple Signing Envelope 1.0, the one of in-toto and Sigstore) with one Ed25519
signature (RFC 8032): the bytes that are signed are the bytes that are sent, so no form has to be agreed on.
"""

import base64
import binascii
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from shared.contracts.base import new_id
from shared.errors import InvalidInput
from shared.fingerprint import FileFacts, file_facts

PAYLOAD_TYPE = "application/vnd.trainyard.model+json"
FORMAT = 1


class ManifestInvalid(InvalidInput):
    """A manifest that is none, was changed, or was signed by another key."""

    code = "MANIFEST_INVALID"
    advice = ("Fetch manifest and model again from where the model was trained.",)


class FileNotInManifest(InvalidInput):
    """A file is none of those that were trained."""

    code = "MODEL_FILE_CHANGED"
    advice = ("Do not use the file; download it again.",)


class SigningKeyUnusable(InvalidInput):
    """The installation's key is no Ed25519 key, or others of the machine may read it."""

    code = "SIGNING_KEY_UNUSABLE"
    advice = ("Make the file readable by its owner alone (chmod 600), or put an Ed25519 key in PEM there.",)


class Manifest(BaseModel):
    """What is signed."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    format: int = FORMAT
    session_id: str
    run_id: str
    job_id: str
    version: int
    model: str
    kind: str
    passport_sha256: str | None
    passport: dict[str, JsonValue] | None
    files: dict[str, FileFacts]
    contract: list[dict[str, JsonValue]] = []
    public_key: str = ""


class Signature(BaseModel):
    """One signature of an envelope; ``sig`` is base64."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    keyid: str
    sig: str


class Envelope(BaseModel):
    """A payload in base64 and who signed it, in DSSE's words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    payloadType: str  # noqa: N815 - DSSE's word
    payload: str
    signatures: tuple[Signature, ...]


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> Envelope:
    """Return a manifest signed; the same manifest and key give the same bytes."""
    public = key.public_key()
    payload = manifest.model_copy(update={"public_key": to_pem(public)}).model_dump_json().encode()
    signature = key.sign(_signed(PAYLOAD_TYPE, payload))
    return Envelope(
        payloadType=PAYLOAD_TYPE,
        payload=base64.b64encode(payload).decode(),
        signatures=(Signature(keyid=key_id(public), sig=base64.b64encode(signature).decode()),),
    )


def open_manifest(content: bytes, *, key: Ed25519PublicKey | None = None) -> Manifest:
    """Return the manifest in an envelope after its signature is verified.

    Parameters
    ----------
    key
        The key that is trusted. None: the key the manifest names itself, which shows that nothing was changed
        since it signed, not whose it is.

    Raises
    ------
    ManifestInvalid
    """
    try:
        envelope = Envelope.model_validate_json(content)
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [base64.b64decode(one.sig, validate=True) for one in envelope.signatures]
        manifest = Manifest.model_validate_json(payload)
    except (ValidationError, binascii.Error):
        raise ManifestInvalid("this is no signed manifest of a model") from None
    if envelope.payloadType != PAYLOAD_TYPE or manifest.format != FORMAT:
        raise ManifestInvalid("this manifest is of a kind or format that is not known here")
    trusted = key or public_key(manifest.public_key.encode())
    if not any(_verifies(trusted, signature, envelope.payloadType, payload) for signature in signatures):
        message = "the manifest was changed, or was not signed by the key " + key_id(trusted)[:16]
        raise ManifestInvalid(message, key_id=key_id(trusted))
    return manifest


def check_file(manifest: Manifest, path: Path) -> str:
    """Return under which name a file is in a manifest, whatever it is called now.

    Raises
    ------
    FileNotInManifest
        If no file of the manifest has these bytes.
    """
    found = file_facts(path)
    for name, facts in manifest.files.items():
        if facts == found:
            return name
    raise FileNotInManifest(
        f"{path.name} is none of the files that were trained as version {manifest.version}",
        file=path.name,
        sha256=found.sha256,
    )


def stored_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of an installation; the first to ask makes it, readable by its owner alone.

    Raises
    ------
    SigningKeyUnusable
    """
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        part = path.with_name(f".{new_id()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # of several processes that start at once the first one's key stays
        except FileExistsError:
            pass
        finally:
            part.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SigningKeyUnusable(f"others of this machine may read {path.name}", file=path.name)
    return private_key(path.read_bytes())


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """Return the private key in a PEM (PKCS #8, without a password).

    Raises
    ------
    SigningKeyUnusable
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyUnusable("the signing key is no Ed25519 key in PEM")
    return key


def public_key(pem: bytes) -> Ed25519PublicKey:
    """Return the public key in a PEM.

    Raises
    ------
    ManifestInvalid
    """
    try:
        key: Any = serialization.load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ManifestInvalid("the public key is no Ed25519 key in PEM")
    return key


def to_pem(key: Ed25519PublicKey) -> str:
    """Return a public key as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key, by which people compare it."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _signed(payload_type: str, payload: bytes) -> bytes:
    """Return what DSSE signs: type and payload, each with its length.

    >>> _signed("a/b", b"xyz")
    b'DSSEv1 3 a/b 3 xyz'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _verifies(key: Ed25519PublicKey, signature: bytes, payload_type: str, payload: bytes) -> bool:
    try:
        key.verify(signature, _signed(payload_type, payload))
    except InvalidSignature:
        return False
    return True
