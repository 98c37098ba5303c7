"""What delivery counts: how each message ended by durable, problems by category and code, dead letters."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter

from shared.contracts.problems import Category, Problem
from shared.errors import TrainyardError
from shared.messaging.permissions import SERVICES, durables_of

OUTCOMES = ("acknowledged", "handed_back", "failed", "dead")
OTHER = "OTHER"


def known_codes() -> Iterator[tuple[str, Category]]:
    """Yield every code this process can raise, with its category."""
    waiting = list(TrainyardError.__subclasses__())
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        yield error.code, error.category


class ProblemCounter:
    """Problems told to users or met on the way, by category and code: only codes of our own classes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counter = Counter(
            "trainyard_problems", "Problems by category and code", ["category", "code"], registry=registry
        )
        self._codes = {code for code, _ in known_codes()}
        for code, category in known_codes():
            self._counter.labels(category.value, code)
        for category in Category:
            self._counter.labels(category.value, OTHER)

    def count(self, problem: Problem | None) -> None:
        """Count a problem, if there is one."""
        if problem is not None:
            code = problem.code if problem.code in self._codes else OTHER
            self._counter.labels(problem.category.value, code).inc()


class DeliveryMetrics:
    """How messages ended, by the durable they came through."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self.problems = ProblemCounter(registry)
        self._ended = Counter(
            "trainyard_deliveries", "Messages by how they ended", ["durable", "outcome"], registry=registry
        )
        self._dead = Counter(
            "trainyard_dead_letters", "Messages given up here", ["stream"], registry=registry
        )
        self._known = {name: stream for s in SERVICES if s == service for stream, name in durables_of(s)}
        for durable, stream in self._known.items():
            self._dead.labels(stream)
            for outcome in OUTCOMES:
                self._ended.labels(durable, outcome)

    def ended(self, durable: str, outcome: str) -> None:
        """Count one message; a durable that is none of the service's own counts as ``OTHER``."""
        self._ended.labels(durable if durable in self._known else OTHER, outcome).inc()
        if outcome == "dead":
            self._dead.labels(self._known.get(durable, OTHER)).inc()
