"""Four Grafana dashboards as code: rows of panels, each a title, a unit and its expressions."""

import json
from dataclasses import dataclass
from typing import Any, Literal

RATE = "$__rate_interval"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One panel: what it shows, in which unit, by which expressions with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: Literal["timeseries", "stat"] = "timeseries"


def _stat(title: str, unit: str, expression: str) -> Panel:
    return Panel(title, unit, ((expression, ""),), "stat")


def _lines(title: str, unit: str, expression: str, legend: str, *more: tuple[str, str]) -> Panel:
    return Panel(title, unit, ((expression, legend), *more))


BOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "overview": (
        "Trainyard / Overview",
        (
            _stat("Parts not ready", "short", "count(trainyard_ready == 0) or vector(0)"),
            _stat("Jobs waiting", "short", 'sum(max by (kind) (trainyard_queue_jobs{state="waiting"})) or vector(0)'),
            _stat("Fits in hand", "short", "sum(trainyard_trainer_fits) or vector(0)"),
            _stat("Live clients", "short", "sum(trainyard_gateway_live_clients)"),
            _lines("Readiness by part", "short", "min by (service, check) (trainyard_ready)", "{{service}} {{check}}"),
            _lines("Runs an hour", "short", "sum by (status) (increase(trainyard_run_seconds_count[1h]))", "{{status}}"),
            _lines("Problems by category", "short", f"sum by (category) (increase(trainyard_problems_total[{RATE}]))", "{{category}}"),
            _lines("Requests a second", "reqps", f"sum by (status) (rate(trainyard_gateway_requests_total[{RATE}]))", "{{status}}"),
            _lines("Request time, p50 and p99", "s",
                   f"histogram_quantile(0.5, sum by (le) (rate(trainyard_gateway_request_seconds_bucket[{RATE}])))", "p50",
                   (f"histogram_quantile(0.99, sum by (le) (rate(trainyard_gateway_request_seconds_bucket[{RATE}])))", "p99")),
            _lines("Uploads", "Bps", f"sum(rate(trainyard_gateway_upload_bytes_total[{RATE}]))", "bytes a second"),
            _lines("CPU by service", "short", f"sum by (service) (rate(process_cpu_seconds_total[{RATE}]))", "{{service}}"),
            _lines("Memory by service", "bytes", "sum by (service) (process_resident_memory_bytes + trainyard_children_resident_memory_bytes)", "{{service}}"),
        ),
    ),
    "training": (
        "Trainyard / Training",
        (
            _stat("Jobs failed, last hour", "percentunit", "trainyard:jobs_failed:ratio_1h"),
            _stat("Takeovers, last hour", "short", "sum(increase(trainyard_trainer_takeovers_total[1h]))"),
            _stat("Trainers", "short", 'count(up{job="trainyard",service="trainer"} == 1) or vector(0)'),
            _stat("Oldest job", "s", "max(trainyard_queue_oldest_seconds)"),
            _lines("Queue by kind", "short", "max by (kind, state) (trainyard_queue_jobs) > 0", "{{kind}} {{state}}"),
            _lines("Age of the oldest job", "s", "max by (kind) (trainyard_queue_oldest_seconds) > 0", "{{kind}}"),
            _lines("Fit time by kind, p50 and p90", "s",
                   "histogram_quantile(0.5, sum by (kind, le) (rate(trainyard_trainer_fit_seconds_bucket[1h])))", "{{kind}} p50",
                   ("kind:trainyard_trainer_fit_seconds:p90_1h", "{{kind}} p90")),
            _lines("Run time, p50 and p90", "s",
                   "histogram_quantile(0.5, sum by (le) (rate(trainyard_run_seconds_bucket[1h])))", "p50",
                   ("histogram_quantile(0.9, sum by (le) (rate(trainyard_run_seconds_bucket[1h])))", "p90")),
            _lines("Loss while training", "short", "max by (kind, part) (trainyard_trainer_model_loss > 0)", "{{kind}} {{part}}"),
            _lines("Jobs ended, an hour", "short", "sum by (kind, status) (increase(trainyard_trainer_jobs_total[1h])) > 0", "{{kind}} {{status}}"),
            _lines("Memory of fits", "bytes", 'sum by (instance) (trainyard_children_resident_memory_bytes{service=~"trainer|planner"})', "{{instance}}"),
            _lines("GPU in use", "percentunit", "max by (instance, gpu) (trainyard_gpu_utilization_ratio)", "{{instance}} {{gpu}}"),
        ),
    ),
    "forecasts": (
        "Trainyard / Forecasts",
        (
            _lines("Skill over seasonal naive, median", "percentunit",
                   "histogram_quantile(0.5, sum by (kind, le) (increase(trainyard_forecast_skill_ratio_bucket[1d])))", "{{kind}}"),
            _lines("Coverage of the 95 % intervals, mean", "percentunit",
                   "sum by (kind) (increase(trainyard_forecast_coverage_ratio_sum[1d])) / sum by (kind) (increase(trainyard_forecast_coverage_ratio_count[1d]))", "{{kind}}"),
            _lines("Models scored a day", "short", "sum by (kind) (increase(trainyard_forecast_skill_ratio_count[1d])) > 0", "{{kind}}"),
            _lines("Models no better than seasonal naive", "percentunit",
                   'sum by (kind) (increase(trainyard_forecast_skill_ratio_bucket{le="0.0"}[1d])) / sum by (kind) (increase(trainyard_forecast_skill_ratio_count[1d]))', "{{kind}}"),
            _lines("Skill of forecasts whose truth arrived, median", "percentunit",
                   "histogram_quantile(0.5, sum by (kind, le) (increase(trainyard_live_forecast_skill_ratio_bucket[1d])))", "{{kind}}"),
            _lines("Coverage of 95 % intervals whose truth arrived, mean", "percentunit",
                   "sum by (kind) (increase(trainyard_live_forecast_coverage_ratio_sum[1d])) / sum by (kind) (increase(trainyard_live_forecast_coverage_ratio_count[1d]))", "{{kind}}"),
            _lines("Problems with data", "short",
                   'sum by (code) (increase(trainyard_problems_total{category=~"DATA_VALIDATION|INSUFFICIENT_DATA|MODEL_CONVERGENCE"}[1d])) > 0', "{{code}}"),
        ),
    ),
    "broker": (
        "Trainyard / Broker and stores",
        (
            _stat("Dead letters, last day", "short", "sum(increase(trainyard_dead_letters_total[1d]))"),
            _stat("Said again, last day", "short", "sum(increase(trainyard_reconciler_announced_total[1d]))"),
            _stat("Clients dropped, last day", "short", "sum(increase(trainyard_gateway_live_overflows_total[1d]))"),
            _stat("Events not told, last day", "short", "sum(increase(trainyard_gateway_live_dropped_events_total[1d]))"),
            _lines("Messages by durable", "ops", f"sum by (durable) (rate(trainyard_deliveries_total[{RATE}])) > 0", "{{durable}}"),
            _lines("Messages that did not go well", "ops", f'sum by (durable, outcome) (rate(trainyard_deliveries_total{{outcome!="acknowledged"}}[{RATE}])) > 0', "{{durable}} {{outcome}}"),
            _lines("Time in handlers, p99", "s",
                   f"histogram_quantile(0.99, sum by (app_name, le) (rate(trainyard_received_processed_messages_duration_seconds_bucket[{RATE}])))", "{{app_name}}"),
            _lines("Broker and stores answer", "short", 'min by (service, check) (trainyard_ready{check=~"broker|storage|scanner"})', "{{service}} {{check}}"),
            _lines("Open files", "short", "sum by (service) (process_open_fds)", "{{service}}"),
            _lines("Memory of the machine in use", "percentunit",
                   "1 - min(trainyard_machine_memory_available_bytes) / max(trainyard_machine_memory_bytes)", "in use"),
        ),
    ),
}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    """Return one dashboard in Grafana's JSON."""
    title, panels = BOARDS[name]
    laid, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        width, tall = (6, 4) if panel.kind == "stat" else (12, 8)
        if x + width > 24 or (x and tall != height):
            x, y = 0, y + height
        height = tall
        targets = [
            {"refId": chr(65 + i), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for i, (expression, legend) in enumerate(panel.queries)
        ]
        laid.append(
            {
                "type": panel.kind,
                "id": number,
                "title": panel.title,
                "datasource": _SOURCE,
                "gridPos": {"x": x, "y": y, "w": width, "h": tall},
                "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
                "options": {},
                "targets": targets,
            }
        )
        x += width
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    return {
        "uid": f"trainyard-{name}",
        "title": title,
        "tags": ["trainyard"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "annotations": {"list": []},
        "panels": laid,
    }


def text(name: str) -> str:
    """Return one dashboard as the file Grafana reads."""
    return json.dumps(dashboard(name), indent=1) + "\n"
