"""Manifests for Kubernetes: a base, components to choose from, an overlay for trying and one for production.

Everything that repeats the code's constants (durables, ports, users, services) is taken from the code.
"""

from typing import Any

import yaml

from shared.contracts.kinds import KINDS
from shared.messaging.permissions import USERS
from shared.messaging.streams import work_consumer
from trainyard.deployment import nats

Json = dict[str, Any]
PORT, HEALTH = 8000, 9100
MONITORING = "nats-headless:8222"
NEURAL = ("dense", "cnn", "lstm", "ar_lstm")
# deployment: image, cpu, memory wanted, memory at most, /tmp
SIZES: dict[str, tuple[str, str, str, str, str]] = {
    "gateway": ("gateway", "250m", "192Mi", "512Mi", "2Gi"),
    "ingest": ("ingest", "500m", "512Mi", "2Gi", "4Gi"),
    "datasets": ("datasets", "500m", "512Mi", "9Gi", "20Gi"),
    "planner": ("trainer", "250m", "512Mi", "4Gi", "10Gi"),
    "trainer": ("trainer", "2", "2Gi", "6Gi", "20Gi"),
    "evaluator": ("evaluator", "500m", "512Mi", "2Gi", "10Gi"),
}
ROLES = {"planner": '["plan", "answer"]', "trainer": '["fit"]'}
_POD = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
_BOX = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_HEAD = "# Made by `make deploy-files` (trainyard/deployment/kubernetes.py): do not edit.\n"


class _Plain(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types here
    def ignore_aliases(self, data: object) -> bool:
        return True


def text(*documents: Json) -> str:
    """Return documents as one YAML file."""
    body: str = yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=110)
    return _HEAD + body


def thing(api: str, kind: str, name: str, **rest: Any) -> Json:
    """Return a Kubernetes object."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **rest}


def labels(name: str) -> Json:
    """Return the labels of a pod."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "trainyard"}


def matches(name: str) -> Json:
    """Return the selector of a service's pods."""
    return {"matchLabels": {"app.kubernetes.io/name": name}}


def _secret(name: str, key: str) -> Json:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "trainyard-nats", "key": key}}}


def _login(user: str) -> list[Json]:
    return [
        {"name": "TRAINYARD_NATS_USER", "value": user},
        _secret("TRAINYARD_NATS_PASSWORD", f"NATS_{user.upper()}_PASSWORD"),
    ]


def _probe(path: str, **rest: int) -> Json:
    return {"httpGet": {"path": path, "port": "health"}, **rest}


def _pod(name: str, box: Json, volumes: list[Json], *, grace: int = 45) -> Json:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": matches(name),
    }
    return {
        "serviceAccountName": "trainyard",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": _POD,
        "topologySpreadConstraints": [spread],
        "containers": [box],
        "volumes": volumes,
    }


def service(name: str) -> list[Json]:
    """Return deployment and disruption budget of one service."""
    image, cpu, wanted, most, tmp = SIZES[name]
    roles = [{"name": "TRAINYARD_TRAINER_ROLES", "value": ROLES[name]}] if name in ROLES else []
    ports = [{"name": "health", "containerPort": HEALTH}]
    sources: list[Json] = [
        {"configMapRef": {"name": "trainyard"}},
        {"secretRef": {"name": "trainyard-store"}},
    ]
    if name == "gateway":
        ports.insert(0, {"name": "http", "containerPort": PORT})
        sources.append({"secretRef": {"name": "trainyard-gateway", "optional": True}})
    box = {
        "name": name,
        "image": f"trainyard/{image}",
        "imagePullPolicy": "IfNotPresent",
        "ports": ports,
        "env": [*_login(image), *roles],
        "envFrom": sources,
        "startupProbe": _probe("/healthz", periodSeconds=2, failureThreshold=60, timeoutSeconds=2),
        "readinessProbe": _probe("/readyz", periodSeconds=10, failureThreshold=3, timeoutSeconds=5),
        "livenessProbe": _probe("/healthz", periodSeconds=20, failureThreshold=6, timeoutSeconds=5),
        "resources": {
            "requests": {"cpu": cpu, "memory": wanted, "ephemeral-storage": "256Mi"},
            "limits": {"memory": most, "ephemeral-storage": tmp},
        },
        "securityContext": _BOX,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    if name == "gateway":  # the balancer shall know before connections are refused
        box["lifecycle"] = {"preStop": {"sleep": {"seconds": 5}}}
    spec = {
        "replicas": 1,
        "revisionHistoryLimit": 3,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": matches(name),
        "template": {
            "metadata": {"labels": labels(name)},
            "spec": _pod(name, box, [{"name": "tmp", "emptyDir": {"sizeLimit": tmp}}]),
        },
    }
    budget = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": matches(name)}
    return [
        thing("apps/v1", "Deployment", name, spec=spec),
        thing("policy/v1", "PodDisruptionBudget", name, spec=budget),
    ]


def provisioning() -> Json:
    """Return the job that creates streams and consumers; `kubectl delete job provision` before the next."""
    box = {
        "name": "provision",
        "image": "trainyard/gateway",
        "command": ["python", "-m", "shared.messaging.provision"],
        "env": _login("provision"),
        "envFrom": [{"configMapRef": {"name": "trainyard"}}],
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": _BOX,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    pod = {**_pod("provision", box, [{"name": "tmp", "emptyDir": {}}]), "restartPolicy": "OnFailure"}
    template = {"metadata": {"labels": labels("provision")}, "spec": pod}
    spec = {"backoffLimit": 10, "ttlSecondsAfterFinished": 86400, "template": template}
    return thing("batch/v1", "Job", "provision", spec=spec)


def _broker_box(ports: Json) -> Json:
    """Return the container of one broker; passwords come by reference, routes hold theirs."""
    routes = [
        {
            "name": f"NATS_ROUTE_{i}",
            "value": f'"nats-route://route:$(NATS_ROUTE_PASSWORD)@nats-{i}.nats-headless:6222"',
        }
        for i in range(nats.PEERS)
    ]
    users = [_secret(f"NATS_{user.upper()}_PASSWORD", f"NATS_{user.upper()}_PASSWORD") for user in USERS]
    name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    ready = {"httpGet": {"path": "/healthz?js-server-only=true", "port": "monitor"}}
    return {
        "name": "nats",
        "image": "trainyard/nats",
        "args": ["-c", "/etc/nats/nats.conf"],
        "ports": [{"name": key, "containerPort": value} for key, value in ports.items()],
        "env": [name, *users, _secret("NATS_ROUTE_PASSWORD", "NATS_ROUTE_PASSWORD"), *routes],
        "startupProbe": {**ready, "periodSeconds": 5, "failureThreshold": 60, "timeoutSeconds": 3},
        "readinessProbe": {**ready, "periodSeconds": 10, "timeoutSeconds": 3},
        "livenessProbe": {
            "httpGet": {"path": "/healthz?js-enabled-only=true", "port": "monitor"},
            "periodSeconds": 30,
            "timeoutSeconds": 5,
        },
        "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
        "securityContext": _BOX,
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "conf", "mountPath": "/etc/nats"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def broker() -> list[Json]:
    """Return the NATS cluster of three."""
    ports = {"client": 4222, "cluster": 6222, "monitor": 8222}
    volumes = [{"name": "conf", "configMap": {"name": "nats"}}, {"name": "tmp", "emptyDir": {}}]
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}},
    }
    spec = {
        "serviceName": "nats-headless",
        "replicas": nats.PEERS,
        "podManagementPolicy": "Parallel",
        "selector": matches("nats"),
        "template": {
            "metadata": {"labels": labels("nats")},
            "spec": _pod("nats", _broker_box(ports), volumes, grace=60),
        },
        "volumeClaimTemplates": [claim],
    }
    listed = [{"name": key, "port": value} for key, value in ports.items()]
    headless = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": matches("nats")["matchLabels"],
    }
    budget = {"maxUnavailable": 1, "selector": matches("nats")}
    conf = thing("v1", "ConfigMap", "nats", data={"nats.conf": nats.clustered()})
    return [
        conf,
        thing("v1", "Service", "nats-headless", spec={**headless, "ports": listed}),
        thing(
            "v1", "Service", "nats", spec={"selector": matches("nats")["matchLabels"], "ports": listed[:1]}
        ),
        thing("apps/v1", "StatefulSet", "nats", spec=spec),
        thing("policy/v1", "PodDisruptionBudget", "nats", spec=budget),
    ]


def scaling() -> Json:
    """Return KEDA's scaling of trainers: one per job in the queue or fitted, over all kinds; none when idle.

    The queue holds a part of a backlog that grows with the replicas at work (``shared/queueing/shares.py``).
    """
    triggers = [
        {
            "type": "nats-jetstream",
            "name": kind,
            "metricType": "AverageValue",
            "metadata": {
                "natsServerMonitoringEndpoint": MONITORING,
                "account": "$G",
                "stream": "JOBS",
                "consumer": work_consumer(kind),
                "lagThreshold": "1",
            },
        }
        for kind in KINDS
    ]
    behavior = {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Pods", "value": 5, "periodSeconds": 30}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 600,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        },
    }
    spec = {
        "scaleTargetRef": {"name": "trainer"},
        "pollingInterval": 15,
        "cooldownPeriod": 300,
        "minReplicaCount": 0,
        "maxReplicaCount": 20,
        "fallback": {"failureThreshold": 4, "replicas": 2, "behavior": "currentReplicasIfHigher"},
        "advanced": {
            "scalingModifiers": {
                "formula": " + ".join(KINDS),
                "target": "1",
                "activationTarget": "0",
                "metricType": "AverageValue",
            },
            "horizontalPodAutoscalerConfig": {"behavior": behavior},
        },
        "triggers": triggers,
    }
    return thing("keda.sh/v1alpha1", "ScaledObject", "trainer", spec=spec)
