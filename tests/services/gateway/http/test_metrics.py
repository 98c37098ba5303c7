"""What the gateway tells Prometheus: bounded labels, there from the start, nothing of a user in them."""

from prometheus_client.parser import text_string_to_metric_families

from services.gateway.http.access import ROUTES
from services.gateway.live.hub import Hub
from services.gateway.live.messages import LiveMessage
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


async def test_refusals_count_by_category_and_code(house: House) -> None:
    async with house.client() as http:
        refused = await http.get("/api/training/status/00000000-0000-4000-8000-000000000000")

    key = frozenset({"category": "NOT_FOUND", "code": refused.json()["code"]}.items())
    assert samples(house)["trainyard_problems_total", key] == 1


async def test_a_client_that_falls_behind_counts_with_what_it_was_not_told() -> None:
    hub = Hub(limit=2)
    hub.open("s")

    hub.tell_all(LiveMessage(n, "run.finished", "s", None, None, {}, "{}") for n in range(5))

    assert (hub.n_overflows, hub.n_dropped) == (1, 3)
