"""The metrics of a whole platform on one machine, as one text: for a single user who asks the gateway."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from services.gateway.settings import GatewaySettings, is_loopback

_PATIENCE_S = 2.0
_OWN = "gateway"


class LocalMetrics:
    """What every process beside this gateway tells, each line with the label ``service``.

    A gateway with identities, or one that others reach, tells nothing on its public port: Prometheus asks
    the health port of every process there.
    """

    def __init__(self, registry: CollectorRegistry, settings: GatewaySettings) -> None:
        alone = settings.single_user and is_loopback(settings.host)
        self._registry = registry
        self._folder = settings.port_file.parent if alone and settings.port_file else None

    @property
    def told(self) -> bool:
        """Whether this gateway tells them at all."""
        return self._folder is not None

    async def text(self) -> bytes:
        """Return all of them in Prometheus' text format; a process that does not answer is left out."""
        addresses = _addresses(self._folder) if self._folder else {}
        async with httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False) as http:
            answers = await asyncio.gather(
                *(http.get(url) for url in addresses.values()), return_exceptions=True
            )
        texts = {_OWN: generate_latest(self._registry).decode()}
        for service, answer in zip(addresses, answers, strict=True):
            if isinstance(answer, httpx.Response) and answer.is_success:
                texts[service] = answer.text
        return merged(texts)


def merged(texts: Mapping[str, str]) -> bytes:
    """Return the metrics of several processes as one text, by the label ``service``.

    >>> print(merged({"a": "x 1.0\\n", "b": "x 2.0\\n"}).decode().splitlines()[-1])
    x{service="b"} 2.0
    """
    families: dict[str, Metric] = {}
    for service, text in texts.items():
        for family in text_string_to_metric_families(text):
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            known.samples += [
                sample._replace(labels={"service": service, **sample.labels}) for sample in family.samples
            ]
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Mapping[str, Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families.values()


def _addresses(folder: Path) -> dict[str, str]:
    """Return where the other processes of a platform tell their metrics, by service."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.port")):
        service = file.name.removesuffix(".port")
        if service.removesuffix(".health") == _OWN:
            continue
        try:
            found[service] = f"http://127.0.0.1:{int(file.read_text())}/metrics"
        except (OSError, ValueError):  # it starts just now
            continue
    return found
