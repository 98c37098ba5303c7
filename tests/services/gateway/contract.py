"""Every path of the contract with the bodies both generations of clients send, and what must come back."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from services.gateway.http.openapi import EXAMPLES, SESSION
from shared.contracts.backtest import Fold
from shared.contracts.base import derive, utc_now
from shared.contracts.kinds import LinearSpec
from shared.contracts.metrics import METRIC_NAMES
from shared.contracts.specs import DatasetSpec, Horizon, SeriesSpec
from shared.storage import keys
from shared.storage.forecast_rows import ForecastRow
from shared.storage.registry_rows import ModelVersionRow
from shared.storage.rows import (
    ApiKeyRow,
    DatasetRow,
    FileRow,
    JobRow,
    LogRow,
    PlotRow,
    ResultRow,
    RunRow,
    ScalerRow,
)
from shared.storage.schedule_rows import ScheduleRow
from tests.services.gateway.house import House, ready_file
from tests.services.gateway.page_contract import PAGE_ANSWERS, page_cases

SID = derive("session", "local", SESSION)
DATASET, RUN, JOB, PLOT = "1" * 32, "2" * 32, "3" * 32, "4" * 32
FILE = derive("file", SID, "input", "load.csv", "0")
SERIES = derive("series", derive("file", SID, "input", "load.csv", "0"), "0")
IDS = {
    "dataset_id": DATASET,
    "series_id": SERIES,
    "sid": SESSION,
    "file_id": FILE,
    "index": "0",
    "plot_id": PLOT,
    "key_id": "all.key",
    "schedule_id": "7" * 32,
    "forecast_id": "7" * 32,
    "number": "1",
}
LEVEL = {
    "delta_minutes": 60.0,
    "overall": dict.fromkeys(METRIC_NAMES, 1.0),
    "per_step": {metric: [1.0] for metric in METRIC_NAMES},
}
FOLD = Fold(
    number=1,
    cutoff=datetime(2026, 3, 1, 1, tzinfo=UTC),
    last=datetime(2026, 3, 5, tzinfo=UTC),
    train=(0, 500),
    validation=(524, 700),
    test=(724, 814),
)
OF_RUN = {"params": {"run_id": RUN}}
AS_CSV = {"params": {"format": "csv"}}
FORECAST = "7" * 32
FORECAST_DOCUMENT: dict[str, Any] = {
    "forecast_id": FORECAST, "run_id": RUN, "job_id": JOB, "model": "LIN", "kind": "lin",
    "passport_sha256": "0" * 64, "created_at": "2026-01-31T05:02:00+00:00", "parent_id": None,
    "reference_time": "2026-01-31T06:00:00+01:00", "timezone": "Europe/Vienna", "horizon_hours": 1.0,
    "levels": [80.0], "levels_unknown": [], "n_validation": 900, "future": {},
    "outputs": [
        {
            "name": "=Load",
            "series_id": "s",
            "values": [
                {
                    "time": "2026-01-31T07:00:00+01:00",
                    "value": 1.5,
                    "intervals": [{"level": 80.0, "lower": 1.0, "upper": None}],
                }
            ],
        }
    ],
    "rows_read": [{"series": "Load", "first": "a", "last": "b", "n_rows": 24}],
    "filled": [{"series": "Load", "time": "a", "how": "interpolated", "from": ["a", "b"]}],
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One request of the contract."""

    method: str
    path: str
    says: str
    status: int
    keys: tuple[str, ...] = ()
    request: dict[str, Any] = field(default_factory=dict)


def chunk(name: str, **fields: str) -> dict[str, Any]:
    facts = {
        "sessionId": SESSION,
        "fileName": name,
        "chunkIndex": "0",
        "totalChunks": "1",
        "fileType": "input",
    }
    return {"data": {**facts, **fields}, "files": {"chunk": ("blob", b"time,a\n")}}


def examples(method: str, path: str, status: int, *keys: str) -> list[Case]:
    """Return a case per documented example of a path."""
    told = EXAMPLES[method, path]
    words = [""] if len(told) == 1 else [f"example {n}" for n in range(1, len(told) + 1)]
    return [
        Case(method.upper(), path, word, status, keys, {"json": body})
        for word, body in zip(words, told, strict=True)
    ]


def of_run(**more: str) -> dict[str, Any]:
    return {"params": {"run_id": RUN, **more}}


def cases() -> list[Case]:
    """Return the contract in the order a session lives."""
    get, post = "GET", "POST"
    return [
        *examples("post", "/init-session", 200, "sessionId", "sessionUuid", "data"),
        Case(post, "/init-session", "without an id", 201, ("sessionId",), {"json": {}}),
        *examples("post", "/create-database-session", 200, "sessionId", "sessionUuid"),
        Case(get, "/get-session-uuid/{sid}", "", 200, ("data",)),
        Case(get, "/list-sessions", "", 200, ("sessions", "count", "total_count", "next")),
        Case(get, "/session/{sid}", "", 200, ("session",)),
        Case(get, "/session/{sid}/database", "", 200, ("session",)),
        Case(get, "/session-status/{sid}", "", 200, ("status", "progress", "message", "finalized")),
        *examples("post", "/session-name-change", 200, "sessionName"),
        *examples("post", "/finalize-session", 200, "data", "n_dat", "file_count"),
        *examples("post", "/csv-files", 201, "file_id", "missing"),
        Case("PUT", "/upload/{sid}/{file_id}/{index}", "raw body", 200, ("status", "missing"),
             {"content": b"time,a\n"}),
        Case(post, "/upload-chunk", "form fields", 200, ("status", "missing", "progress", "file_id"),
             chunk("b.csv")),
        Case(post, "/instant-upload", "", 200, ("status",),
             {"data": {"sessionId": SESSION}, "files": {"file": ("c.csv", b"time,a\n")}}),
        Case(get, "/upload-status/{sid}", "", 200, ("uploads", "missing")),
        Case(get, "/csv-files/{sid}", "", 200, ("files", "data")),
        *examples("put", "/csv-files/{file_id}", 200, "data"),
        Case(post, "/csv-files/{file_id}/answer", "not asked", 409, (), {"json": {"options": {}}}),
        *examples("post", "/save-zeitschritte", 200, "data", "timeSteps"),
        Case(get, "/get-zeitschritte/{sid}", "", 200, ("zeitschritte", "timeSteps")),
        *examples("post", "/save-time-info", 200, "data", "timeFeatures"),
        Case(get, "/get-time-info/{sid}", "", 200, ("timeInfo", "timeFeatures")),
        *examples("post", "/generate-datasets/{sid}", 202, "dataset_ids", "status"),
        *examples("post", "/backtest/{sid}", 202, "run_id", "backtest_of", "dataset_id", "folds", "models"),
        Case(get, "/backtest/{sid}", "", 200, ("run_id", "backtest_of", "status", "metric", "n_folds",
                                               "refit", "timezone", "folds", "models", "best_model")),
        *examples("post", "/train-models/{sid}", 202, "run_id", "jobs", "status"),
        *examples("post", "/run/{sid}", 202, "run_id", "dataset_id", "jobs"),
        Case(get, "/status/{sid}", "", 200, ("status", "progress", "current_step", "phase", "eta_seconds",
                                             "jobs", "started_at", "completed_at")),
        *examples("post", "/cancel/{sid}", 200, "status", "run_id"),
        Case(get, "/runs/{sid}", "", 200, ("runs", "count")),
        Case(get, "/logs/{sid}", "", 200, ("logs",)),
        Case(get, "/results/{sid}", "", 200, ("evaluation_metrics", "best_model", "model_comparison",
                                              "summary", "report", "links"), OF_RUN),
        Case(get, "/get-training-results/{sid}", "", 200, ("evaluation_metrics",), OF_RUN),
        Case(get, "/results-summary/{sid}", "", 200, ("status", "results")),
        Case(get, "/results/{sid}/download", "zip", 200, (), OF_RUN),
        Case(get, "/evaluation-tables/{sid}", "", 200, ("df_eval", "df_eval_ts"), OF_RUN),
        Case(get, "/evaluation-tables/{sid}", "scale=standard", 200, ("df_eval", "df_eval_ts", "undefined"),
             of_run(scale="standard")),
        *examples("post", "/save-evaluation-tables/{sid}", 200, "saved"),
        Case(get, "/visualizations/{sid}", "", 200, ("plots",), OF_RUN),
        Case(get, "/plot/{sid}/{plot_id}", "PNG", 200),
        Case(get, "/plot-variables/{sid}", "", 200, ("input_variables", "time_components")),
        *examples("post", "/generate-plot", 200, "plot_data"),
        Case(get, "/scalers/{sid}", "", 200, ("scalers", "data")),
        Case(get, "/scalers/{sid}/download", "zip", 200),
        *examples("post", "/scale-data/{sid}", 200, "scaled_data", "scaling_info", "metadata"),
        Case(get, "/download-arrays/{sid}", "npz", 200),
        Case(get, "/list-models-database/{sid}", "", 200, ("data",), OF_RUN),
        Case(post, "/save-model/{sid}", "", 200, ("saved", "data"), OF_RUN),
        Case(get, "/download-model-h5/{sid}", "type=keras", 200, (), of_run(type="keras")),
        Case(get, "/download-model-h5/{sid}", "filename", 200, (),
             of_run(filename=f"LIN-{JOB[:8]}.onnx")),
        Case(get, "/download-model-h5/{sid}", "format=h5", 200, (), of_run(format="h5")),
        Case(post, "/predict/{sid}", "best model of a run", 200, ("predictions", "model_used", "input_count"),
             {"json": {"run_id": RUN, "input_data": [[[1.0]]]}}),
        Case(get, "/feature-importance/{sid}", "best model of a run", 200,
             ("inputs", "loss", "n_windows", "n_repeats"), OF_RUN),
        *examples("post", "/csv-files/{file_id}/rows", 200, "version", "n_new", "n_changed", "series"),
        *examples("post", "/forecast/{sid}", 200, "forecast_id", "model", "passport_sha256", "reference_time",
                  "timezone", "levels", "outputs", "rows_read", "filled", "parent_id", "difference"),
        Case(get, "/forecast/{sid}/template", "", 200, ("reference_time", "inputs")),
        Case(get, "/forecast/{sid}/template", "format=csv", 200, (), AS_CSV),
        Case(get, "/forecasts/{sid}", "", 200, ("forecasts", "count")),
        Case(get, "/forecasts/{sid}", "format=csv", 200, (), AS_CSV),
        Case(get, "/forecasts/{sid}/monitoring", "", 200, ("last", "drift_days", "models")),
        Case(get, "/forecasts/{sid}/{forecast_id}", "", 200, ("forecast_id", "outputs")),
        Case(get, "/forecasts/{sid}/{forecast_id}", "format=csv", 200, (), AS_CSV),
        Case(get, "/models/{sid}", "", 200, ("champion", "versions", "changes")),
        *examples("post", "/models/{sid}", 200, "version"),
        Case(get, "/models/{sid}/{number}", "", 200, ("version",)),
        Case(get, "/models/{sid}/{number}/manifest", "", 200, ("payloadType", "payload", "signatures")),
        Case(get, "/signing-key", "", 200, ("algorithm", "key_id", "public_key")),
        *examples("post", "/models/{sid}/promote", 200, "champion", "versions", "changes"),
        *examples("put", "/models/{sid}/rule", 200, "champion", "versions", "rule"),
        Case("DELETE", "/models/{sid}/rule", "", 200, ("champion", "versions", "rule")),
        *examples("post", "/models/{sid}/rollback", 200, "champion", "versions", "changes"),
        *examples("post", "/models/{sid}/retire", 200, "champion", "versions", "changes"),
        *examples("post", "/schedules/{sid}", 200, "schedule", "secret"),
        Case(get, "/schedules/{sid}", "", 200, ("schedules", "firings")),
        *examples("put", "/schedules/{sid}/{schedule_id}", 200, "schedule"),
        Case("DELETE", "/schedules/{sid}/{schedule_id}", "", 200, ("schedule_id", "status")),
        Case(get, "/progress/{sid}", "", 200, ("status", "progress")),
        Case(get, "/metrics/{sid}", "", 200, ("metrics",)),
        Case(get, "/comprehensive-evaluation/{sid}", "", 200, ("metrics",)),
        Case(get, "/pipeline-overview/{sid}", "", 200, ("phases", "total_steps")),
        *examples("post", "/start-complete-pipeline/{sid}", 202, "run_id"),
        Case(get, "/forecast-config/{sid}", "", 200, ("files", "time_info", "zeitschritte", "models")),
        *examples("post", "/save-forecast-config/{sid}", 200, "updated_files"),
        Case(get, "/api-parameters", "", 200, ("parameters",)),
        *examples("post", "/api-keys/{sid}", 201, "key", "key_id", "prefix"),
        Case(get, "/environment-info", "", 200, ("python", "model_kinds", "models", "metrics")),
        *examples("post", "/api-keys", 201, "key", "data"),
        Case(get, "/api-keys", "", 200, ("keys",)),
        Case("DELETE", "/api-keys/{key_id}", "", 200, ("data",)),
        *page_cases(Case, EXAMPLES["post", "/generate-datasets/{sid}"][0]["configuration"]),
        *examples("post", "/cleanup", 200, "cleaned"),
        Case("DELETE", "/csv-files/{file_id}", "", 200, ("deleted",)),
        Case(post, "/session/{sid}/delete", "", 409),
        Case(post, "/session/{sid}/delete", "force", 200, ("deleted",), {"params": {"force": True}}),
        Case(post, "/delete-all-sessions", "unconfirmed", 400, (), {"json": {}}),
        *examples("post", "/delete-all-sessions", 200, "deleted"),
    ]  # fmt: skip


async def furnish(house: House) -> None:
    """Fill the session of the examples: checked files, a data set, a finished run and what it left."""
    inputs = await ready_file(house, SID, "input", "load.csv", "Load")
    outputs = await ready_file(house, SID, "output", "load.csv", "Load")
    spec = DatasetSpec(
        series=(
            SeriesSpec(series_id=inputs[0].id, name="Load", role="input", horizon=Horizon(start=-23, end=0)),
            SeriesSpec(series_id=outputs[0].id, name="Load", role="output", horizon=Horizon(start=1, end=24)),
        ),
        input_steps=24,
        output_steps=24,
        stride=60,
    )
    own: dict[str, Any] = {"owner": "local", "session_id": SID}
    objects = house.gateway.service_storage.objects
    folder = keys.attempt(SID, RUN, JOB, 1)
    files = {}
    for name in ("model.keras", "model.onnx", "history.json", "passport.json"):
        stored = await objects.put(f"{folder}/{name}", b'{"libraries": {"keras": "3"}}')
        files[name] = {"key": f"{folder}/{name}", "size_bytes": stored.size_bytes, "sha256": stored.digest}
    await objects.put(f"{keys.run(SID, RUN)}/plots/p.png", b"png")
    await objects.put(keys.archive(SID, RUN), b"zip")
    await objects.put(f"{keys.dataset(SID, DATASET)}/arrays.npz", b"npz")
    await objects.put(f"{folder}/model.h5", b"h5")
    await objects.put(keys.forecast(SID, FORECAST), json.dumps(FORECAST_DOCUMENT).encode())
    announced = FileRow(id=FILE, role="input", file_name="load.csv", total_chunks=1, **own)
    await house.records.insert(
        [
            announced,
            DatasetRow(id=DATASET, spec=spec, status="ready", report={"n_windows": 900}, **own),
            RunRow(
                id=RUN, dataset_id=DATASET, models=(LinearSpec(),), status="completed", best_job_id=JOB,
                verdict={"metric": "rmse", "rows": [], "claims": []}, finished_at=utc_now(), **own,
            ),
            JobRow(
                id=JOB, run_id=RUN, dataset_id=DATASET, position=0, kind="lin", label="LIN",
                spec=LinearSpec(), status="finished", files=files, **own,
            ),
            ResultRow(
                id=JOB, run_id=RUN, label="LIN", kind="lin", headline={"rmse": 1.0},
                scores={"test": {"outputs": [{"name": "Load", "train_std": 4.0, "levels": [LEVEL]}]}}, **own,
            ),
            PlotRow(
                id=PLOT, run_id=RUN, name="p", kind="forecast",
                object_key=f"{keys.run(SID, RUN)}/plots/p.png", **own,
            ),
            ScalerRow(
                id="5" * 32, dataset_id=DATASET, role="input", position=0, name="Load",
                parameters={"lo": 0.0, "hi": 1.0}, **own,
            ),
            ForecastRow(
                id=FORECAST, run_id=RUN, job_id=JOB, kind="lin", label="LIN", reference_time=utc_now(),
                last_time=utc_now(), object_key=keys.forecast(SID, FORECAST), **own,
            ),
            ScheduleRow(
                id="7" * 32, action="retrain", at="02:30", timezone="UTC", day_of_month=1, **own,
                enabled=False,
            ),
            ModelVersionRow(
                id=ModelVersionRow.id_of(SID, 1), number=1, run_id=RUN, job_id=JOB, kind="lin", label="LIN",
                passport_sha256=files["passport.json"]["sha256"], **own,
            ),
            ModelVersionRow(
                id=ModelVersionRow.id_of(SID, 2), number=2, run_id=RUN, job_id="8" * 32, kind="lin",
                label="LIN2", **own,
            ),
            LogRow(id="6" * 32, message="hello", **own),
            ApiKeyRow(id="all.key", owner="local", key_sha256="0" * 64),
        ]
    )  # fmt: skip
    house.oracle.answers = {
        **PAGE_ANSWERS,
        "evaluator.plot": {"plot": {"data": "data:image/png;base64,AA=="}},
        "datasets.scale": {"scaled": {"Load": [0.0, 1.0]}},
        "datasets.arrays": {"key": f"{keys.dataset(SID, DATASET)}/arrays.npz"},
        "datasets.folds": {"folds": [FOLD.model_dump(mode="json")]},
        "trainer.predict": {"predictions": [[[1.0]]], "n_windows": 1, "seconds": 0.1},
        "trainer.importance": {
            "part": "validation",
            "fitted_on_part": False,
            "loss": 0.2,
            "n_windows": 500,
            "n_repeats": 5,
            "seed": 0,
            "inputs": [
                {"name": "Load", "source": "series", "rise": 0.5, "deviation": 0.01, "relative": 2.5},
            ],
        },
        "ingest.rows": {"version": 1, "n_new": 1, "n_changed": 0, "series": []},
        "evaluator.monitoring": {"last": 30, "drift_days": 14, "models": []},
        "evaluator.challenge": {
            "ref_ns": [],
            "judgement": {
                "decision": "no_difference",
                "reason": "...",
                "days": 14,
                "level": 0.05,
                "n_windows": 300,
            },
        },
        "trainer.backcast": {"key": "k", "n_complete": 300, "seconds": 0.1},
        "trainer.forecast": {"forecast_id": FORECAST, "key": keys.forecast(SID, FORECAST)},
        "trainer.template": {
            "reference_time": "2026-01-31T06:00:00+01:00",
            "timezone": "Europe/Vienna",
            "inputs": [
                {"series": "=Load", "stamps": [{"time": "2026-01-31T07:00:00+01:00", "known": False}]}
            ],
        },
        "trainer.export": {"key": f"{folder}/model.h5", "size_bytes": 2, "sha256": sha256(b"h5").hexdigest()},
    }
