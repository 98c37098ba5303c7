"""Documents generated from the code by ``make docs``: events, errors, and tables of the glossary."""

import json
from pathlib import Path

from shared.contracts.events import MESSAGES
from shared.contracts.kinds import SPECS
from shared.contracts.metrics import METRICS
from shared.messaging.streams import REACTIONS
from trainyard.error_classes import error_classes

DOCS = Path(__file__).parents[1] / "docs"
EVENTS_DOC = DOCS / "events.md"
ERRORS_DOC = DOCS / "errors.md"
GLOSSARY_DOC = DOCS / "glossary.md"


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
    ]
    for message in MESSAGES:
        durables = ", ".join(f"`{name}`" for name, event in REACTIONS if event is message) or "-"
        subject = f"| `{message.type}` | `{message.template}` |"
        parts.append(f"{subject} {message.stream or 'core'} | {durables} |")
    parts.append("")
    for message in MESSAGES:
        schema = message.model_json_schema(mode="serialization")
        summary = (message.__doc__ or "").strip().splitlines()[0]
        parts += [f"## {message.type}", "", summary, ""]
        parts += ["| field | type | always there | meaning |", "|---|---|---|---|"]
        for name, field in schema["properties"].items():
            always = "yes" if name in schema.get("required", ()) else "no"
            parts.append(f"| `{name}` | {_type(field)} | {always} | {field.get('description', '')} |")
        parts.append("")
    return "\n".join(parts)


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


def errors_page() -> str:
    """Return docs/errors.md: every code, its category and HTTP status, its cause and what to do."""
    rows = (
        f"| `{found.code}` | {found.category} | {found.meaning} | {' '.join(found.advice) or '-'} |"
        for found in error_classes()
    )
    return "\n".join(
        [
            "# Errors",
            "",
            "Generated from the error classes by `make docs`; a test compares. A code is stable and belongs",
            "to one class; an answer carries it with the message, the field, the file and the row, and what",
            "to do.",
            "",
            "| code | category | when | what to do |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def glossary_page() -> str:
    """Return docs/glossary.md with its tables of scores and of model kinds as the contracts have them."""
    scores = (
        f"| {metric.heading} | {metric.unit} | {metric.better} is better | {metric.undefined} |"
        for metric in METRICS
    )
    kinds = (
        f"| `{kind}` | {spec.name} | {', '.join(spec.words) or '-'} | {str(spec.__doc__).splitlines()[0]} |"
        for kind, spec in SPECS.items()
    )
    page = GLOSSARY_DOC.read_text()
    page = _filled(page, "scores", ["| score | unit | | undefined |", "|---|---|---|---|", *scores])
    return _filled(
        page, "model kinds", ["| kind | name | also called | meaning |", "|---|---|---|---|", *kinds]
    )


def _filled(page: str, name: str, table: list[str]) -> str:
    """Return a page with the table between the marks of a name exchanged."""
    start, end = f"<!-- {name}, generated -->", f"<!-- end of {name} -->"
    before, rest = page.split(start)
    return "\n".join([f"{before}{start}", *table, f"{end}{rest.split(end)[1]}"])


def main() -> None:
    """Write the documents."""
    EVENTS_DOC.write_text(events_page())
    ERRORS_DOC.write_text(errors_page())
    GLOSSARY_DOC.write_text(glossary_page())


if __name__ == "__main__":
    main()
