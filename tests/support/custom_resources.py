"""Strict schemas of the custom resources in deploy/k8s, written from their public API references.

Kubernetes' own schemas do not know them. A field that is not named here is refused, as the API server refuses
an unknown field under strict validation.
"""

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
WHOLE: Schema = {"type": "integer", "minimum": 0}
DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(h|m|s|ms))+$"}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def only(required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    """Return an object with these fields and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": fields,
        "required": list(required),
    }


def many(item: Schema, *, at_least: int = 1, at_most: int = 1000) -> Schema:
    """Return a list of at least one."""
    return {"type": "array", "items": item, "minItems": at_least, "maxItems": at_most}


def one_of(*values: str) -> Schema:
    """Return a choice of words."""
    return {"enum": list(values)}


def resource(api: str, kind: str, spec: Schema) -> Schema:
    """Return a namespaced object with a spec."""
    metadata = only(("name",), name=TEXT, namespace=TEXT, labels=LABELS, annotations=LABELS)
    return only(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": api}, kind={"const": kind}, metadata=metadata, spec=spec,
    )  # fmt: skip


_SELECTOR = only(
    matchLabels=LABELS,
    matchExpressions=many(
        only(("key", "operator"), key=TEXT, operator=one_of("In", "NotIn", "Exists", "DoesNotExist"),
             values=many(TEXT))
    ),
)  # fmt: skip
_SCALING_RULES = only(
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
    selectPolicy=one_of("Max", "Min", "Disabled"),
    policies=many(
        only(("type", "value", "periodSeconds"), type=one_of("Pods", "Percent"),
             value={"type": "integer", "minimum": 1},
             periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800})
    ),
)  # fmt: skip
_NATS_TRIGGER = only(
    ("type", "metadata"),
    type={"const": "nats-jetstream"},
    name={"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},  # a variable of the formula
    metricType=one_of("AverageValue", "Value"),
    useCachedMetrics={"type": "boolean"},
    authenticationRef=only(("name",), name=TEXT, kind=TEXT),
    metadata=only(
        ("natsServerMonitoringEndpoint", "account", "stream", "consumer"),
        natsServerMonitoringEndpoint={"type": "string", "pattern": r"^[a-z0-9.-]+:[0-9]+$"},
        account=TEXT, stream=TEXT, consumer=TEXT, useHttps=one_of("true", "false"),
        lagThreshold={"type": "string", "pattern": "^[0-9]+$"},
        activationLagThreshold={"type": "string", "pattern": "^[0-9]+$"},
    ),
)  # fmt: skip
SCALED_OBJECT = resource(
    "keda.sh/v1alpha1", "ScaledObject",
    only(
        ("scaleTargetRef", "triggers"),
        scaleTargetRef=only(("name",), name=TEXT, apiVersion=TEXT, kind=TEXT, envSourceContainerName=TEXT),
        pollingInterval=WHOLE, cooldownPeriod=WHOLE, initialCooldownPeriod=WHOLE,
        idleReplicaCount=WHOLE, minReplicaCount=WHOLE, maxReplicaCount=WHOLE,
        fallback=only(
            ("failureThreshold", "replicas"), failureThreshold=WHOLE, replicas=WHOLE,
            behavior=one_of("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"),
        ),
        advanced=only(
            restoreToOriginalReplicaCount={"type": "boolean"},
            horizontalPodAutoscalerConfig=only(
                name=TEXT, behavior=only(scaleUp=_SCALING_RULES, scaleDown=_SCALING_RULES)
            ),
            scalingModifiers=only(
                formula=TEXT, target={"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
                activationTarget={"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
                metricType=one_of("AverageValue", "Value"),
            ),
        ),
        triggers=many(_NATS_TRIGGER),
    ),
)  # fmt: skip
HTTP_ROUTE = resource(
    "gateway.networking.k8s.io/v1", "HTTPRoute",
    only(
        parentRefs=many(only(("name",), name=TEXT, namespace=TEXT, group=TEXT, kind=TEXT, sectionName=TEXT,
                             port=WHOLE), at_most=32),
        hostnames=many({"type": "string", "pattern": r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$"}, at_most=16),
        rules=many(only(
            name=TEXT,
            matches=many(only(
                path=only(type=one_of("Exact", "PathPrefix", "RegularExpression"),
                          value={"type": "string", "pattern": "^/"}),
                method=TEXT,
            )),
            backendRefs=many(only(("name",), name=TEXT, namespace=TEXT, group={"type": "string"}, kind=TEXT,
                                  port={"type": "integer", "minimum": 1, "maximum": 65535}, weight=WHOLE)),
            timeouts=only(request=DURATION, backendRequest=DURATION),
        ), at_most=16),
    ),
)  # fmt: skip
_RELABELING = only(
    sourceLabels=many({"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}),
    separator=TEXT, targetLabel=TEXT, regex=TEXT, modulus=WHOLE, replacement={"type": "string"},
    action=one_of("replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep"),
)  # fmt: skip
POD_MONITOR = resource(
    "monitoring.coreos.com/v1", "PodMonitor",
    only(
        ("selector",),
        jobLabel=TEXT, podTargetLabels=many(TEXT), sampleLimit=WHOLE,
        namespaceSelector=only(any={"type": "boolean"}, matchNames=many(TEXT)),
        selector=_SELECTOR,
        podMetricsEndpoints=many(only(
            port=TEXT, portNumber=WHOLE, path={"type": "string", "pattern": "^/"},
            scheme=one_of("http", "https"), interval=DURATION, scrapeTimeout=DURATION,
            honorLabels={"type": "boolean"}, honorTimestamps={"type": "boolean"},
            relabelings=many(_RELABELING), metricRelabelings=many(_RELABELING),
        )),
    ),
)  # fmt: skip
_RULE = {
    **only(
        ("expr",), record=TEXT, alert=TEXT, expr=TEXT, keep_firing_for=DURATION,
        labels=LABELS, annotations=LABELS, **{"for": DURATION},
    ),
    "oneOf": [{"required": ["record"]}, {"required": ["alert"]}],
}  # fmt: skip
PROMETHEUS_RULE = resource(
    "monitoring.coreos.com/v1", "PrometheusRule",
    only(groups=many(only(
        ("name",), name=TEXT, interval=DURATION, limit=WHOLE, labels=LABELS,
        partial_response_strategy=one_of("abort", "warn"), rules=many(_RULE),
    ))),
)  # fmt: skip
SCHEMAS = {
    "ScaledObject": SCALED_OBJECT,
    "HTTPRoute": HTTP_ROUTE,
    "PodMonitor": POD_MONITOR,
    "PrometheusRule": PROMETHEUS_RULE,
}
