"""What surrounds the services in Kubernetes: the ways in, who may talk to whom, monitoring, a GPU pool."""

import json
from pathlib import Path
from typing import Any

import yaml

from trainyard.deployment.kubernetes import HEALTH, NEURAL, PORT, ROLES, SIZES, Json, matches, thing

MONITORING_RULES = Path(__file__).parents[2] / "deploy" / "monitoring" / "rules.yml"


def gateway_service() -> Json:
    """Return the gateway's service; polling clients stay with the replica they began with."""
    spec = {
        "selector": matches("gateway")["matchLabels"],
        "sessionAffinity": "ClientIP",
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    }
    return thing("v1", "Service", "gateway", spec=spec)


def ingress() -> Json:
    """Return a plain Ingress: WebSocket, chunks of 8 MB with their frame, sticky polling."""
    notes = {
        "nginx.ingress.kubernetes.io/proxy-body-size": "16m",
        "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "3600",
        "nginx.ingress.kubernetes.io/affinity": "cookie",
        "nginx.ingress.kubernetes.io/session-cookie-name": "trainyard-replica",
    }
    backend = {"service": {"name": "gateway", "port": {"name": "http"}}}
    rule = {
        "host": "trainyard.example",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    spec = {"tls": [{"hosts": ["trainyard.example"], "secretName": "trainyard-tls"}], "rules": [rule]}
    found = thing("networking.k8s.io/v1", "Ingress", "gateway", spec=spec)
    found["metadata"]["annotations"] = notes
    return found


def route() -> Json:
    """Return the same way in for the Gateway API; streams and uploads have no time limit here."""
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "backendRefs": [{"name": "gateway", "port": 80}],
        "timeouts": {"request": "0s"},
    }
    spec = {"parentRefs": [{"name": "public"}], "hostnames": ["trainyard.example"], "rules": [rule]}
    return thing("gateway.networking.k8s.io/v1", "HTTPRoute", "gateway", spec=spec)


def autoscaler() -> Json:
    """Return the gateway's scaling by CPU."""
    target = {"type": "Utilization", "averageUtilization": 70}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return thing("autoscaling/v2", "HorizontalPodAutoscaler", "gateway", spec=spec)


def policies() -> list[Json]:
    """Return network policies: nothing in or out but what is named."""
    everyone = {"matchLabels": {"app.kubernetes.io/part-of": "trainyard"}}
    names = {"ports": [{"protocol": p, "port": 53} for p in ("UDP", "TCP")]}
    broker = {"to": [{"podSelector": matches("nats")}], "ports": [_tcp(4222)]}
    https = {"ports": [_tcp(443)]}
    others = {"key": "app.kubernetes.io/name", "operator": "NotIn", "values": ["nats"]}
    clients = {"matchExpressions": [others]}
    out = [names, broker, https]
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    keda = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    entrance = {"namespaceSelector": {"matchLabels": {"trainyard.example/entrance": "true"}}}
    peers = {"podSelector": matches("nats")}
    return [
        _policy("default-deny", {}, ["Ingress", "Egress"]),
        _policy("names-broker-and-https", clients, ["Egress"], egress=out),
        _policy("metrics", clients, ["Ingress"], ingress=[{"from": [monitoring], "ports": [_tcp(HEALTH)]}]),
        _policy(
            "page", matches("gateway"), ["Ingress"], ingress=[{"from": [entrance], "ports": [_tcp(PORT)]}]
        ),
        _policy(
            "broker",
            matches("nats"),
            ["Ingress", "Egress"],
            ingress=[
                {"from": [{"podSelector": everyone}], "ports": [_tcp(4222)]},
                {"from": [peers], "ports": [_tcp(6222)]},
                {"from": [keda, monitoring], "ports": [_tcp(8222)]},
            ],
            egress=[names, {"to": [peers], "ports": [_tcp(6222)]}],
        ),
    ]


def _tcp(port: int) -> Json:
    return {"protocol": "TCP", "port": port}


def _policy(name: str, selector: Json, types: list[str], **rules: Any) -> Json:
    spec = {"podSelector": selector, "policyTypes": types, **rules}
    return thing("networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)


def monitoring() -> list[Json]:
    """Return what the Prometheus operator reads: whom to scrape, and the rules."""
    endpoint = {
        "port": "health",
        "path": "/metrics",
        "interval": "15s",
        "relabelings": [
            {
                "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"],
                "targetLabel": "service",
            },
            {"targetLabel": "job", "replacement": "trainyard"},
        ],
    }
    chosen = {"key": "app.kubernetes.io/name", "operator": "In", "values": list(SIZES)}
    spec = {"selector": {"matchExpressions": [chosen]}, "podMetricsEndpoints": [endpoint]}
    rules = yaml.safe_load(MONITORING_RULES.read_text())
    return [
        thing("monitoring.coreos.com/v1", "PodMonitor", "trainyard", spec=spec),
        thing("monitoring.coreos.com/v1", "PrometheusRule", "trainyard", spec=rules),
    ]


def gpu_pool(trainer: Json) -> Json:
    """Return a second deployment of trainers, on GPUs, for the neural kinds only."""
    pool: Json = json.loads(json.dumps(trainer))
    pool["metadata"]["name"] = "trainer-gpu"
    spec = pool["spec"]
    spec["selector"] = matches("trainer-gpu")
    spec["template"]["metadata"]["labels"]["app.kubernetes.io/name"] = "trainer-gpu"
    pod = spec["template"]["spec"]
    pod["nodeSelector"] = {"trainyard.example/pool": "gpu"}
    pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    pod["topologySpreadConstraints"][0]["labelSelector"] = matches("trainer-gpu")
    box = pod["containers"][0]
    box["image"] = "trainyard/trainer-gpu"
    box["env"].append({"name": "TRAINYARD_TRAINER_KINDS", "value": json.dumps(list(NEURAL))})
    box["resources"]["limits"]["nvidia.com/gpu"] = 1
    assert ROLES["trainer"] == '["fit"]'
    return pool
