"""The record of a file: shown in the earlier frontend's words, sent back, changed."""

from typing import Any

import httpx
import pytest

from services.gateway.datasets.configuration import Configuration, dataset_spec, load_session_data
from shared.contracts.specs import DatasetSpec
from shared.storage.rows import SeriesRow, SessionRow
from tests.services.gateway.house import House, ready_file

Json = dict[str, Any]


async def records(http: httpx.AsyncClient, sid: str) -> list[Json]:
    found: list[Json] = (await http.get(f"csv-files/{sid}")).json()["data"]
    return found


async def spec_of(house: House, sid: str) -> DatasetSpec:
    session = await house.records.get(SessionRow, sid)
    assert session is not None
    return dataset_spec(await load_session_data(house.records, session), Configuration())


SAID: list[Json] = [
    {},
    {"datenanpassung": "nearest", "datenform": "Aktueller Wert", "skalierung": "nein", "maxGap": "none"},
    {
        "datenanpassung": "Mittelwertbildung",
        "mittelwertbildungÜberDenZeithorizont": "ja",
        "skalierungMin": -1,
    },
    {"bezeichnung": "Last", "zeithorizontStart": "-48", "colorIndex": 7, "maxGap": 90},
]


@pytest.mark.parametrize("said", SAID, ids=["nothing", "our words", "theirs", "a name"])
async def test_sending_every_record_back_as_it_is_changes_nothing(
    house: House, http: httpx.AsyncClient, sid: str, said: Json
) -> None:
    await ready_file(house, sid, "input", "load.csv", "load", "temperature")
    await ready_file(house, sid, "input", "other.csv", "load")
    await ready_file(house, sid, "output", "load.csv", "load")
    first = (await records(http, sid))[0]
    assert (await http.put(f"csv-files/{first['id']}", json=said)).status_code == 200
    before, spec = await records(http, sid), await spec_of(house, sid)
    kept = await house.records.select(SeriesRow, {"session_id": sid}, order="id")

    for told in before:
        answer = (await http.put(f"csv-files/{told['id']}", json=told)).json()
        assert answer["data"] == told
        assert answer["ignored"] == []

    assert await records(http, sid) == before
    assert await spec_of(house, sid) == spec
    assert [
        row.settings for row in await house.records.select(SeriesRow, {"session_id": sid}, order="id")
    ] == [row.settings for row in kept]


async def test_what_is_changed_in_a_record_is_changed_alone(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    await ready_file(house, sid, "input", "load.csv", "load")
    await ready_file(house, sid, "output", "load.csv", "load")
    (told, _) = await records(http, sid)

    for word, meant in (("Mittelwertbildung", "mean"), ("linear", "linear"), ("auto", "auto")):
        await http.put(f"csv-files/{told['id']}", json={**told, "datenanpassung": word})
        assert (await spec_of(house, sid)).series[0].resample == meant
    row = await house.records.get(SeriesRow, told["id"])
    assert row is not None
    assert row.settings.keys() == {"resample"}
