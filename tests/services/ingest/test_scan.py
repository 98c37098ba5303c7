"""Files pass a real clamd, or they do not pass."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.handlers import ingest
from services.ingest.scan import (
    Address,
    Clamd,
    Infected,
    NoScanner,
    ScannerUnavailable,
    TooLargeToScan,
    judge,
)
from services.ingest.settings import IngestSettings
from services.ingest.storage import LedgerUploads
from shared.contracts.base import new_id
from shared.contracts.events import FileReady, FileRejected, UploadCompleted
from shared.fingerprint import fingerprint
from shared.storage import keys
from shared.storage.connect import Storage, open_embedded
from shared.storage.rows import FileRow
from tests.support.clamd import EICAR, PROGRAM, LocalClamd
from tests.support.ledger_rows import chunk_row, session_row

needs_clamd = pytest.mark.skipif(
    PROGRAM is None, reason="VIRUS SCAN TESTS DID NOT RUN: apt-get install clamav-daemon"
)
CSV = "\n".join(["time,load", *(f"2024-01-01T{hour:02}:00:00Z,{hour}.5" for hour in range(24))]).encode()
AT_ONCE = timedelta(0)


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[LocalClamd]:
    """A running clamd that takes up to 4 MB."""
    (tmp_path / "clamd").mkdir()
    with LocalClamd(tmp_path / "clamd") as server:
        yield server


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    """A ledger and a folder of objects."""
    opened = await open_embedded(tmp_path / "data")
    yield opened
    await opened.close()


def scanner_at(address: str, patience: timedelta = AT_ONCE) -> Clamd:
    return Clamd(Address.parse(address), patience=patience)


def file_of(folder: Path, content: bytes) -> Path:
    path = folder / "load.csv"
    path.write_bytes(content)
    return path


@needs_clamd
async def test_a_clean_file_of_several_pieces_passes(clamd: LocalClamd, tmp_path: Path) -> None:
    clean = file_of(tmp_path, CSV + b"\n" * (3 << 20))

    await scanner_at(clamd.address).scan(clean, file_name="load.csv")


@needs_clamd
@pytest.mark.parametrize("before", [b"", CSV, b"\n" * (2 << 20)], ids=["alone", "after a table", "far in"])
async def test_an_infected_file_is_named_with_its_signature(
    clamd: LocalClamd, tmp_path: Path, before: bytes
) -> None:
    infected = file_of(tmp_path, before + EICAR)

    with pytest.raises(Infected) as refusal:
        await scanner_at(clamd.address).scan(infected, file_name="load.csv")

    assert refusal.value.details == {"file_name": "load.csv", "signature": "Eicar-Test.UNOFFICIAL"}


@needs_clamd
@pytest.mark.parametrize("size_mb", [5, 60])
async def test_a_file_the_scanner_does_not_take_whole_does_not_pass(
    clamd: LocalClamd, tmp_path: Path, size_mb: int
) -> None:
    large = file_of(tmp_path, b"\n" * (size_mb << 20))

    with pytest.raises(TooLargeToScan):
        await scanner_at(clamd.address).scan(large, file_name="load.csv")


@needs_clamd
async def test_a_scanner_that_is_away_is_waited_for(clamd: LocalClamd, tmp_path: Path) -> None:
    infected = file_of(tmp_path, EICAR)
    clamd.stop()
    with pytest.raises(ScannerUnavailable):
        await scanner_at(clamd.address).scan(infected, file_name="load.csv")
    with pytest.raises(ScannerUnavailable):
        await scanner_at(clamd.address).ping()

    waiting = asyncio.create_task(
        scanner_at(clamd.address, timedelta(seconds=60)).scan(infected, file_name="load.csv")
    )
    await asyncio.sleep(0.1)
    await asyncio.to_thread(clamd.start)

    with pytest.raises(Infected):
        await waiting
    await scanner_at(clamd.address).ping()


async def test_a_scanner_that_never_answers_is_an_outage(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    mute = Clamd(Address.parse(f"localhost:{port}"), timeout=timedelta(seconds=0.2), patience=AT_ONCE)

    with pytest.raises(ScannerUnavailable):
        await mute.scan(file_of(tmp_path, CSV), file_name="load.csv")

    server.close()


@pytest.mark.parametrize("answer", ["", "Can't allocate memory ERROR", "UNKNOWN COMMAND", "stream: maybe"])
def test_only_a_plain_ok_lets_a_file_pass(answer: str) -> None:
    with pytest.raises(ScannerUnavailable):
        judge(answer, file_name="load.csv")


@pytest.mark.parametrize("text", ["clamav", "clamav:", ":3310", "clamav:port", "clamav:70000", "run/clamd"])
def test_an_address_that_is_none_is_refused_at_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINYARD_CLAMD", text)

    with pytest.raises(ValueError, match="neither host:port nor unix:/path"):
        IngestSettings()


async def uploaded(storage: Storage, content: bytes) -> FileRow:
    """Store an upload whose only chunk has arrived."""
    session = session_row("local")
    row = FileRow(
        id=new_id(), owner="local", session_id=session.id, role="input", file_name="load.csv",
        total_chunks=1, status="uploaded",
    )  # fmt: skip
    await storage.objects.put(keys.chunk(session.id, row.id, 0), content)
    chunk = chunk_row(session, file_id=row.id, index=0).model_copy(
        update={"fingerprint": fingerprint(content)}
    )
    await storage.records.insert([session, row, chunk])
    return row


async def chunks_of(storage: Storage, file: FileRow) -> list[str]:
    return await storage.objects.list(keys.chunks(file.session_id, file.id))


@needs_clamd
async def test_an_infected_upload_is_rejected_and_its_bytes_are_gone(
    clamd: LocalClamd, storage: Storage
) -> None:
    file = await uploaded(storage, CSV + EICAR)
    event = UploadCompleted.first(session_id=file.session_id, file_id=file.id)
    uploads, scanner = LedgerUploads(storage), scanner_at(clamd.address)

    said = [await ingest(event, uploads, scanner) for _ in range(2)]

    assert isinstance(said[0], FileRejected)
    assert isinstance(said[1], FileRejected)
    assert said[0].event_id == said[1].event_id
    assert said[0].problem.code == "FILE_INFECTED"
    assert said[0].problem.details["signature"] == "Eicar-Test.UNOFFICIAL"
    assert await chunks_of(storage, file) == []


@needs_clamd
async def test_an_upload_waits_while_the_scanner_is_away(clamd: LocalClamd, storage: Storage) -> None:
    file = await uploaded(storage, CSV)
    event = UploadCompleted.first(session_id=file.session_id, file_id=file.id)
    uploads, scanner = LedgerUploads(storage), scanner_at(clamd.address)
    clamd.stop()

    with pytest.raises(ScannerUnavailable):  # the delivery hands such a message back to the broker
        await ingest(event, uploads, scanner)

    waiting = await uploads.load(file.id)
    assert waiting is not None
    assert waiting.status == "uploaded"
    assert len(await chunks_of(storage, file)) == 1
    await asyncio.to_thread(clamd.start)
    assert isinstance(await ingest(event, uploads, scanner), FileReady)


async def test_without_a_scanner_every_file_passes(storage: Storage) -> None:
    file = await uploaded(storage, CSV)
    event = UploadCompleted.first(session_id=file.session_id, file_id=file.id)

    said = await ingest(event, LedgerUploads(storage), NoScanner())

    assert isinstance(said, FileReady)
