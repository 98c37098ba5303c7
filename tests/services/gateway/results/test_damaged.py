"""Whatever the gateway reads of a session and shows is what was stored, or an error."""

import httpx
import pytest

from services.gateway.http.openapi import SESSION
from shared.storage import keys
from shared.storage.forecast_rows import ForecastRow
from shared.storage.rows import DatasetRow, JobRow, PlotRow
from tests.services.gateway.contract import (
    DATASET,
    FORECAST,
    JOB,
    PLOT,
    RUN,
    SID,
    furnish,
)
from tests.services.gateway.house import House

PICTURE = f"{keys.run(SID, RUN)}/plots/p"
SHOWN = {
    f"{keys.forecast(SID, FORECAST)}": f"forecasts/{SESSION}/{FORECAST}",
    f"{keys.attempt(SID, RUN, JOB, 1)}/history.json": f"history/{SESSION}?run_id={RUN}",
    f"{keys.dataset(SID, DATASET)}/violins.json": f"datasets/{SESSION}/{DATASET}",
    f"{PICTURE}.png": f"plot/{SESSION}/{PLOT}",
    f"{PICTURE}.json": f"plot/{SESSION}/{PLOT}?format=json",
    f"{PICTURE}.dark.png": f"plot/{SESSION}/{PLOT}?theme=dark",
}


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    """A session in which everything that is shown has its digest in the ledger."""
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    objects, records = house.gateway.service_storage.objects, house.records
    for key in (f"{PICTURE}.json", f"{PICTURE}.dark.png", f"{keys.dataset(SID, DATASET)}/violins.json"):
        await objects.put(key, b"[]")
    digests = {key: (await objects.put(key, await objects.get(key))).digest for key in SHOWN}
    violins = digests[f"{keys.dataset(SID, DATASET)}/violins.json"]
    report = {"n_windows": 900, "files": {"violins.json": {"sha256": violins}}}
    folder = keys.dataset(SID, DATASET)
    await records.update(DatasetRow, DATASET, {"report": report, "object_key": folder})
    await records.update(ForecastRow, FORECAST, {"sha256": digests[keys.forecast(SID, FORECAST)]})
    settings = {suffix: digests[f"{PICTURE}.{suffix}"] for suffix in ("png", "json", "dark.png")}
    await records.update(PlotRow, PLOT, {"settings": settings})
    dark = {"key": f"{PICTURE}.dark.png", "sha256": digests[f"{PICTURE}.dark.png"]}
    house.oracle.answers["evaluator.picture"] = dark
    return house


@pytest.mark.parametrize("key", SHOWN, ids=lambda key: key.rsplit("/", 1)[-1])
async def test_damaged_bytes_are_never_shown(furnished: House, http: httpx.AsyncClient, key: str) -> None:
    objects = furnished.gateway.service_storage.objects
    before = await http.get(SHOWN[key])
    content = bytearray(await objects.get(key))
    content[-1] ^= 1

    await objects.put(key, bytes(content))
    after = await http.get(SHOWN[key])

    assert before.status_code == 200, before.text
    assert (after.status_code, after.json()["code"]) == (502, "OBJECT_DAMAGED")


async def test_what_earlier_releases_stored_without_digests_is_shown(
    furnished: House, http: httpx.AsyncClient
) -> None:
    await furnished.records.update(ForecastRow, FORECAST, {"sha256": None})
    await furnished.records.update(PlotRow, PLOT, {"settings": {}})
    await furnished.records.update(DatasetRow, DATASET, {"report": {"n_windows": 900}})
    job = await furnished.records.get(JobRow, JOB)
    assert job is not None
    assert job.made == {}

    answers = [await http.get(path) for path in SHOWN.values()]

    assert {answer.status_code for answer in answers} == {200}
