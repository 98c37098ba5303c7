"""Backtests over HTTP: whose models, which folds, out of the way of ordinary results, every refusal typed."""

from typing import Any

import httpx
import pytest

from services.gateway.http.openapi import SESSION
from shared.contracts.base import utc_now
from shared.contracts.events import TrainingRequested
from shared.contracts.kinds import DenseSpec, LinearSpec
from shared.storage.rows import DatasetRow, JobRow, RunRow
from tests.services.gateway.contract import DATASET, JOB, RUN, furnish
from tests.services.gateway.house import House


@pytest.fixture
async def furnished(house: House, http: httpx.AsyncClient) -> House:
    """A session with a finished run of LIN and two networks."""
    await http.post("init-session", json={"sessionId": SESSION})
    await furnish(house)
    lin = await house.records.get(JobRow, JOB)
    assert lin is not None
    specs = (LinearSpec(), DenseSpec(), DenseSpec(layers=(8,)))
    await house.records.update(RunRow, RUN, {"models": specs})
    networks = [
        lin.changed(id=str(n) * 32, kind="dense", label=f"Dense {n}", spec=spec, position=n)
        for n, spec in enumerate(specs[1:], start=1)
    ]
    await house.records.insert(networks)
    return house


async def started(house: House, http: httpx.AsyncClient, **body: Any) -> RunRow:
    answer = await http.post(f"backtest/{SESSION}", json=body)
    assert answer.status_code == 202, answer.text
    run = await house.records.get(RunRow, answer.json()["run_id"])
    assert run is not None
    return run


async def test_a_backtest_repeats_the_newest_run_on_planned_folds(
    furnished: House, http: httpx.AsyncClient
) -> None:
    answer = await http.post(f"backtest/{SESSION}", json={"n_folds": 4, "refit": False})

    body = answer.json()
    run = await furnished.records.get(RunRow, body["run_id"])
    assert answer.status_code == 202, answer.text
    assert run is not None
    assert run.backtest is not None
    assert (run.backtest_of, run.dataset_id, run.metric) == (RUN, DATASET, "rmse")
    assert run.models == (LinearSpec(), DenseSpec(), DenseSpec(layers=(8,)))
    assert (run.backtest.spec.n_folds, run.backtest.spec.refit) == (4, False)
    assert body["folds"][0] == {
        "fold": 1, "cutoff": "2026-03-01T01:00:00+00:00", "cutoff_local": "2026-03-01T01:00:00+00:00",
        "last": "2026-03-05T00:00:00+00:00", "last_local": "2026-03-05T00:00:00+00:00",
        "n_train": 500, "n_validation": 176, "n_test": 90,
    }  # fmt: skip
    asked = {"n_folds": 4, "refit": False, "test_windows": None, "window": "expanding"}
    assert furnished.oracle.asked[0][1]["spec"] == asked
    event = furnished.post.messages[-1]
    assert isinstance(event, TrainingRequested)
    assert event.backtest


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        (["LIN"], (LinearSpec(),)),
        (["Dense 2"], (DenseSpec(layers=(8,)),)),
        (["dense"], (DenseSpec(), DenseSpec(layers=(8,)))),
        (["Dense", "Dense 1"], (DenseSpec(), DenseSpec(layers=(8,)))),
        (["lin", {"kind": "dense", "epochs": 3}], (LinearSpec(), DenseSpec(epochs=3))),
    ],
    ids=str,
)
async def test_models_are_named_by_label_or_kind_or_given_whole(
    furnished: House, http: httpx.AsyncClient, wanted: list[Any], models: tuple[Any, ...]
) -> None:
    run = await started(furnished, http, models=wanted)

    assert run.models == models


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"n_folds": 0}, "INVALID_BACKTEST", "n_folds"),
        ({"n_folds": 51}, "INVALID_BACKTEST", "n_folds"),
        ({"test_windows": 0}, "INVALID_BACKTEST", "test_windows"),
        ({"window": "sliding", "refit": False}, "INVALID_BACKTEST", None),
        ({"models": ["SVR_dir"]}, "INVALID_BACKTEST", "models.0"),
        ({"models": [{"kind": "dense", "epochs": 0}]}, "INVALID_MODEL_PARAMS", "0.epochs"),
        ({"models": []}, "VALIDATION_FAILED", "models"),
        ({"step": 3}, "VALIDATION_FAILED", "step"),
    ],
    ids=str,
)
async def test_settings_that_mean_nothing_are_refused_by_name(
    furnished: House, http: httpx.AsyncClient, body: dict[str, Any], code: str, field: str | None
) -> None:
    answer = await http.post(f"backtest/{SESSION}", json=body)

    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, code), told
    if field:
        assert [f["field"] for f in told["details"]["fields"]] == [field]


async def test_what_cannot_be_repeated_is_refused(furnished: House, http: httpx.AsyncClient) -> None:
    run = await started(furnished, http)
    unknown = await http.post(f"backtest/{SESSION}", json={"run_id": "f" * 32})
    live = await http.post(f"backtest/{SESSION}", json={})
    await furnished.records.update(RunRow, run.id, {"status": "completed", "finished_at": utc_now()})
    again = await http.post(f"backtest/{SESSION}", json={"run_id": run.id})
    await furnished.records.update(DatasetRow, DATASET, {"status": "requested"})
    unready = await http.post(f"backtest/{SESSION}", json={})

    answers = [(a.status_code, a.json()["code"]) for a in (unknown, live, again, unready)]
    assert answers == [
        (404, "RUN_NOT_FOUND"), (409, "TRAINING_IN_PROGRESS"), (422, "INVALID_BACKTEST"),
        (409, "DATASET_NOT_READY"),
    ]  # fmt: skip
    assert RUN in again.json()["error"]


async def test_without_the_service_that_plans_nothing_starts(
    furnished: House, http: httpx.AsyncClient
) -> None:
    del furnished.oracle.answers["datasets.folds"]

    answer = await http.post(f"backtest/{SESSION}", json={})

    assert (answer.status_code, answer.json()["code"]) == (503, "WORKER_UNAVAILABLE")
    assert len(await furnished.records.select(RunRow, {})) == 1


async def test_the_same_key_starts_one_backtest(furnished: House, http: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}

    answers = [await http.post(f"backtest/{SESSION}", json={}, headers=headers) for _ in range(2)]

    assert answers[0].text == answers[1].text
    assert len(await furnished.records.select(RunRow, {})) == 2


async def test_ordinary_results_do_not_see_a_backtest_that_is_newer(
    furnished: House, http: httpx.AsyncClient
) -> None:
    run = await started(furnished, http)

    shown = [
        (await http.get(f"{path}/{SESSION}")).json()["run_id"]
        for path in ("status", "results", "evaluation-tables", "visualizations", "list-models-database")
    ]
    summary = (await http.get(f"results-summary/{SESSION}")).json()
    own = (await http.get(f"status/{SESSION}", params={"run_id": run.id})).json()

    assert shown == [RUN] * 5
    assert summary["results"]["run_id"] == RUN
    assert (own["run_id"], own["status"]) == (run.id, "queued")


async def test_a_backtest_is_read_by_its_id_by_its_runs_and_as_the_newest(
    furnished: House, http: httpx.AsyncClient
) -> None:
    before = await http.get(f"backtest/{SESSION}")
    run = await started(furnished, http)
    rows = [{"rank": 1, "label": "LIN", "folds": []}]
    changes = {"status": "completed", "verdict": {"rows": rows}, "finished_at": utc_now()}
    await furnished.records.update(RunRow, run.id, changes)

    answers = [
        (await http.get(f"backtest/{SESSION}", params=params)).json()
        for params in ({}, {"run_id": run.id}, {"run_id": RUN})
    ]

    assert (before.status_code, before.json()["code"]) == (404, "NOT_AVAILABLE")
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["status"], answers[0]["backtest_of"]) == ("completed", RUN)
    assert answers[0]["best_model"] == rows[0]
    assert answers[0]["folds"][0]["n_train"] == 500


async def test_stop_means_the_live_run_even_if_it_is_a_backtest(
    furnished: House, http: httpx.AsyncClient
) -> None:
    run = await started(furnished, http)

    answer = (await http.post(f"cancel/{SESSION}", json={})).json()

    assert (answer["run_id"], answer["status"]) == (run.id, "cancelling")
