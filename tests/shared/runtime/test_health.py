"""The health port: alive at once, ready when every part is, metrics of process and machine."""

import asyncio

import httpx
import psutil
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import Unavailable
from shared.runtime.health import Health, readiness
from shared.runtime.system_metrics import service_registry


def client(health: Health) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=health), base_url="http://10.1.2.3:9100")


async def fine() -> None:
    return None


async def away() -> None:
    raise Unavailable("the store does not answer")


async def stuck() -> None:
    await asyncio.sleep(60)


async def test_a_process_without_parts_lives_and_is_not_ready() -> None:
    async with client(Health("ingest", service_registry("ingest"))) as http:
        alive, ready = await http.get("/healthz"), await http.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive", "service": "ingest"})
    assert (ready.status_code, ready.json()) == (503, {"ready": False})


async def test_each_part_is_named_and_one_that_hangs_holds_up_nobody() -> None:
    ready, states = await readiness({"broker": fine, "storage": away, "scanner": stuck}, patience=0.05)

    assert not ready
    assert states == {"broker": "ok", "storage": "the store does not answer", "scanner": "TimeoutError"}


async def test_a_scrape_tells_the_readiness_as_it_is_now() -> None:
    health = Health("ingest", service_registry("ingest"))
    health.checks |= {"broker": fine, "storage": away}

    async with client(health) as http:
        text = (await http.get("/metrics")).text

    assert 'trainyard_ready{check="broker"} 1.0' in text
    assert 'trainyard_ready{check="storage"} 0.0' in text


async def test_unknown_paths_are_told_what_there_is() -> None:
    async with client(Health("ingest", service_registry("ingest"))) as http:
        answer = await http.get("/secret")

    assert (answer.status_code, answer.json()) == (404, {"paths": ["/healthz", "/metrics", "/readyz"]})


def test_process_machine_and_children_are_measured() -> None:
    text = generate_latest(service_registry("trainer")).decode()
    found = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}

    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_open_fds"] > 0
    assert found["trainyard_machine_memory_bytes"] == psutil.virtual_memory().total
    assert found["trainyard_children"] >= 0
    assert 'trainyard_service_info{service="trainer"} 1.0' in text
