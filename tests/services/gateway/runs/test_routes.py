"""Data sets and runs: both spellings, one at a time, the same key once, every wrong field named."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from shared.contracts.base import utc_now
from shared.contracts.events import TrainingRequested
from shared.contracts.kinds import DenseSpec, LinearSpec
from shared.storage.rows import DatasetRow, RunRow, SessionRow
from tests.services.gateway.house import BASE, House, open_house, ready_file
from tests.support.runs import SPEC

STEPS = {"eingabe": 24, "ausgabe": 12, "zeitschrittweite": 60, "offset": 0}
LEGACY = {
    "model_parameters": {
        "MODE": "Dense", "LAY": "2", "N": "32", "EP": "5", "ACTF": "ReLU", "K": "3", "KERNEL": "rbf",
        "C": "1", "EPSILON": "0.1",
    },
    "training_split": {"trainPercentage": 60, "valPercentage": 20, "testPercentage": 20, "random_dat": False},
}  # fmt: skip


@pytest.fixture
async def filled(house: House, http: httpx.AsyncClient, sid: str) -> str:
    """A session with a checked input and output, and the earlier frontend's settings."""
    await ready_file(house, sid, "input", "load.csv", "Load")
    await ready_file(house, sid, "output", "load.csv", "Load")
    await http.post("save-zeitschritte", json={"sessionId": sid, "zeitschritte": STEPS})
    info = {
        "jahr": False, "monat": False, "woche": True, "tag": True, "feiertag": True,
        "zeitzone": "Europe/Vienna",
        "category_data": {
            "tag": {"datenform": "Aktuelle Zeit", "detaillierteBerechnung": True},
            "feiertag": {"datenform": "Zeithorizont", "zeithorizontStart": "-12", "zeithorizontEnd": "12",
                         "skalierung": "nein", "land": "Österreich"},
        },
    }  # fmt: skip
    answer = await http.post("save-time-info", json={"sessionId": sid, "timeInfo": info})
    assert answer.status_code == 200, answer.text
    return sid


async def test_the_german_settings_become_a_data_set(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    answer = await http.post(f"generate-datasets/{filled}")

    assert answer.status_code == 202, answer.text
    row = await house.records.get(DatasetRow, answer.json()["dataset_ids"][0])
    assert row is not None
    spec = row.spec
    assert (spec.input_steps, spec.output_steps, spec.stride) == (24, 12, 60)
    assert [(s.role, s.name) for s in spec.series] == [("input", "Load"), ("output", "Load")]
    assert (spec.calendar.timezone, spec.calendar.country) == ("Europe/Vienna", "AT")
    assert [name for name, _ in spec.calendar.enabled()] == ["week", "day", "holiday"]
    assert (spec.calendar.day.at, spec.calendar.day.local_time) == ("reference", True)
    assert (spec.calendar.holiday.horizon.start, spec.calendar.holiday.horizon.end) == (-12, 12)
    assert house.post.types() == ["dataset.requested"]


async def test_the_clean_configuration_says_the_same(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    german = (await http.post(f"generate-datasets/{filled}")).json()["dataset_ids"]
    configuration = {
        "timeSteps": {"input": 24, "output": 12, "stepSize": 60, "offset": 0},
        "timeFeatures": {
            "week": True, "day": True, "holiday": True, "timezone": "Europe/Vienna", "country": "AT",
            "categories": {
                "day": {"at": "reference", "localTime": True},
                "holiday": {"start": -12, "end": 12},
            },
        },
        "series": [{"role": "input", "name": "Load"}, {"role": "output", "name": "Load"}],
    }  # fmt: skip

    clean = await http.post(f"generate-datasets/{filled}", json={"configuration": configuration})

    assert clean.json()["dataset_ids"] == german, clean.text
    assert house.post.types() == ["dataset.requested"]  # the same data set is asked for once


async def test_legacy_parameters_train_with_the_split_they_name(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    await http.post(f"generate-datasets/{filled}")

    answer = await http.post(f"train-models/{filled}", json=LEGACY)

    body = answer.json()
    assert (answer.status_code, body["status"]) == (202, "training_started")
    assert body["jobs"][0]["model"] == "Dense"
    run = await house.records.get(RunRow, body["run_id"])
    dataset = await house.records.get(DatasetRow, body["dataset_id"])
    assert run is not None
    assert dataset is not None
    assert run.models == (DenseSpec(layers=(32, 32), epochs=5, activation="relu"),)
    assert (dataset.spec.split.train, dataset.spec.split.test) == (60, 20)
    assert isinstance(house.post.messages[-1], TrainingRequested)


async def test_the_typed_form_of_the_sdk_is_taken_as_it_is(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    ids = (await http.post(f"generate-datasets/{filled}")).json()["dataset_ids"]
    row = await house.records.get(DatasetRow, ids[0])
    assert row is not None
    body = {"dataset": row.spec.model_dump(mode="json"), "models": [LinearSpec().model_dump(mode="json")]}

    answer = await http.post(f"run/{filled}", json={**body, "metric": "mae"})

    assert answer.status_code == 202, answer.text
    assert answer.json()["dataset_id"] == ids[0]


@pytest.mark.parametrize(
    ("told", "wanted"), [({}, True), ({"ensemble": True}, True), ({"ensemble": "nein"}, False)], ids=str
)
async def test_the_models_of_a_run_are_averaged_unless_somebody_says_no(
    house: House, http: httpx.AsyncClient, filled: str, told: dict[str, object], wanted: bool
) -> None:
    answer = await http.post(f"run/{filled}", json={"modelConfigurations": [{"MODE": "LIN"}], **told})

    run = await house.records.get(RunRow, answer.json()["run_id"])
    assert run is not None
    assert run.ensemble is wanted


async def test_an_average_is_no_model_one_may_ask_for(http: httpx.AsyncClient, filled: str) -> None:
    answer = await http.post(f"run/{filled}", json={"modelConfigurations": [{"kind": "ensemble"}]})

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_MODEL_PARAMS")
    assert "'ensemble' is no model" in answer.json()["error"]


async def test_one_run_of_a_session_at_a_time(house: House, http: httpx.AsyncClient, filled: str) -> None:
    models = {"modelConfigurations": [{"MODE": "LIN"}]}

    answers = await asyncio.gather(*[http.post(f"run/{filled}", json=models) for _ in range(6)])

    started = [a.json() for a in answers if a.status_code == 202]
    refused = [a.json() for a in answers if a.status_code == 409]
    assert (len(started), len(refused)) == (1, 5)
    assert {r["code"] for r in refused} == {"TRAINING_IN_PROGRESS"}
    assert refused[-1]["details"]["run_id"] == started[0]["run_id"]


async def test_the_next_run_may_start_when_the_first_is_over(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    models = {"modelConfigurations": [{"MODE": "LIN"}]}
    first = (await http.post(f"run/{filled}", json=models)).json()["run_id"]
    await house.records.update(RunRow, first, {"status": "completed", "finished_at": utc_now()})

    second = await http.post(f"run/{filled}", json=models)

    assert second.status_code == 202
    assert second.json()["run_id"] != first


async def test_a_start_in_the_last_moment_of_a_run_waits_for_its_end_and_is_refused_if_it_goes_on(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    models = {"modelConfigurations": [{"MODE": "LIN"}]}
    first = (await http.post(f"train-models/{filled}", json=models)).json()["run_id"]

    refused = await http.post(f"train-models/{filled}", json=models)
    asked = asyncio.create_task(http.post(f"train-models/{filled}", json=models))
    await asyncio.sleep(0.3)
    await house.records.update(RunRow, first, {"status": "completed", "finished_at": utc_now()})

    assert (refused.status_code, refused.json()["code"]) == (409, "TRAINING_IN_PROGRESS")
    assert (await asked).status_code == 202


async def test_the_same_key_starts_one_run_and_gives_one_answer(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    body, headers = {"modelConfigurations": [{"MODE": "LIN"}]}, {"Idempotency-Key": "k1"}

    first, *others = await asyncio.gather(
        *[http.post(f"run/{filled}", json=body, headers=headers) for _ in range(5)]
    )
    other_body = await http.post(f"run/{filled}", json=LEGACY, headers=headers)

    assert {a.status_code for a in (first, *others)} == {202}
    assert {a.text for a in others} == {first.text}
    assert len(await house.records.select(RunRow, {})) == 1
    assert other_body.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [
        ("Dense", "dense"), ("Dense_NN", "dense"), ("cnn", "cnn"), ("LSTM", "lstm"), ("AR LSTM", "ar_lstm"),
        ("AR_LSTM", "ar_lstm"), ("ar-lstm", "ar_lstm"), ("SVR_dir", "svr_dir"), ("svr-mimo", "svr_mimo"),
        ("LIN", "lin"), ("Linear", "lin"),
    ],
)  # fmt: skip
async def test_every_spelling_of_a_model_is_understood(
    http: httpx.AsyncClient, filled: str, spelling: str, kind: str
) -> None:
    answer = await http.post(f"run/{filled}", json={"modelConfigurations": {spelling: {"enabled": True}}})

    assert [job["kind"] for job in answer.json()["jobs"]] == [kind], answer.text


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"MODE": "Dense", "LAY": 11}, "0.LAY"),
        ({"MODE": "Dense", "N": "4096"}, "0.N"),
        ({"MODE": "LSTM", "EP": 1001}, "0.EP"),
        ({"MODE": "CNN", "K": 4}, "0.K"),
        ({"MODE": "SVR_dir", "C": 0}, "0.C"),
        ({"MODE": "SVR_MIMO", "EPSILON": "2"}, "0.EPSILON"),
        ({"MODE": "Dense", "ACTF": "cubic"}, "0.ACTF"),
        ({"MODE": "GPT"}, "0.MODE"),
        ({"kind": "dense", "colour": "red"}, "0.colour"),
        ({"kind": "lin", "epochs": 3}, "0.epochs"),
    ],
    ids=str,
)
async def test_a_parameter_out_of_range_is_named_as_it_was_sent(
    http: httpx.AsyncClient, filled: str, parameters: dict[str, object], field: str
) -> None:
    answer = await http.post(f"run/{filled}", json={"modelConfigurations": [parameters]})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "INVALID_MODEL_PARAMS")
    assert [f["field"] for f in body["details"]["fields"]] == [field], body


async def test_what_is_missing_is_named(http: httpx.AsyncClient, sid: str) -> None:
    answer = await http.post(f"generate-datasets/{sid}")

    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "INVALID_CONFIGURATION")
    assert [f["field"] for f in body["details"]["fields"]] == [
        "files.input", "files.output",
    ]  # fmt: skip


async def test_time_steps_nobody_said_follow_the_files_and_are_told(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    await ready_file(house, sid, "input", "load.csv", "Load")
    await ready_file(house, sid, "output", "load.csv", "Load")

    answer = (await http.post(f"generate-datasets/{sid}")).json()

    assert answer["status"] == "processing"
    assert [line.split("; ")[1] for line in answer["warnings"]] == [
        "25 points per input window", "25 points per output window", "60 minutes between two windows",
    ]  # fmt: skip


async def test_a_data_set_nobody_could_hold_is_refused_with_its_size(
    http: httpx.AsyncClient, filled: str
) -> None:
    steps = {"input": 100_000, "output": 100_000, "stepSize": 0.01}

    answer = await http.post(f"generate-datasets/{filled}", json={"configuration": {"timeSteps": steps}})

    assert answer.status_code == 413
    told = r"[\d,]+ windows of 100,000 steps x 6 inputs and 100,000 steps x 1 outputs, [\d.]+ TB"
    assert re.search(told, answer.json()["error"])


async def test_without_a_run_cancelling_ends_the_building_of_the_data_sets(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    [dataset_id] = (await http.post(f"generate-datasets/{filled}")).json()["dataset_ids"]

    answer = await http.post(f"cancel/{filled}")

    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["run_id"]) == ("cancelling", "")
    row = await house.records.get(DatasetRow, dataset_id)
    assert row is not None
    assert row.problem is not None
    assert (row.status, row.problem.code) == ("failed", "DATASET_CANCELLED")
    again = (await http.post(f"generate-datasets/{filled}")).json()["dataset_ids"]
    assert again != [dataset_id]


async def test_a_run_that_is_cancelled_is_flagged_and_told(
    house: House, http: httpx.AsyncClient, filled: str
) -> None:
    run_id = (await http.post(f"run/{filled}", json={"modelConfigurations": [{"MODE": "LIN"}]})).json()[
        "run_id"
    ]

    answer = await http.post(f"cancel/{filled}", json={"run_id": run_id})

    row = await house.records.get(RunRow, run_id)
    assert answer.json()["status"] == "cancelling"
    assert row is not None
    assert row.cancel_requested
    assert house.post.types()[-2:] == ["cancel.requested", "cancel.now"]


async def test_status_is_idle_before_the_first_run(http: httpx.AsyncClient, sid: str) -> None:
    answer = (await http.get(f"status/{sid}")).json()

    assert (answer["status"], answer["progress"], answer["jobs"]) == ("idle", 0.0, [])


async def test_a_backlog_that_is_full_is_answered_with_numbers(tmp_path: Path) -> None:
    async with open_house(tmp_path, gateway_jobs_per_user=5) as house, house.client() as http:
        own = {"owner": "local", "session_id": "s" * 32}
        models = (LinearSpec(), LinearSpec(refit=False))  # with two baselines, four jobs
        await house.records.insert([RunRow(id="r" * 32, dataset_id="d" * 32, models=models, **own)])
        session = SessionRow(id="b" * 32, owner="local")
        dataset = DatasetRow(id="e" * 32, owner="local", session_id=session.id, spec=SPEC, status="ready")
        await house.records.insert([session])
        await house.records.insert([dataset])

        answer = await http.post(f"{BASE}/train-models/{session.id}", json={"models": ["LIN"]})
        fewer = await house.records.count(RunRow, {"session_id": session.id})

    assert (answer.status_code, answer.json()["code"]) == (429, "BACKLOG_FULL"), answer.text
    assert answer.json()["details"] == {"waiting": 4, "asked": 3, "limit": 5}
    assert fewer == 0


async def test_a_queue_that_is_full_of_everybodys_jobs_is_answered_with_503(tmp_path: Path) -> None:
    async with open_house(tmp_path, gateway_jobs=2) as house, house.client() as http:
        session = SessionRow(id="b" * 32, owner="local")
        dataset = DatasetRow(id="e" * 32, owner="local", session_id=session.id, spec=SPEC, status="ready")
        await house.records.insert([session])
        await house.records.insert([dataset])

        answer = await http.post(f"{BASE}/train-models/{session.id}", json={"models": ["LIN"]})

    assert (answer.status_code, answer.json()["code"]) == (503, "QUEUE_FULL"), answer.text
