"""Every JSON answer says its fields in the description of the API: clients get types, not bare objects."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.gateway.app import bare_app
from services.gateway.settings import GatewaySettings

WHOLE = bare_app(GatewaySettings(), CollectorRegistry()).openapi()


def json_answers() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in WHOLE["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema")
                if status < "300" and schema is not None:
                    yield f"{method.upper()} {path}", schema


def is_typed(schema: dict[str, Any]) -> bool:
    """Whether somebody who reads the schema knows a field of the answer beside ``success``."""
    if "$ref" in schema:
        named = WHOLE["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return bool(set(named.get("properties", {})) - {"success"})
    if "anyOf" in schema:
        return all(is_typed(one) for one in schema["anyOf"])
    mapping = schema.get("additionalProperties")
    return isinstance(mapping, dict) and bool(mapping)


@pytest.mark.parametrize(
    ("operation", "schema"), [pytest.param(name, schema, id=name) for name, schema in json_answers()]
)
def test_an_answer_has_named_fields(operation: str, schema: dict[str, Any]) -> None:
    assert is_typed(schema), f"{operation} answers a bare object: give it a response model"


def test_there_are_answers_to_look_at() -> None:
    assert len(list(json_answers())) > 75
