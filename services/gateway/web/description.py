"""The part of the API's description the page is written against, as JSON on standard output.

``make page-types`` turns it into ``app/src/api/schema.d.ts``; a test compares the two.
"""

import json
import sys
from typing import Any

from prometheus_client import CollectorRegistry

from services.gateway.app import BASE, bare_app
from services.gateway.settings import GatewaySettings

USED = (
    "/sessions", "/demo", "/workspace/{sid}", "/draft/{sid}", "/preview/{sid}",
    "/datasets/{sid}/{dataset_id}", "/series/{sid}/{series_id}", "/history/{sid}", "/test-forecasts/{sid}",
    "/run/{sid}", "/feature-importance/{sid}", "/forecast/{sid}", "/forecast/{sid}/template",
    "/forecasts/{sid}", "/forecasts/{sid}/monitoring",
    "/forecasts/{sid}/{forecast_id}", "/csv-files/{file_id}/rows", "/models/{sid}", "/models/{sid}/{number}",
    "/models/{sid}/{number}/manifest", "/signing-key", "/models/{sid}/promote", "/models/{sid}/rollback",
    "/models/{sid}/retire", "/schedules/{sid}", "/schedules/{sid}/{schedule_id}",
)  # fmt: skip


def description() -> dict[str, Any]:
    """Return the paths the page uses, with the schemas they need and nothing else."""
    whole = bare_app(GatewaySettings(), CollectorRegistry()).openapi()
    # Without the refusals: those have one form.
    paths = {
        path: {
            method: {**operation, "responses": {s: r for s, r in operation["responses"].items() if s < "300"}}
            for method, operation in whole["paths"][f"{BASE}{path}"].items()
        }
        for path in USED
    }
    schemas: dict[str, Any] = {}
    wanted = _references(paths)
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = whole["components"]["schemas"][name]
            wanted |= _references(schemas[name])
    kept = {name: schemas[name] for name in sorted(schemas)}
    return {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "paths": paths,
        "components": {"schemas": kept},
    }


def _references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"].rsplit("/", 1)[-1]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(_references(value) for value in part))
    return set()


if __name__ == "__main__":
    json.dump(description(), sys.stdout, indent=1, sort_keys=True)
