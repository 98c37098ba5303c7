"""What every object store promises, checked on each implementation of the port."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.contracts.base import new_id
from shared.fingerprint import Fingerprint, fingerprint
from shared.storage.objects import Content, InvalidKey, ObjectNotFound, Objects, Source

BIG = bytes(range(256)) * 12_000  # 3 MB: several pieces, not a multiple of any


@pytest.fixture
def folder() -> str:
    return f"sessions/{new_id()}"


async def _pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


class Arriving(Source):
    """Bytes that come in pieces, with nothing to read between them, and break off after some if told to."""

    def __init__(self, content: bytes, *, piece: int = 300_000, breaks_after: int | None = None) -> None:
        self._pieces = [content[start : start + piece] for start in range(0, len(content), piece)]
        self._breaks_after, self._n_read = breaks_after, 0
        self._here = False
        self.n_waits = 0

    def readinto(self, buffer: memoryview) -> int | None:
        if self._breaks_after is not None and self._n_read >= self._breaks_after:
            raise SenderGone
        if not self._pieces:
            return 0
        if not self._here:
            return None
        piece = self._pieces[0][: len(buffer)]
        buffer[: len(piece)] = piece
        self._pieces[0] = self._pieces[0][len(piece) :]
        if not self._pieces[0]:
            del self._pieces[0]
            self._here = False
        self._n_read += len(piece)
        return len(piece)

    async def ready(self) -> None:
        await asyncio.sleep(0)
        self._here = True
        self.n_waits += 1


class SenderGone(Exception):
    """Whoever sent the bytes went away."""


async def _together(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "one byte", "3 MB"])
async def test_bytes_come_back_as_they_were_put(objects: Objects, folder: str, content: bytes) -> None:
    stored = await objects.put(f"{folder}/a.bin", content)

    assert (stored.size_bytes, stored.digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert await objects.get(f"{folder}/a.bin") == content
    assert await objects.size(f"{folder}/a.bin") == len(content)


async def test_files_and_streams_go_in_as_bytes_do(objects: Objects, folder: str, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(BIG)

    from_bytes = await objects.put(f"{folder}/bytes", BIG)
    from_file = await objects.put(f"{folder}/file", source)
    from_stream = await objects.put(f"{folder}/stream", _pieces(BIG))

    assert from_bytes == from_file == from_stream
    assert await objects.get(f"{folder}/stream") == await objects.get(f"{folder}/file") == BIG


async def test_a_digest_of_ones_own_takes_the_place_of_the_usual_one(
    objects: Objects, folder: str, tmp_path: Path
) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(BIG)
    ways: dict[str, Content] = {"small": b"x", "bytes": BIG, "file": source, "stream": _pieces(BIG)}

    stored = {
        name: await objects.put(f"{folder}/{name}", c, digest=Fingerprint()) for name, c in ways.items()
    }

    assert stored.pop("small").digest == fingerprint(b"x")
    assert {one.digest for one in stored.values()} == {fingerprint(BIG)}


@pytest.mark.parametrize("piece", [1, 40_000, 5_000_000], ids=["a byte", "many", "one larger than a buffer"])
async def test_bytes_that_are_still_coming_go_in_as_bytes_do(
    objects: Objects, folder: str, piece: int
) -> None:
    content = BIG if piece > 1 else BIG[:40]
    source = Arriving(content, piece=piece)

    stored = await objects.put(f"{folder}/a.bin", source, durable=False)

    assert (stored.size_bytes, stored.digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert await objects.get(f"{folder}/a.bin") == content
    assert source.n_waits >= len(content) // piece


async def test_nothing_is_left_of_bytes_that_stop_coming(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/old", b"old")

    for name in ("old", "new"):
        with pytest.raises(SenderGone):
            await objects.put(f"{folder}/{name}", Arriving(BIG, breaks_after=1_000_000))

    assert await objects.get(f"{folder}/old") == b"old"
    assert await objects.list(folder) == [f"{folder}/old"]


async def test_a_put_that_is_given_up_while_bytes_come_leaves_nothing(objects: Objects, folder: str) -> None:
    class Silent(Arriving):
        async def ready(self) -> None:
            await asyncio.sleep(60)

    putting = asyncio.ensure_future(objects.put(f"{folder}/a", Silent(BIG)))
    await asyncio.sleep(0.1)

    putting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await objects.list(folder) == []


async def test_what_is_brought_to_the_disk_later_is_there_at_once(objects: Objects, folder: str) -> None:
    stored = await objects.put(f"{folder}/chunks/1", _pieces(BIG), durable=False)

    before = await objects.get(f"{folder}/chunks/1")
    await objects.sync(f"{folder}/chunks")
    await objects.sync(f"{folder}/nothing")

    assert stored.size_bytes == len(BIG)
    assert before == await objects.get(f"{folder}/chunks/1") == BIG


async def test_a_stream_out_is_the_object_in_small_pieces(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/a", BIG)

    pieces = [piece async for piece in objects.stream(f"{folder}/a")]

    assert b"".join(pieces) == BIG
    assert max(map(len, pieces)) <= 1 << 20


async def test_fetching_writes_a_local_file(objects: Objects, folder: str, tmp_path: Path) -> None:
    await objects.put(f"{folder}/a", BIG)

    await objects.fetch(f"{folder}/a", tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == BIG


async def test_what_is_not_there_is_said(objects: Objects, folder: str, tmp_path: Path) -> None:
    absent = f"{folder}/absent"
    target = tmp_path / "fetched" / "copy"
    target.parent.mkdir()

    with pytest.raises(ObjectNotFound):
        await objects.get(absent)
    with pytest.raises(ObjectNotFound):
        await _together(objects.stream(absent))
    with pytest.raises(ObjectNotFound):
        await objects.fetch(absent, target)
    assert await objects.size(absent) is None
    assert await objects.list(absent) == []
    assert await objects.delete(absent) == 0
    assert os.listdir(tmp_path / "fetched") == []


async def test_putting_again_replaces_the_whole(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/a", BIG)
    await objects.put(f"{folder}/a", b"short")

    assert await objects.get(f"{folder}/a") == b"short"
    assert await objects.size(f"{folder}/a") == 5


async def test_readers_never_see_half_an_object(objects: Objects, folder: str) -> None:
    versions = [bytes([n]) * 400_000 for n in range(6)]
    await objects.put(f"{folder}/a", versions[0])

    reads, _ = await asyncio.gather(
        asyncio.gather(*(objects.get(f"{folder}/a") for _ in range(12))),
        asyncio.gather(*(objects.put(f"{folder}/a", _pieces(v)) for v in versions)),
    )

    assert all(read in versions for read in reads)


async def test_a_put_that_breaks_off_leaves_what_was_there(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/old", b"old")

    async def breaking() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the sender went away")

    with pytest.raises(ConnectionResetError):
        await objects.put(f"{folder}/old", breaking())
    with pytest.raises(ConnectionResetError):
        await objects.put(f"{folder}/new", breaking())

    assert await objects.get(f"{folder}/old") == b"old"
    assert await objects.list(folder) == [f"{folder}/old"]


async def test_list_is_sorted_and_takes_whole_tokens_only(objects: Objects, folder: str) -> None:
    for key in (f"{folder}/b/2", f"{folder}/b/1", f"{folder}/a", f"{folder}-more/x"):
        await objects.put(key, b"x")

    assert await objects.list(folder) == [f"{folder}/a", f"{folder}/b/1", f"{folder}/b/2"]
    assert await objects.list(f"{folder}/b") == [f"{folder}/b/1", f"{folder}/b/2"]


async def test_list_goes_beyond_one_page(objects: Objects, folder: str) -> None:
    keys = sorted(f"{folder}/chunks/{n:03}" for n in range(120))
    await asyncio.gather(*(objects.put(key, b"x") for key in keys))

    assert await objects.list(folder) == keys


async def test_delete_takes_the_object_and_all_below_it(objects: Objects, folder: str) -> None:
    for key in (f"{folder}/b/2", f"{folder}/b/c/1", f"{folder}/bb", f"{folder}/z"):
        await objects.put(key, b"x")

    below = await objects.delete(f"{folder}/b")
    single = await objects.delete(f"{folder}/z")

    assert (below, single) == (2, 1)
    assert await objects.list(folder) == [f"{folder}/bb"]


async def test_a_deleted_key_can_be_used_again(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/a/b", b"x")
    await objects.delete(folder)

    await objects.put(f"{folder}/a", b"y")

    assert await objects.get(f"{folder}/a") == b"y"


@pytest.mark.parametrize(
    "key",
    ["", "/", "../x", "a/../b", "/etc/passwd", "a//b", "a/", ".hidden", "a b", "a\0b", "ä", "a/" + "x" * 300],
)
async def test_a_key_that_is_not_made_of_plain_tokens_is_refused(objects: Objects, key: str) -> None:
    with pytest.raises(InvalidKey):
        await objects.put(key, b"x")
    with pytest.raises(InvalidKey):
        await objects.get(key)
    with pytest.raises(InvalidKey):
        await objects.delete(key)


async def test_a_store_that_is_there_answers(objects: Objects) -> None:
    await objects.ping()
