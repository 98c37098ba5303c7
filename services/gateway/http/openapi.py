"""The description of the API: generated from the routes, with examples, errors and ways to sign in."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.gateway.http.middleware import API
from shared.contracts.problems import Category

ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "Every answer that is not a success.",
    "required": ["success", "code", "error", "category", "severity", "suggestions", "data"],
    "properties": {
        "success": {"const": False},
        "code": {"type": "string", "examples": ["SESSION_NOT_FOUND"]},
        "error": {"type": "string", "description": "what was found and what was needed"},
        "category": {"enum": [category.value for category in Category]},
        "severity": {"enum": ["info", "warning", "error", "critical"]},
        "suggestions": {"type": "array", "items": {"type": "string"}},
        "suggestion": {"type": ["string", "null"], "description": "the first of them"},
        "data": {"type": "null"},
        "details": {"type": "object", "description": "facts; `fields` names each wrong field"},
    },
}
REFUSALS = {
    "400": "an id in no known form, or a body that is no JSON",
    "401": "no token, or one that is not valid here",
    "403": "a page or host name that is not on the list",
    "404": "not there, or somebody else's",
    "405": "another method is needed",
    "408": "the body stopped coming",
    "409": "contradicts what is stored",
    "413": "more than is accepted",
    "415": "no CSV file",
    "422": "fields that do not fit; each is named",
    "429": "the share of this minute is used up; see Retry-After",
    "500": "our fault; it is in the log",
    "502": "a stored file is damaged; nothing of it is sent",
    "503": "broker, store or worker is away; see Retry-After",
}
SESSION = "session_1700000000000_ab12"
_STEPS = {"eingabe": 24, "ausgabe": 24, "zeitschrittweite": 60, "offset": 0}
_SPLIT = {
    "trainPercentage": 70,
    "valPercentage": 20,
    "testPercentage": 10,
    "shuffle": False,
    "random_dat": False,
}
_CONFIGURATION = {
    "timeSteps": {"input": 24, "output": 24, "stepSize": 60},
    "timeFeatures": {
        "day": True,
        "week": True,
        "holiday": True,
        "timezone": "Europe/Vienna",
        "country": "AT",
    },
    "split": {"train": 70, "validation": 20, "test": 10},
    "series": [
        {"role": "input", "name": "Load", "horizonStart": -23, "horizonEnd": 0},
        {"role": "output", "name": "Load", "horizonStart": 1, "horizonEnd": 24, "resample": "mean"},
    ],
}
_TIME_INFO = {
    "jahr": False, "monat": False, "woche": True, "tag": True, "feiertag": True, "zeitzone": "Europe/Vienna",
    "category_data": {
        "tag": {"datenform": "Aktuelle Zeit", "detaillierteBerechnung": True},
        "feiertag": {
            "datenform": "Zeithorizont", "zeithorizontStart": -24, "zeithorizontEnd": 0, "land": "Österreich",
        },
    },
}  # fmt: skip
EXAMPLES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("post", "/init-session"): [{"sessionId": SESSION, "sessionName": "Load of my town"}],
    ("post", "/create-database-session"): [{"uploadId": SESSION, "files": []}],
    ("post", "/finalize-session"): [{"sessionId": SESSION, "comment": "all there"}],
    ("post", "/session-name-change"): [{"sessionId": SESSION, "sessionName": "Load 2026"}],
    ("post", "/delete-all-sessions"): [{"confirm_delete_all": True}],
    ("post", "/cleanup"): [{"max_age_hours": 24}],
    ("post", "/csv-files"): [{"sessionId": SESSION, "fileName": "a.csv", "type": "input", "totalChunks": 1}],
    ("put", "/csv-files/{file_id}"): [
        {"bezeichnung": "Last", "datenanpassung": "Mittelwertbildung", "skalierung": "ja"},
        {"name": "Load", "resample": "mean", "scale": True, "scaleMin": -1, "scaleMax": 1},
    ],
    ("post", "/save-zeitschritte"): [
        {"sessionId": SESSION, "zeitschritte": _STEPS},
        {"sessionId": SESSION, "timeSteps": {"input": 24, "output": 24, "stepSize": 60, "offset": 0}},
    ],
    ("post", "/save-time-info"): [
        {"sessionId": SESSION, "timeInfo": _TIME_INFO},
        {"sessionId": SESSION, "timeFeatures": {"day": True, "week": True, "timezone": "Europe/Vienna"}},
    ],
    ("post", "/generate-datasets/{sid}"): [
        {"configuration": _CONFIGURATION},
        {"datasets": [{"name": "A"}]},
        {"model_parameters": {}, "training_split": _SPLIT},
    ],
    ("post", "/train-models/{sid}"): [
        {
            "model_parameters": {
                "MODE": "Dense", "LAY": "2", "N": "64", "EP": "20", "ACTF": "ReLU", "K": "3", "KERNEL": "rbf",
                "C": "1", "EPSILON": "0.1",
            },
            "training_split": _SPLIT,
        },
        {
            "modelConfigurations": {
                "Dense_NN": {"enabled": True, "layers": [64, 32], "epochs": 20, "batchSize": 64},
                "CNN": {"enabled": True, "filters": [32, 64], "kernelSize": 3, "epochs": 20},
            }
        },
        {
            "modelConfigurations": [{"MODE": "LIN"}, {"MODE": "SVR_MIMO", "C": "10", "EPSILON": "0.05"}],
            "ensemble": False,
        },
    ],
    ("post", "/run/{sid}"): [
        {"configuration": _CONFIGURATION, "models": [{"kind": "lin"}, {"kind": "dense", "epochs": 20}]},
        {"modelConfigurations": [{"MODE": "AR LSTM", "EP": "10"}], "training_split": _SPLIT},
    ],
    ("post", "/backtest/{sid}"): [
        {"n_folds": 4, "refit": True},
        {"models": ["LIN", {"kind": "cnn", "epochs": 20}], "n_folds": 3, "test_windows": 90, "refit": False},
    ],
    ("post", "/cancel/{sid}"): [{}],
    ("post", "/save-evaluation-tables/{sid}"): [
        {"df_eval": {"Load": {"MAE": [1.0]}}, "df_eval_ts": {}, "model_type": "LIN"}
    ],
    ("post", "/generate-plot"): [
        {
            "sessionId": SESSION,
            "plot_settings": {
                "num_sbpl": 2, "x_sbpl": "UTC", "y_sbpl_fmt": "original", "y_sbpl_set": "separate Achsen",
            },
            "df_plot_in": {"Load": True}, "df_plot_out": {"Load": True}, "df_plot_fcst": {"Load": True},
        }
    ],
    ("post", "/scale-data/{sid}"): [{"data": {"Load": [1.0, 2.0]}}],
    ("post", "/predict/{sid}"): [{"input_data": [[[1.0], [2.0]]]}],
    ("post", "/csv-files/{file_id}/rows"): [
        {"csv": "time,load\n2026-01-31 00:00,51.5\n"},
        {"rows": [{"time": "2026-01-31T00:00:00+01:00", "load": 51.5}]},
    ],
    ("post", "/forecast/{sid}"): [
        {},
        {"model": "LIN", "at": "2026-01-31T06:00:00+01:00", "horizon": 24, "intervals": [80, 95]},
        {"future": {"temperature": {"2026-01-31T07:00:00+01:00": 3.5}}},
    ],
    ("post", "/models/{sid}"): [{"model": "best"}],
    ("post", "/models/{sid}/promote"): [
        {"model": "LIN", "reason": "first winner"},
        {"version": 2, "reason": "better for a week"},
        {"rule": {"days": 14, "level": 0.05}},
    ],
    ("put", "/models/{sid}/rule"): [{"days": 14, "level": 0.05}],
    ("post", "/models/{sid}/rollback"): [{"reason": "version 2 fails on holidays"}],
    ("post", "/models/{sid}/retire"): [{"version": 2}],
    ("post", "/schedules/{sid}"): [
        {"action": "forecast", "at": "06:00", "timezone": "Europe/Vienna"},
        {
            "action": "retrain",
            "at": "02:30",
            "timezone": "Europe/Vienna",
            "condition": "skill_below_zero",
            "webhook_url": "https://example.org/hook",
        },
    ],
    ("put", "/schedules/{sid}/{schedule_id}"): [{"enabled": False}],
    ("post", "/start-complete-pipeline/{sid}"): [{"model_parameters": {"MODE": "LIN"}}],
    ("post", "/save-forecast-config/{sid}"): [
        {"features": [{"id": "a", "data_source": "User"}], "zeitzone": "Europe/Vienna"}
    ],
    ("post", "/api-keys/{sid}"): [{"name": "nightly forecast", "expires_in_days": 30}],
    ("post", "/api-keys"): [{"name": "nightly forecast", "sessionId": SESSION}],
}  # fmt: skip


def describe(app: FastAPI) -> None:
    """Let the app describe itself with everything a client meets."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(
                get_openapi(
                    title=app.title, version=app.version, description=app.description, routes=app.routes
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Refusal"] = ENVELOPE
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "access token or API key"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, methods in schema["paths"].items():
        if not path.startswith(API):
            continue
        for method, operation in methods.items():
            operation["security"] = [{"bearer": []}, {"apiKey": []}, {}]
            for status, text in REFUSALS.items():
                content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
                operation["responses"][status] = {"description": text, "content": content}
            _add_examples(operation, EXAMPLES.get((method, path.removeprefix(f"{API}training")), []))
    return schema


def _add_examples(operation: dict[str, Any], examples: list[dict[str, Any]]) -> None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None and examples:
        content["examples"] = {f"example {n}": {"value": value} for n, value in enumerate(examples, 1)}
