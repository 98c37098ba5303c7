"""Every expression of rules and dashboards, asked of a real Prometheus that scrapes real registries."""

import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import yaml
from prometheus_client import generate_latest

from services.evaluator.metrics import ForecastMetrics
from services.trainer.core.model import Progress
from services.trainer.metrics import JobMetrics
from shared.messaging.metrics import DeliveryMetrics
from shared.runtime.system_metrics import service_registry
from trainyard.deployment.__main__ import ROOT
from trainyard.deployment.dashboards import BOARDS, RATE


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    """A trainer and evaluator in one registry, at work."""
    registry = service_registry("trainer")
    jobs = JobMetrics(registry)
    forecasts = ForecastMetrics(registry)
    DeliveryMetrics("trainer", registry)
    jobs.begun("lstm", again=False)
    jobs.advanced("lstm", Progress(0.5, "epoch", epoch=3, n_epochs=6, loss=0.2, val_loss=0.3))

    class Scraped(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jobs.ended("lstm", "finished", 12.0)
            forecasts.covered("lstm", 0.94)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(generate_latest(registry))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scraped)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def prometheus(target: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with our rules."""
    program = shutil.which("prometheus")
    if not program:
        pytest.skip("PROMETHEUS IS NOT HERE: no expression was asked of it")
    folder = tmp_path_factory.mktemp("prometheus")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ROOT / "deploy/monitoring/rules.yml")],
        "scrape_configs": [
            {
                "job_name": "trainyard",
                "static_configs": [{"targets": [f"127.0.0.1:{target}"], "labels": {"service": "trainer"}}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={url}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_scrapes(f"http://{url}")
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_scrapes(url: str) -> None:
    end = time.monotonic() + 40
    while time.monotonic() < end:
        try:
            if ask(url, 'count_over_time(up{job="trainyard"}[1m]) >= 4'):
                return
        except (httpx.HTTPError, json.JSONDecodeError):  # it answers in words while it starts
            pass
        time.sleep(0.5)
    pytest.fail("prometheus did not scrape in 40 s")


def ask(url: str, expression: str) -> list[dict[str, object]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=5)
    body = json.loads(answer.text)
    assert body["status"] == "success", (expression, body)
    found: list[dict[str, object]] = body["data"]["result"]
    return found


def test_every_panel_is_an_expression_prometheus_answers(prometheus: str) -> None:
    for _, panels in BOARDS.values():
        for panel in panels:
            for expression, _ in panel.queries:
                ask(prometheus, expression.replace(RATE, "1m"))


def test_the_loss_of_a_fit_and_how_fits_ended_can_be_seen(prometheus: str) -> None:
    losses = ask(prometheus, "max by (kind, part) (trainyard_trainer_model_loss > 0)")

    assert {item["metric"]["part"] for item in losses} == {"train", "validation"}  # type: ignore[index]
    assert ask(prometheus, 'sum(increase(trainyard_trainer_jobs_total{status="finished"}[1m])) > 0')
    assert ask(prometheus, "kind:trainyard_trainer_fit_seconds:p90_1h > 0")


def test_rules_evaluate_without_errors(prometheus: str) -> None:
    groups = httpx.get(f"{prometheus}/api/v1/rules", timeout=5).json()["data"]["groups"]

    assert [rule for group in groups for rule in group["rules"] if rule.get("lastError")] == []
