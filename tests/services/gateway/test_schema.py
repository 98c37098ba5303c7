"""The OpenAPI description against the gateway: nothing breaks and nothing undeclared comes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway.http.openapi import SESSION
from tests.services.gateway.contract import furnish
from tests.services.gateway.house import House, open_house

schemathesis = pytest.importorskip("schemathesis", reason="SCHEMA TESTS DID NOT RUN: schemathesis is missing")
DELETES = ("/api/training/session/{sid}/delete", "/api/training/delete-all-sessions")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway whose session of the examples is full."""
    root: Path = tmp_path_factory.mktemp("schema")
    with asyncio.Runner() as runner:
        opened = open_house(root, gateway_hosts=("testserver", "127.0.0.1"))
        made = runner.run(opened.__aenter__())
        runner.run(_fill(made))
        yield made
        runner.run(opened.__aexit__(None, None, None))


async def _fill(house: House) -> None:
    async with house.client() as http:
        await http.post("/api/training/init-session", json={"sessionId": SESSION})
    await furnish(house)


def test_no_request_breaks_the_gateway_or_its_description(house: House) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", house.app)
    checks = schemathesis.checks
    named = [
        checks.not_a_server_error,
        schemathesis.specs.openapi.checks.status_code_conformance,
        schemathesis.specs.openapi.checks.content_type_conformance,
        schemathesis.specs.openapi.checks.response_schema_conformance,
    ]
    operations = [found.ok() for found in schema.get_all_operations()]

    for operation in operations:
        if operation.path not in DELETES:
            _try(operation, named)

    assert len(operations) > 50


def _try(operation: Any, checks: list[Any]) -> None:
    from hypothesis import HealthCheck, given, settings

    @given(case=operation.as_strategy())
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def send(case: Any) -> None:
        if "sid" in case.path_parameters:
            case.path_parameters["sid"] = SESSION
        if (case.query or {}).get("wait"):  # up to five minutes for a data set that nobody builds here
            case.query["wait"] = 0
        case.call_and_validate(base_url="http://127.0.0.1", checks=checks)

    send()
