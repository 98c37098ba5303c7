"""Stored models: which file is meant, and what a model relies on - measured once, then read."""

import json

import httpx
import pytest

from services.gateway.http.openapi import SESSION
from services.gateway.models.files import choose, model_files, preferred
from services.gateway.problems import NothingThere
from shared.contracts.kinds import EnsembleSpec, LinearSpec, Member
from shared.storage import keys
from shared.storage.folders import entry_of
from shared.storage.rows import JobRow
from tests.services.gateway.contract import JOB, RUN, SID, furnish
from tests.services.gateway.house import House

MEASURED = {
    "part": "validation", "fitted_on_part": True, "loss": 0.2, "n_windows": 500, "n_repeats": 5, "seed": 3,
    "inputs": [{"name": "Load", "source": "series", "rise": 0.5, "deviation": None, "relative": 2.5}],
}  # fmt: skip


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    return house


async def test_what_a_model_relies_on_is_asked_of_the_trainer(
    furnished: House, http: httpx.AsyncClient
) -> None:
    furnished.oracle.answers["trainer.importance"] = MEASURED

    answer = (await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "seed": 3})).json()

    assert furnished.oracle.asked[-1] == (
        "trainer.importance",
        {"session_id": SID, "job_id": JOB, "seed": 3},
    )
    assert (answer["model"], answer["job_id"], answer["inputs"]) == ("LIN", JOB, MEASURED["inputs"])


async def test_what_was_measured_before_needs_no_trainer(furnished: House, http: httpx.AsyncClient) -> None:
    furnished.oracle.answers.clear()
    key = keys.importance(SID, RUN, JOB, keys.importance_name(3))
    await furnished.gateway.service_storage.objects.put(key, json.dumps(MEASURED).encode())

    kept = await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "seed": 3})
    other = await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "seed": 4})

    assert kept.json()["inputs"] == MEASURED["inputs"]
    assert (other.status_code, other.json()["code"]) == (503, "WORKER_UNAVAILABLE")


async def test_a_model_that_is_not_there_is_named(furnished: House, http: httpx.AsyncClient) -> None:
    answer = await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "job_id": "0" * 32})

    assert answer.status_code == 422
    assert answer.json()["details"]["fields"][0]["field"] == "job_id"


async def test_scores_are_told_in_training_standard_deviations_on_request(
    furnished: House, http: httpx.AsyncClient
) -> None:
    params = {"run_id": RUN, "scale": "standard"}

    tables = (await http.get(f"evaluation-tables/{SESSION}", params=params)).json()
    results = (await http.get(f"results/{SESSION}", params=params)).json()
    unknown = await http.get(f"results/{SESSION}", params={"scale": "imperial"})

    assert tables["df_eval"]["Load"]["MAE"] == [0.25]  # 1.0 in the unit of a series that varies by 4.0
    assert tables["df_eval"]["Load"]["MSE"] == [0.0625]
    assert tables["df_eval"]["Load"]["MAPE"] == [None]
    assert tables["df_eval"]["Load"]["R2"] == [1.0]
    assert set(tables["undefined"]["Load"]) == {"mape", "wape", "smape", "nrmse"}
    assert results["best_model"]["metrics"]["rmse"] == 0.25
    assert unknown.status_code == 422


def model(job_id: str, *names: str, members: tuple[str, ...] = ()) -> JobRow:
    """Return a finished job with these files; with members it is an average."""
    spec: LinearSpec | EnsembleSpec = LinearSpec()
    if members:
        spec = EnsembleSpec(
            members=tuple(
                Member(job_id=m, kind="lin", label=m, weight=0.5, passport_sha256="0" * 64) for m in members
            )
        )
    files = {name: {"key": f"k/{name}", "size_bytes": 1, "sha256": "0" * 64} for name in names}
    return JobRow(
        id=job_id, owner="ada", session_id="s", run_id="r", dataset_id="d", position=0, kind=spec.kind,
        label="M", spec=spec, status="finished", files=files,
    )  # fmt: skip


A, B, C, AVERAGE = "a" * 32, "b" * 32, "c" * 32, "e" * 32
JOBS = [
    model(A, "model.npz", "model.onnx", "model.skops"),
    model(B, "model.npz", "model.onnx", "model.keras"),
    model(C, "model.npz", "model.onnx", "model.keras"),
    model(AVERAGE, "ensemble.json", "forecasts.npz", "passport.json", members=(C, A)),
]


@pytest.mark.parametrize(
    ("best", "family", "suffix", "meant"),
    [
        (AVERAGE, None, None, (AVERAGE, ".json")),
        (AVERAGE, None, "json", (AVERAGE, ".json")),
        (AVERAGE, "keras", None, (C, ".keras")),
        (AVERAGE, "sklearn", None, (A, ".skops")),
        (AVERAGE, None, "onnx", (C, ".onnx")),
        (B, None, None, (B, ".keras")),
        (B, "sklearn", None, (A, ".skops")),
    ],
)
def test_where_no_file_is_named_the_best_models_is_meant_or_its_heaviest_members(
    best: str, family: str | None, suffix: str | None, meant: tuple[str, str]
) -> None:
    order = preferred(next(job for job in JOBS if job.id == best))

    found = choose(model_files(JOBS), file_name=None, family=family, suffix=suffix, order=order)

    assert (found.job.id, found.suffix) == meant


def test_a_file_is_found_by_its_name_and_missed_by_another() -> None:
    files = model_files(JOBS)

    found = choose(files, file_name=f"M-{AVERAGE[:8]}.json", family=None, suffix=None)

    assert found.job.id == AVERAGE
    with pytest.raises(NothingThere):
        choose(files, file_name="M.pkl", family=None, suffix=None)


async def test_a_damaged_measurement_is_made_again(furnished: House, http: httpx.AsyncClient) -> None:
    key = keys.importance(SID, RUN, JOB, name := keys.importance_name(3))
    stored = await furnished.gateway.service_storage.objects.put(key, json.dumps(MEASURED).encode())
    await furnished.records.update(JobRow, JOB, {"made": {name: entry_of(key, stored)}})
    furnished.oracle.answers.clear()
    intact = await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "seed": 3})

    wrong = json.dumps({**MEASURED, "loss": 9.2}).encode()
    await furnished.gateway.service_storage.objects.put(key, wrong)
    refused = await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "seed": 3})
    furnished.oracle.answers["trainer.importance"] = MEASURED
    again = await http.get(f"feature-importance/{SESSION}", params={"run_id": RUN, "seed": 3})

    assert (intact.json()["loss"], again.json()["loss"]) == (0.2, 0.2)
    assert refused.status_code == 503
