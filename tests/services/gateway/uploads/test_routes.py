"""Chunks: any order, at once, repeated, conflicting, damaged, too large."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from shared.storage import keys
from shared.storage.local_files import FolderObjects, FolderUnavailable
from shared.storage.rows import ChunkRow
from tests.services.gateway.house import BASE, House, open_house

CSV = b"time,load\n2024-01-01T00:00:00Z,1.5\n"


def about(sid: str, index: int = 0, total: int = 1, **more: object) -> dict[str, str]:
    facts = {"sessionId": sid, "fileName": "load.csv", "chunkIndex": index, "totalChunks": total}
    return {"metadata": json.dumps({**facts, "fileType": "input", **more})}


async def send(http: httpx.AsyncClient, sid: str, content: bytes = CSV, **facts: object) -> httpx.Response:
    data = about(sid, **facts)  # type: ignore[arg-type]  # index and total among them
    return await http.post("upload-chunk", data=data, files={"chunk": ("blob", content)})


async def test_the_last_chunk_completes_the_upload_whatever_the_order(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    answers = [(await send(http, sid, f"part {i}".encode(), index=i, total=3)).json() for i in (2, 0, 1)]

    assert [a["status"] for a in answers] == ["receiving", "receiving", "completed"]
    assert answers[0]["missing"] == [0, 1]
    assert house.post.types() == ["upload.completed"]
    stored = await house.gateway.service_storage.objects.list(keys.chunks(sid, answers[0]["file_id"]))
    assert [key[-6:] for key in stored] == ["000000", "000001", "000002"]


async def test_announcing_a_file_again_makes_good_what_a_crash_left_unsaid(
    house: House, http: httpx.AsyncClient, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(self: FolderObjects, prefix: str) -> None:
        raise FolderUnavailable("stands for the end of the process")

    body = {"sessionId": sid, "fileName": "load.csv", "type": "input"}
    file_id = (await http.post("csv-files", json=body)).json()["file_id"]
    with monkeypatch.context() as crash:
        crash.setattr(FolderObjects, "sync", die)
        await http.put(f"upload/{sid}/{file_id}/0", content=CSV)
    assert house.post.types() == []

    again = (await http.post("csv-files", json=body)).json()

    assert (again["file_id"], again["status"], again["missing"]) == (file_id, "uploaded", [])
    assert house.post.types() == ["upload.completed"]


async def test_an_upload_is_announced_when_all_of_it_is_on_the_disk(
    house: House, http: httpx.AsyncClient, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story: list[str] = []
    bring = FolderObjects.sync

    async def sync(self: FolderObjects, prefix: str) -> None:
        story.extend(["synced", *house.post.types()])
        await bring(self, prefix)

    monkeypatch.setattr(FolderObjects, "sync", sync)
    await send(http, sid, b"one", index=0, total=2)
    assert story == []

    await send(http, sid, b"two", index=1, total=2)

    assert story == ["synced"]
    assert house.post.types() == ["upload.completed"]


async def test_a_chunk_another_replica_took_counts(house: House, http: httpx.AsyncClient, sid: str) -> None:
    first = (await send(http, sid, b"one", index=0, total=3)).json()
    one = (await house.records.select(ChunkRow, {"file_id": first["file_id"]}))[0]
    await house.records.insert([one.model_copy(update={"id": "another", "index": 2})])

    status = (await http.get(f"upload-status/{sid}", params={"fileName": "load.csv"})).json()
    last = (await send(http, sid, b"two", index=1, total=3)).json()

    assert status["missing"] == [1]
    assert last["status"] == "completed"


async def test_chunks_sent_at_once_and_twice_are_announced_once(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    sends = [send(http, sid, f"part {i}".encode(), index=i, total=8) for i in [*range(8), *range(8)]]

    answers = await asyncio.gather(*sends)

    assert {a.status_code for a in answers} == {200}
    assert house.post.types() == ["upload.completed"]


async def test_a_repeat_with_other_bytes_is_a_conflict(http: httpx.AsyncClient, sid: str) -> None:
    await send(http, sid, b"one", total=2)

    again = await send(http, sid, b"two", total=2)

    assert (again.status_code, again.json()["code"]) == (409, "CHUNK_CONFLICT")
    assert (await send(http, sid, b"one", total=2)).status_code == 200


async def test_a_chunk_that_is_not_what_its_hash_says_is_refused_and_may_come_again(
    http: httpx.AsyncClient, sid: str
) -> None:
    good = hashlib.sha256(CSV).hexdigest()

    damaged = await send(http, sid, b"other", chunkHash=good)
    again = await send(http, sid, CSV, chunkHash=good)

    assert (damaged.status_code, damaged.json()["code"]) == (422, "CHUNK_DAMAGED")
    assert again.json()["status"] == "completed"


async def test_plain_form_fields_do_as_well_as_metadata(http: httpx.AsyncClient, sid: str) -> None:
    fields = {
        "uploadId": sid,
        "fileName": "a.csv",
        "chunkIndex": "0",
        "totalChunks": "1",
        "fileType": "output",
    }

    answer = await http.post("upload-chunk", data=fields, files={"chunk": ("blob", CSV)})

    assert answer.json()["status"] == "completed", answer.text


async def test_a_raw_body_is_taken_for_an_announced_file(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    body = {"sessionId": sid, "fileName": "load.csv", "type": "input", "totalChunks": 2}
    file_id = (await http.post("csv-files", json=body)).json()["file_id"]

    first = await http.put(f"upload/{sid}/{file_id}/1", content=CSV)
    second = await http.put(f"upload/{sid}/{file_id}/0", content=CSV)

    assert first.json()["missing"] == [0]
    assert second.json()["status"] == "completed"
    assert house.post.types() == ["upload.completed"]


async def test_after_a_reload_the_page_learns_what_is_missing(http: httpx.AsyncClient, sid: str) -> None:
    await send(http, sid, index=1, total=4)

    status = (await http.get(f"upload-status/{sid}", params={"fileName": "load.csv"})).json()

    assert status["missing"] == [0, 2, 3]


@pytest.mark.parametrize("name", ["load.xlsx", "load.exe", "csv", "x" * 300 + ".csv"])
async def test_only_csv_files_are_taken(http: httpx.AsyncClient, sid: str, name: str) -> None:
    answer = await send(http, sid, fileName=name)

    assert (answer.status_code, answer.json()["code"]) == (415, "NOT_CSV")


async def test_a_name_with_folders_is_shown_without_them(http: httpx.AsyncClient, sid: str) -> None:
    await send(http, sid, fileName="../../etc/load.csv")

    files = (await http.get(f"csv-files/{sid}")).json()["files"]

    assert [file["fileName"] for file in files] == ["load.csv"]


async def test_too_large_a_file_is_refused_before_its_bytes_are_read(
    http: httpx.AsyncClient, sid: str
) -> None:
    answer = await send(http, sid, fileSize=501 * 2**20)

    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_file_that_grows_past_the_limit_is_rejected(tmp_path: Path) -> None:
    async with open_house(tmp_path, gateway_max_file_bytes=100) as house, house.client() as http:
        http.base_url = httpx.URL(f"http://127.0.0.1{BASE}/")

        answers = [await send(http, "session_1_a", b"x" * 60, index=i, total=3) for i in range(3)]

        assert [a.status_code for a in answers[:2]] == [200, 413]
        assert answers[1].json()["code"] == "TOO_LARGE"


async def test_a_body_longer_than_announced_is_cut_off(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path, gateway_max_file_bytes=100, gateway_max_body_bytes=100) as house,
        house.client() as http,
    ):
        sid = (await http.post(f"{BASE}/init-session", json={})).json()["sessionId"]
        body = {"sessionId": sid, "fileName": "a.csv", "type": "input"}
        file_id = (await http.post(f"{BASE}/csv-files", json=body)).json()["file_id"]

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 10

        answer = await http.put(f"{BASE}/upload/{sid}/{file_id}/0", content=endless())

        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_an_unknown_setting_is_named_not_ignored(http: httpx.AsyncClient, sid: str) -> None:
    answer = await send(http, sid, flavour="sweet")

    assert (answer.status_code, answer.json()["ignored"]) == (200, ["flavour"])


async def test_settings_that_come_along_with_a_chunk_are_kept(http: httpx.AsyncClient, sid: str) -> None:
    extra = {
        "fileMetadata": {"bezeichnung": "Last", "datenanpassung": "Mittelwertbildung", "utcMin": "whatever"},
        "zeitschritte": {"eingabe": "24", "ausgabe": "12", "zeitschrittweite": "60", "offset": ""},
        "timeInfo": {"jahr": True, "zeitzone": "Europe/Vienna", "category_data": {}},
        "sessionInfo": {"colour": 3},
    }
    data = {**about(sid), "additionalData": json.dumps(extra)}

    answer = await http.post("upload-chunk", data=data, files={"chunk": ("blob", CSV)})
    whole = (await http.get(f"session/{sid}")).json()["session"]

    assert answer.status_code == 200, answer.text
    assert whole["zeitschritte"] == {"eingabe": 24, "ausgabe": 12, "zeitschrittweite": 60.0, "offset": None}
    assert whole["timeInfo"]["jahr"] is True
    assert whole["files"][0]["bezeichnung"] == "Last"
    assert whole["files"][0]["datenanpassung"] == "Mittelwertbildung"


async def test_a_deleted_file_may_be_uploaded_again_under_a_new_id(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    first = (await send(http, sid)).json()["file_id"]

    await http.delete(f"csv-files/{first}")
    second = (await send(http, sid, b"other")).json()["file_id"]

    assert first != second
    assert house.post.types() == ["upload.completed"] * 2


async def test_a_small_file_fits_in_one_request(http: httpx.AsyncClient, sid: str) -> None:
    answer = await http.post(
        "instant-upload", data={"sessionId": sid, "fileType": "output"}, files={"file": ("load.csv", CSV)}
    )

    assert answer.json()["status"] == "completed"
