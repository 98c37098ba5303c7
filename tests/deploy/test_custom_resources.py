"""KEDA, Gateway API and Prometheus operator objects hold fields those APIs have, and no others."""

import copy
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.custom_resources import SCHEMAS
from trainyard.deployment.__main__ import ROOT

OURS: dict[str, dict[str, Any]] = {
    document["kind"]: document
    for name in ("keda", "gateway-api", "monitoring")
    for document in yaml.safe_load_all((ROOT / f"deploy/k8s/components/{name}/{name}.yaml").read_text())
}


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_a_custom_resource_keeps_to_its_schema(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])
    jsonschema.validate(OURS[kind], SCHEMAS[kind])


def test_every_custom_resource_has_a_schema() -> None:
    assert set(OURS) == set(SCHEMAS)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", ("minReplicas",), 1),
        ("ScaledObject", ("triggers", 0, "metadata", "lagThreshold"), 1),
        ("ScaledObject", ("triggers", 0, "name"), "svr-dir"),
        ("ScaledObject", ("advanced", "scalingModifiers", "target"), 1),
        ("HTTPRoute", ("rules", 0, "timeouts", "request"), 0),
        ("HTTPRoute", ("rules", 0, "backendRefs", 0, "port"), "http"),
        ("PodMonitor", ("podMetricsEndpoints", 0, "relabelings", 0, "sourceLabel"), ["a"]),
        ("PrometheusRule", ("groups", 0, "rules", 0, "alert"), "TwoThings"),
        ("PrometheusRule", ("groups", 1, "rules", 0, "for"), "2 minutes"),
    ],
)
def test_what_an_api_server_would_refuse_is_refused(kind: str, path: tuple[Any, ...], value: object) -> None:
    changed = copy.deepcopy(OURS[kind])
    place = changed["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, SCHEMAS[kind])
