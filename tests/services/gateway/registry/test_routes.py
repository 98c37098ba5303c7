"""The registry over HTTP: numbers are given once, one version is champion, a rollback is one call."""

import asyncio
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from services.gateway.http.openapi import SESSION
from services.gateway.registry.manifest_routes import SigningNotConfigured, signing_key
from services.gateway.settings import GatewaySettings
from shared.storage import keys
from shared.storage.manifest import check_file, open_manifest, public_key
from shared.storage.registry_rows import ModelVersionRow, StageChangeRow
from shared.storage.rows import JobRow
from tests.services.gateway.contract import JOB, RUN, SID, furnish
from tests.services.gateway.house import House

OTHERS = ("a" * 32, "b" * 32)


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    for kind in (ModelVersionRow, StageChangeRow):
        await house.records.delete(kind, {"session_id": SID})
    job = await house.records.get(JobRow, JOB)
    assert job is not None
    await house.records.insert([job.changed(id=other, label=f"LIN {other[0]}") for other in OTHERS])
    return house


async def test_models_registered_at_once_get_numbers_of_their_own_and_keep_them(
    furnished: House, http: httpx.AsyncClient
) -> None:
    wanted = [JOB, *OTHERS] * 3

    answers = await asyncio.gather(
        *(http.post(f"models/{SESSION}", json={"model": job_id}) for job_id in wanted)
    )

    numbers = {
        (job, answer.json()["version"]["version"]) for job, answer in zip(wanted, answers, strict=True)
    }
    assert len(numbers) == 3
    assert {number for _, number in numbers} == {1, 2, 3}
    assert {answer.json()["version"]["stage"] for answer in answers} == {"candidate"}


async def test_a_promotion_retires_the_champion_before_and_a_rollback_brings_it_back(
    furnished: House, http: httpx.AsyncClient
) -> None:
    for model in (JOB, *OTHERS):
        await http.post(f"models/{SESSION}/promote", json={"model": model})

    once = (await http.post(f"models/{SESSION}/rollback", json={"reason": "fails on holidays"})).json()
    twice = (await http.post(f"models/{SESSION}/rollback", json={})).json()
    third = await http.post(f"models/{SESSION}/rollback", json={})

    assert (once["champion"], twice["champion"]) == (2, 1)
    assert {v["version"]: v["stage"] for v in twice["versions"]} == {
        1: "champion",
        2: "retired",
        3: "retired",
    }
    assert once["changes"][0]["reason"] == "fails on holidays"
    assert (third.status_code, third.json()["code"]) == (409, "NO_EARLIER_CHAMPION")


async def test_of_promotions_at_once_every_one_is_in_the_log_and_the_last_holds(
    furnished: House, http: httpx.AsyncClient
) -> None:
    models = (JOB, *OTHERS)

    await asyncio.gather(*(http.post(f"models/{SESSION}/promote", json={"model": model}) for model in models))

    found = (await http.get(f"models/{SESSION}")).json()
    assert [change["number"] for change in found["changes"]] == [3, 2, 1]
    assert found["champion"] == found["changes"][0]["version"]
    assert sorted(v["stage"] for v in found["versions"]) == ["champion", "retired", "retired"]


async def test_forecasts_are_made_with_the_champion_and_name_its_version(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await http.post(f"forecast/{SESSION}", json={})
    question, before = furnished.oracle.asked[-1]
    await http.post(f"models/{SESSION}/promote", json={"model": OTHERS[1]})

    await http.post(f"forecast/{SESSION}", json={})

    _, after = furnished.oracle.asked[-1]
    assert question == "trainer.forecast"
    assert (before["job_id"], before["version"]) == (JOB, 1)
    assert (after["job_id"], after["version"]) == (OTHERS[1], 2)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("promote", {"version": 9}, 404, "no version 9"),
        ("promote", {}, 422, "either version or model"),
        ("promote", {"version": 1, "model": "best"}, 422, "either version or model"),
        ("promote", {"model": "LSTM"}, 422, "LIN"),
        ("retire", {"version": 1}, 422, "champion"),
        ("retire", {"version": 0}, 422, "version"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_to_do(
    furnished: House, http: httpx.AsyncClient, path: str, body: dict[str, object], status: int, says: str
) -> None:
    await http.post(f"models/{SESSION}/promote", json={"model": JOB})

    answer = await http.post(f"models/{SESSION}/{path}", json=body)

    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]


async def test_a_manifest_names_the_files_of_its_model_and_holds_by_the_published_key(
    furnished: House, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    await http.post(f"models/{SESSION}", json={"model": JOB})
    published = (await http.get("signing-key")).json()

    answers = [await http.get(f"models/{SESSION}/1/manifest") for _ in range(2)]

    found = open_manifest(answers[0].content, key=public_key(published["public_key"].encode()))
    model = tmp_path / "downloaded.onnx"
    model.write_bytes(
        await furnished.gateway.storage.objects.get(f"{keys.attempt(SID, RUN, JOB, 1)}/model.onnx")
    )
    assert answers[0].content == answers[1].content
    assert (found.version, found.job_id, found.passport) == (1, JOB, {"libraries": {"keras": "3"}})
    assert check_file(found, model) in found.files
    assert [(one["name"], one["file_name"]) for one in found.contract] == [("Load", "load.csv")] * 2
    assert published["key_id"] == answers[0].json()["signatures"][0]["keyid"]


async def test_without_a_key_and_a_data_folder_nothing_is_signed_and_a_setting_is_named() -> None:
    pem = Ed25519PrivateKey.from_private_bytes(b"1" * 32).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    told = GatewaySettings(data_dir=None, gateway_signing_key=SecretStr(pem.decode()))

    assert signing_key(told).private_bytes_raw() == b"1" * 32
    with pytest.raises(SigningNotConfigured) as refused:
        signing_key(GatewaySettings(data_dir=None))
    assert "TRAINYARD_GATEWAY_SIGNING_KEY" in refused.value.problem().suggestions[0]


async def test_a_deleted_session_leaves_no_version(furnished: House, http: httpx.AsyncClient) -> None:
    await http.post(f"models/{SESSION}/promote", json={"model": JOB})

    await http.post(f"session/{SESSION}/delete", params={"force": True})

    assert await furnished.records.count(ModelVersionRow, {}) == 0
    assert await furnished.records.count(StageChangeRow, {}) == 0
