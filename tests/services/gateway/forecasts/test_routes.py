"""Forecasts of the future over HTTP: which model is meant, what the trainer is asked, CSV safe to open."""

import httpx
import pytest

from services.gateway.http.openapi import SESSION
from shared.contracts.kinds import LinearSpec
from shared.storage.rows import RunRow
from tests.services.gateway.contract import FORECAST, JOB, RUN, SID, furnish
from tests.services.gateway.house import House


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    return house


@pytest.mark.parametrize("model", ["best", "LIN", JOB])
async def test_the_best_model_of_the_newest_good_run_is_meant_or_the_one_that_is_named(
    furnished: House, http: httpx.AsyncClient, model: str
) -> None:
    own = {"owner": "local", "session_id": SID, "dataset_id": "d" * 32, "models": (LinearSpec(),)}
    newer = [RunRow(id="8" * 32, status="failed", **own), RunRow(id="9" * 32, status="running", **own)]
    await furnished.records.insert(newer)

    answer = await http.post(
        f"forecast/{SESSION}", json={"model": model, "horizon": 1, "intervals": [95, 80, 80]}
    )

    assert answer.status_code == 200, answer.text
    question, about = furnished.oracle.asked[-1]
    assert question == "trainer.forecast"
    assert about == {
        "session_id": SID, "job_id": JOB, "at": None, "as_of": None, "horizon_hours": 1.0,
        "levels": [80.0, 95.0], "future": {}, "version": 1,
    }  # fmt: skip
    assert answer.json()["filled"][0]["from"] == ["a", "b"]


async def test_an_unknown_model_is_refused_with_those_there_are(
    furnished: House, http: httpx.AsyncClient
) -> None:
    answer = await http.post(f"forecast/{SESSION}", json={"model": "LSTM", "run_id": RUN})

    assert answer.status_code == 422
    assert "LIN" in answer.json()["error"]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("intervals", {"intervals": [100]}),
        ("horizon", {"horizon": 0}),
        ("at", {"at": "2026-01-31T06:00:00"}),
        ("future", {"future": {"Load": ["a lot"]}}),
        ("horizont", {"horizont": 24}),
    ],
)
async def test_what_has_no_meaning_is_named(
    furnished: House, http: httpx.AsyncClient, field: str, body: dict[str, object]
) -> None:
    answer = await http.post(f"forecast/{SESSION}", json=body)

    assert answer.status_code == 422
    assert field in answer.json()["details"]["fields"][0]["field"]


async def test_a_session_without_a_finished_model_says_so(house: House, http: httpx.AsyncClient) -> None:
    await http.post("init-session", json={"sessionId": SESSION})

    answer = await http.post(f"forecast/{SESSION}", json={})

    assert answer.status_code == 404
    assert "train" in answer.json()["error"]


async def test_csv_keeps_names_from_being_formulas(furnished: House, http: httpx.AsyncClient) -> None:
    one = await http.get(f"forecasts/{SESSION}/{FORECAST}", params={"format": "csv"})
    listed = await http.get(f"forecasts/{SESSION}", params={"format": "csv"})
    template = await http.get(f"forecast/{SESSION}/template", params={"format": "csv"})

    assert one.text.splitlines() == [
        "time,series,value,lower_80,upper_80", "2026-01-31T07:00:00+01:00,'=Load,1.5,1.0,",
    ]  # fmt: skip
    assert listed.text.splitlines()[1].startswith(f"{FORECAST},{RUN},{JOB},LIN,lin")
    assert template.text == "time,'=Load\n2026-01-31T07:00:00+01:00,\n"
