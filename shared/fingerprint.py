"""Fingerprints: whether bytes are the ones that came, at the speed of memory.

XXH3 of 128 bits finds what gets lost or changed by accident. Where somebody might change bytes on purpose,
a file carries the SHA-256 its owner announced.
"""

import hashlib
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict
from xxhash import xxh3_128, xxh3_128_hexdigest

Fingerprint: TypeAlias = xxh3_128  # takes bytes in as they come, as the objects of `hashlib` do


def differ(known: str, found: str) -> bool:
    """Say whether bytes are others than those that came; what an earlier release took has no fingerprint.

    >>> differ(fingerprint(b"load"), fingerprint(b"wind")), differ("", fingerprint(b"wind"))
    (True, False)
    """
    return known not in ("", found)


def fingerprint(content: bytes) -> str:
    """Return the fingerprint of some bytes, 32 hexadecimal digits.

    >>> fingerprint(b"load")
    'b1b7a7a446a9bd61f0fdaf3aa120917f'
    """
    return xxh3_128_hexdigest(content)


class FileFacts(BaseModel):
    """Size and content hash of one file."""

    model_config = ConfigDict(frozen=True)

    size_bytes: int
    sha256: str


def file_facts(path: Path) -> FileFacts:
    """Return size and hash of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFacts(size_bytes=path.stat().st_size, sha256=digest)
