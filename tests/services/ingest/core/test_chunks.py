"""Chunks in any order, verified as a whole."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.chunks import intact, missing_chunks, require_all_chunks, verified
from services.ingest.core.problems import ChunkDamaged, HashMismatch, MissingChunks, SizeMismatch
from shared.fingerprint import fingerprint


@given(st.sets(st.integers(0, 40)), st.integers(0, 40))
def test_received_and_missing_chunks_are_all_of_them(received: set[int], n_chunks: int) -> None:
    missing = missing_chunks(received, n_chunks=n_chunks)

    assert set(missing) | {index for index in received if index < n_chunks} == set(range(n_chunks))
    assert not set(missing) & received


@given(st.lists(st.binary(max_size=20)))
def test_an_intact_file_passes_through(chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    digest = hashlib.sha256(content).hexdigest().upper()

    assert b"".join(verified(chunks, size_bytes=len(content), sha256=digest)) == content


def test_a_missing_chunk_is_named() -> None:
    with pytest.raises(MissingChunks, match="2 of 4 chunks have not arrived: 1, 3") as refused:
        require_all_chunks({0, 2}, n_chunks=4)

    assert refused.value.details["missing"] == [1, 3]


def test_a_flipped_bit_is_noticed_at_the_end() -> None:
    digest = hashlib.sha256(b"load").hexdigest()

    with pytest.raises(HashMismatch):
        list(verified([b"lo", b"ae"], size_bytes=4, sha256=digest))


def test_surplus_bytes_are_noticed_before_the_end() -> None:
    chunks = iter([b"12", b"34", b"56"])

    with pytest.raises(SizeMismatch, match="more than the announced 3"):
        list(verified(chunks, size_bytes=3))

    assert next(chunks) == b"56"


def test_lost_bytes_are_noticed() -> None:
    with pytest.raises(SizeMismatch, match="has 2 bytes, but 3 were announced"):
        list(verified([b"12"], size_bytes=3))


def test_a_chunk_that_was_lost_on_the_way_to_the_disk_is_named() -> None:
    fingerprints = [fingerprint(chunk) for chunk in (b"lo", b"ad")]

    with pytest.raises(ChunkDamaged, match="chunk 1 is not what was received"):
        list(intact([b"lo", b"\0\0"], fingerprints=fingerprints))

    assert list(intact([b"lo", b"ad"], fingerprints=fingerprints)) == [b"lo", b"ad"]


def test_a_chunk_an_earlier_release_took_without_a_fingerprint_passes() -> None:
    assert list(intact([b"lo", b"ad"], fingerprints=["", fingerprint(b"ad")])) == [b"lo", b"ad"]
