"""Which manifest lies in which file of deploy/k8s: base, components, overlays."""

from shared.messaging.permissions import USERS
from trainyard.deployment import edges, kubernetes
from trainyard.deployment.kubernetes import HEALTH, SIZES, Json, text, thing

IMAGES = ("gateway", "ingest", "datasets", "trainer", "trainer-gpu", "evaluator", "nats")
VERSION = "0.1.0"
_DROP_REPLICAS = "- {op: remove, path: /spec/replicas}\n"


def kustomization(kind: str, **fields: object) -> Json:
    """Return a ``Kustomization`` or a ``Component``."""
    api = "kustomize.config.k8s.io/v1beta1" if kind == "Kustomization" else "kustomize.config.k8s.io/v1alpha1"
    return {"apiVersion": api, "kind": kind, **fields}


def settings() -> Json:
    """Return what every service is told: addresses and ports; secrets come by reference."""
    data = {
        "TRAINYARD_NATS_URL": "nats://nats:4222",
        "TRAINYARD_STREAM_REPLICAS": "3",
        "TRAINYARD_HEALTH_PORT": str(HEALTH),
        "TRAINYARD_LOG_LEVEL": "INFO",
    }
    return thing("v1", "ConfigMap", "trainyard", data=data)


def files() -> dict[str, str]:
    """Return every file below deploy/k8s with its text."""
    return {f"deploy/k8s/{path}": body for path, body in (_base() | _components() | _overlays()).items()}


def _base() -> dict[str, str]:
    account = thing("v1", "ServiceAccount", "trainyard", automountServiceAccountToken=False)
    written = {f"{name}.yaml": text(*kubernetes.service(name)) for name in SIZES}
    written["nats.yaml"] = text(*kubernetes.broker())
    written["provision.yaml"] = text(kubernetes.provisioning())
    written["common.yaml"] = text(account, settings(), edges.gateway_service())
    index = kustomization("Kustomization", resources=sorted(written))
    return {f"base/{name}": body for name, body in written.items()} | {"base/kustomization.yaml": text(index)}


def _components() -> dict[str, str]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "50Gi"}}}
    # Give every service the one folder: SQLite needs one node, and never a network file system.
    together = (
        "- op: add\n  path: /spec/template/spec/volumes/-\n"
        "  value: {name: data, persistentVolumeClaim: {claimName: data}}\n"
        "- op: add\n  path: /spec/template/spec/containers/0/volumeMounts/-\n"
        "  value: {name: data, mountPath: /data}\n"
        "- op: add\n  path: /spec/template/spec/containers/0/env/-\n"
        "  value: {name: TRAINYARD_DATA_DIR, value: /data}\n"
        "- op: add\n  path: /spec/template/spec/affinity\n"
        "  value: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "[{topologyKey: kubernetes.io/hostname, labelSelector: "
        "{matchLabels: {app.kubernetes.io/part-of: trainyard}}}]}}\n"
    )
    parts: dict[str, tuple[list[Json], list[Json]]] = {
        "keda": ([kubernetes.scaling()], [_unscaled("trainer")]),
        "hpa": ([edges.autoscaler()], [_unscaled("gateway")]),
        "gpu": ([edges.gpu_pool(kubernetes.service("trainer")[0])], []),
        "ingress": ([edges.ingress()], []),
        "gateway-api": ([edges.route()], []),
        "network-policies": (edges.policies(), []),
        "monitoring": (edges.monitoring(), []),
        "embedded-store": (
            [thing("v1", "PersistentVolumeClaim", "data", spec=spec)],
            [{"target": {"kind": "Deployment"}, "patch": together}],
        ),
    }
    written = {}
    for name, (documents, patches) in parts.items():
        fields: dict[str, object] = {"resources": [f"{name}.yaml"]}
        if patches:
            fields["patches"] = patches
        written[f"components/{name}/{name}.yaml"] = text(*documents)
        written[f"components/{name}/kustomization.yaml"] = text(kustomization("Component", **fields))
    return written


def _unscaled(name: str) -> Json:
    """Leave the number of replicas to the scaler."""
    return {"target": {"kind": "Deployment", "name": name}, "patch": _DROP_REPLICAS}


def _overlays() -> dict[str, str]:
    def secret(name: str) -> Json:
        return {"name": name, "envs": [f"{name}.env"]}

    names = ["trainyard-nats", "trainyard-store", "trainyard-gateway"]
    namespace = thing("v1", "Namespace", "trainyard")
    namespace["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    common: dict[str, object] = {"namespace": "trainyard", "resources": ["../../base", "namespace.yaml"]}
    dev = kustomization(
        "Kustomization",
        **common,
        components=[f"../../components/{name}" for name in ("embedded-store", "network-policies")],
        secretGenerator=[secret(name) for name in names],
        generatorOptions={"disableNameSuffixHash": True},
        images=[{"name": f"trainyard/{name}", "newTag": "dev"} for name in IMAGES],
    )
    chosen = ("keda", "hpa", "ingress", "network-policies", "monitoring")
    prod = kustomization(
        "Kustomization",
        **common,
        components=[f"../../components/{name}" for name in chosen],
        replicas=[{"name": name, "count": 2} for name in ("ingest", "datasets", "planner", "evaluator")],
        images=[
            {"name": f"trainyard/{n}", "newName": f"registry.example/trainyard/{n}", "newTag": VERSION}
            for n in IMAGES
        ],
    )
    example = {
        "trainyard-nats": [*(f"NATS_{u.upper()}_PASSWORD=change-me" for u in USERS),
                           "NATS_ROUTE_PASSWORD=change-me"],
        "trainyard-store": ["# with Supabase: TRAINYARD_SUPABASE_URL and TRAINYARD_SUPABASE_KEY",
                            "TRAINYARD_LOG_LEVELS="],
        "trainyard-gateway": ["# HS256 secret of access tokens, or Supabase's publishable key",
                              "TRAINYARD_GATEWAY_JWT_SECRET=change-me-to-32-characters-or-more"],
    }  # fmt: skip
    written = {"dev": dev, "prod": prod}
    overlays = {f"overlays/{name}/kustomization.yaml": text(body) for name, body in written.items()}
    overlays |= {f"overlays/{name}/namespace.yaml": text(namespace) for name in written}
    return overlays | {f"overlays/dev/{name}.env": "\n".join(rows) + "\n" for name, rows in example.items()}
