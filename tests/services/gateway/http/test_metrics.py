"""What the gateway tells Prometheus: bounded labels, there from the start, nothing of a user in them."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.http.access import ROUTES
from services.gateway.http.local_metrics import LocalMetrics
from services.gateway.live.hub import Hub
from services.gateway.live.messages import LiveMessage
from services.gateway.settings import GatewaySettings
from tests.services.gateway.house import House


def samples(house: House) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    from prometheus_client import generate_latest

    text = generate_latest(house.app.state.registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests(found: dict[tuple[str, frozenset[tuple[str, str]]], float], **labels: str) -> float:
    return found["trainyard_gateway_requests_total", frozenset(labels.items())]


async def test_requests_are_counted_by_template_and_class_of_status(house: House) -> None:
    async with house.client() as http:
        await http.get("/api/training/status/somebody's-own-text")
        await http.get("/api/training/list-sessions")
        await http.get("/no/such/page?of=mine")

    found = samples(house)
    assert requests(found, route="/api/training/list-sessions", method="GET", status="2xx") == 1
    assert requests(found, route="/api/training/status/{sid}", method="GET", status="4xx") == 1
    assert requests(found, route="other", method="GET", status="4xx") == 1
    assert not any("somebody" in str(key) or "/no/" in str(key) for key in found)


async def test_every_route_and_every_code_is_there_before_its_first_request(house: House) -> None:
    found = samples(house)

    for name in ROUTES:
        method, route = name.split(" ", 1)
        if method != "WS":
            assert requests(found, route=route, method=method, status="5xx") == 0
    conflict = frozenset({"category": "CONFLICT", "code": "CHUNK_CONFLICT"}.items())
    assert found["trainyard_problems_total", conflict] == 0


async def test_open_subscriptions_are_counted(house: House) -> None:
    with_none = samples(house)
    house.gateway.live.hub.subscribe("some-session")

    with_one = samples(house)

    clients = ("trainyard_gateway_live_clients", frozenset[tuple[str, str]]())
    assert (with_none[clients], with_one[clients]) == (0, 1)


async def test_refusals_count_by_category_and_code(house: House) -> None:
    async with house.client() as http:
        refused = await http.get("/api/training/status/00000000-0000-4000-8000-000000000000")

    key = frozenset({"category": "NOT_FOUND", "code": refused.json()["code"]}.items())
    assert samples(house)["trainyard_problems_total", key] == 1


async def test_a_client_that_falls_behind_counts_with_what_it_was_not_told() -> None:
    hub = Hub(limit=2)
    hub.subscribe("s")

    for message in (LiveMessage(n, "run.finished", "s", None, None, {}, "{}") for n in range(5)):
        hub.publish(message)

    assert (hub.n_overflows, hub.n_dropped) == (1, 3)


async def test_a_gateway_for_everybody_tells_no_metrics_on_its_public_port(house: House) -> None:
    async with house.client() as http:
        answer = await http.get("/metrics")

    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_AVAILABLE")
    assert "health port" in answer.json()["error"]


async def test_a_single_users_gateway_tells_the_metrics_of_every_process_beside_it(tmp_path: Path) -> None:
    async def neighbour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        text = b'# TYPE fits counter\nfits_total{kind="lin"} 3.0\n'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(text) + text)
        writer.close()

    server = await asyncio.start_server(neighbour, "127.0.0.1", 0)
    (tmp_path / "trainer.port").write_text(str(server.sockets[0].getsockname()[1]))
    (tmp_path / "ingest.port").write_text("1")  # nobody there
    (tmp_path / "gateway.health.port").write_text("1")
    registry = CollectorRegistry()
    Counter("fits", "of this process", ["kind"], registry=registry).labels("svr").inc()
    local = LocalMetrics(registry, GatewaySettings(port_file=tmp_path / "gateway.port", host="127.0.0.1"))

    text = (await local.text()).decode()
    server.close()

    assert local.told
    assert 'fits_total{kind="lin",service="trainer"} 3.0' in text
    assert 'fits_total{kind="svr",service="gateway"} 1.0' in text
    assert text.count("# TYPE fits_total counter") == 1


@pytest.mark.parametrize("more", [{"host": "0.0.0.0"}, {"gateway_jwt_secret": "s" * 40}, {"port_file": None}])
def test_metrics_are_told_to_a_single_user_on_this_machine_alone(
    tmp_path: Path, more: dict[str, str | None]
) -> None:
    settings = GatewaySettings.model_validate({"port_file": tmp_path / "gateway.port", **more})

    assert not LocalMetrics(CollectorRegistry(), settings).told
