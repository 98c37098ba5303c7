"""What the description says about answers: every JSON answer has named fields, not just any object."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.gateway.house import House

Json = dict[str, Any]


def resolved(schema: Json, whole: Json) -> Json:
    """Return a schema without references at its top."""
    while "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def json_answers(whole: Json) -> Iterator[tuple[str, Json]]:
    """Yield every JSON answer of success with its schema."""
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    if status.startswith("2") and "json" in kind:
                        yield f"{method} {path} {status}", resolved(content.get("schema", {}), whole)


def is_untyped(schema: Json) -> bool:
    """Tell whether an answer says no more than that it is an object."""
    return "anyOf" not in schema and not set(schema.get("properties", {})) - {"success"}


def test_every_json_answer_has_named_fields(house: House) -> None:
    answers = dict(json_answers(house.app.openapi()))

    assert [name for name, schema in answers.items() if is_untyped(schema)] == []
    assert len(answers) > 60


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"success": {"type": "boolean"}}, "additionalProperties": True},
    ],
)
def test_a_bare_object_counts_as_untyped(schema: Json) -> None:
    assert is_untyped(schema)
