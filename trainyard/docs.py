"""Documents generated from the code: ``python -m trainyard.docs`` writes docs/events.md."""

import json
from pathlib import Path

from shared.contracts.base import Message
from shared.contracts.events import MESSAGES
from shared.messaging.streams import REACTIONS

EVENTS_DOC = Path(__file__).parents[1] / "docs" / "events.md"


def events_page() -> str:
    """Return docs/events.md: every message, its subject, who reacts, and its fields."""
    parts = [
        "# Events",
        "",
        "Generated from `shared/contracts/events.py` by `make docs`; a test compares. Ids are UUIDs in hex, "
        "never user text. How messages are delivered: [architecture](architecture.md#delivery).",
        "",
        "| type | subject | stream | reactions |",
        "|---|---|---|---|",
        *(_row(message) for message in MESSAGES),
        "",
        *(line for message in MESSAGES for line in _section(message)),
    ]
    return "\n".join(parts)


def _row(message: type[Message]) -> str:
    durables = ", ".join(f"`{name}`" for name, event in REACTIONS if event is message) or "-"
    return f"| `{message.type}` | `{message.template}` | {message.stream or 'core'} | {durables} |"


def _section(message: type[Message]) -> list[str]:
    schema = message.model_json_schema(mode="serialization")
    required = set(schema.get("required", ()))
    summary = (message.__doc__ or "").strip().splitlines()[0]
    rows = [
        f"| `{name}` | {_type(field)} | {'yes' if name in required else 'no'} | {_meaning(field)} |"
        for name, field in schema["properties"].items()
    ]
    return [
        f"## {message.type}",
        "",
        summary,
        "",
        "| field | type | always there | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _meaning(field: dict[str, object]) -> str:
    return str(field.get("description", ""))


def _type(field: dict[str, object]) -> str:
    options = field.get("anyOf")
    if isinstance(options, list):
        return " or ".join(_type(option) for option in options)
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[1]
    if "const" in field or "enum" in field:
        allowed = field.get("enum") or [field["const"]]
        return ", ".join(json.dumps(value) for value in allowed) if isinstance(allowed, list) else "value"
    items = field.get("items")
    if field.get("type") == "array" and isinstance(items, dict):
        return f"list of {_type(items)}"
    return str(field.get("format") or field.get("type") or "any")


def main() -> None:
    """Write the documents."""
    EVENTS_DOC.write_text(events_page())


if __name__ == "__main__":
    main()
