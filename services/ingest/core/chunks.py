"""Chunks of an upload: which are missing, and whether together they are the announced file."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence

from services.ingest.core.problems import ChunkDamaged, HashMismatch, MissingChunks, SizeMismatch
from shared.fingerprint import differ, fingerprint

_SHOWN = 20  # indices a message lists; a lost upload of thousands of chunks stays readable


def missing_chunks(received: Collection[int], *, n_chunks: int) -> tuple[int, ...]:
    """Return the indices that have not arrived, in order.

    >>> missing_chunks([0, 3], n_chunks=4)
    (1, 2)
    """
    arrived = frozenset(received)
    return tuple(index for index in range(n_chunks) if index not in arrived)


def require_all_chunks(received: Collection[int], *, n_chunks: int) -> None:
    """Do nothing if all chunks are there.

    Raises
    ------
    MissingChunks
        Naming the indices that are not.
    """
    missing = missing_chunks(received, n_chunks=n_chunks)
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN]))
        more = " and more" if len(missing) > _SHOWN else ""
        raise MissingChunks(
            f"{len(missing)} of {n_chunks} chunks have not arrived: {shown}{more}",
            missing=list(missing[:_SHOWN]),
            n_missing=len(missing),
            n_chunks=n_chunks,
        )


def intact(chunks: Iterable[bytes], *, fingerprints: Sequence[str]) -> Iterator[bytes]:
    """Pass the chunks of a file on, each after a comparison with what was received.

    Parameters
    ----------
    chunks
        The bytes of the file in order.
    fingerprints
        That of each chunk when it arrived; empty where an earlier release took none.

    Raises
    ------
    ChunkDamaged
        At the first chunk with other bytes.
    """
    for index, (chunk, received) in enumerate(zip(chunks, fingerprints, strict=True)):
        if differ(received, fingerprint(chunk)):
            raise ChunkDamaged(f"chunk {index} is not what was received", chunk_index=index)
        yield chunk


def verified(
    chunks: Iterable[bytes], *, size_bytes: int | None = None, sha256: str | None = None
) -> Iterator[bytes]:
    """Pass the chunks of a file on, and check the whole after the last one.

    Memory stays at one chunk. What has been passed on is trustworthy only once the iterator has
    ended: write to a temporary place and keep it if nothing was raised.

    Parameters
    ----------
    chunks
        The bytes of the file in order.
    size_bytes, sha256
        What was announced; None where nothing was. The hash is hexadecimal, in either case.

    Raises
    ------
    SizeMismatch
        As soon as there are more bytes than announced, or at the end if there are fewer.
    HashMismatch
        At the end, if the content differs.

    Examples
    --------
    >>> b"".join(verified([b"UTC;", b"load"], size_bytes=8))
    b'UTC;load'
    """
    digest, seen = hashlib.sha256(), 0
    for chunk in chunks:
        seen += len(chunk)
        if size_bytes is not None and seen > size_bytes:
            raise SizeMismatch(
                f"the file has more than the announced {size_bytes} bytes", announced_bytes=size_bytes
            )
        digest.update(chunk)
        yield chunk
    if size_bytes is not None and seen < size_bytes:
        raise SizeMismatch(
            f"the file has {seen} bytes, but {size_bytes} were announced",
            announced_bytes=size_bytes,
            received_bytes=seen,
        )
    if sha256 is not None and digest.hexdigest() != sha256.lower():
        raise HashMismatch(
            "the content of the file differs from what was announced",
            announced_sha256=sha256.lower(),
            received_sha256=digest.hexdigest(),
        )
