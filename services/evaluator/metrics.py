"""What the evaluator counts: forecasts' skill and coverage, runs, repairs, and how long the queue is."""

import asyncio
import json
from datetime import UTC, datetime

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.evaluator.core.monitoring import ForecastScore
from shared.cancellation import heeding
from shared.contracts.kinds import ENSEMBLE, KINDS, Kind
from shared.messaging.streams import work_consumer
from shared.storage.rows import RunRow

log = structlog.get_logger()

_TIMEOUT = 2.0
_RUN_SECONDS = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)
_SKILL = (-1.0, -0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
WATCHED_LEVEL = 95.0
_COVERAGE = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0)


class ForecastMetrics:
    """What became of runs and of their models' forecasts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Histogram(
            "trainyard_run_seconds",
            "Seconds from a run's start to its end",
            ["status"],
            registry=registry,
            buckets=_RUN_SECONDS,
        )
        self._skill = Histogram(
            "trainyard_forecast_skill_ratio",
            "1 - loss / loss of seasonal naive, on test",
            ["kind"],
            registry=registry,
            buckets=_SKILL,
        )
        self._coverage = Histogram(
            "trainyard_forecast_coverage_ratio",
            "Share of test values inside the widest prediction intervals (level 0.95)",
            ["kind"],
            registry=registry,
            buckets=_COVERAGE,
        )
        self._live_skill = Histogram(
            "trainyard_live_forecast_skill_ratio",
            "1 - mean absolute error / that of the seasonal naive, per forecast when its truth arrived",
            ["kind"],
            registry=registry,
            buckets=_SKILL,
        )
        self._live_coverage = Histogram(
            "trainyard_live_forecast_coverage_ratio",
            "Share of true values inside the intervals of level 95, per forecast when its truth arrived",
            ["kind"],
            registry=registry,
            buckets=_COVERAGE,
        )
        self.announced = Counter(
            "trainyard_reconciler_announced", "Messages the reconciler had to say again", registry=registry
        )
        for status in ("completed", "failed", "cancelled"):
            self._runs.labels(status)
        for kind in (*KINDS, ENSEMBLE):
            self._skill.labels(kind)
            self._coverage.labels(kind)
            self._live_skill.labels(kind)
            self._live_coverage.labels(kind)

    def run_closed(self, run: RunRow) -> None:
        """Count a run that has just been closed."""
        if run.started_at and run.finished_at:
            self._runs.labels(run.status).observe((run.finished_at - run.started_at).total_seconds())

    def covered(self, kind: str, share: float | None) -> None:
        """Count which share of a model's test values its intervals hold."""
        if share is not None:
            self._coverage.labels(kind).observe(share)

    def arrived(self, kind: str, score: ForecastScore) -> None:
        """Count a forecast all of whose truth has arrived."""
        for target in score.targets:
            if target.skill is not None:
                self._live_skill.labels(kind).observe(target.skill)
            for one in target.coverage:
                if one.level == WATCHED_LEVEL and one.n:
                    self._live_coverage.labels(kind).observe(one.inside / one.n)

    def leaderboard(self, rows: object) -> None:
        """Count the skill of every model of a verdict's leaderboard."""
        for row in rows if isinstance(rows, list) else ():
            kind, skill = (row.get("kind"), row.get("skill")) if isinstance(row, dict) else (None, None)
            if kind in (*KINDS, ENSEMBLE) and isinstance(skill, float):
                self._skill.labels(kind).observe(skill)


class QueueDepth:
    """How many jobs of each kind wait or run, and how old the oldest is, asked of the broker."""

    def __init__(self, client: Client, registry: CollectorRegistry, *, every: float = 10.0) -> None:
        self._client, self._every = client, every
        self._jobs = Gauge(
            "trainyard_queue_jobs", "Jobs in the work queue", ["kind", "state"], registry=registry
        )
        self._oldest = Gauge(
            "trainyard_queue_oldest_seconds",
            "Age of the oldest job in the queue",
            ["kind"],
            registry=registry,
        )
        for kind in KINDS:
            self._oldest.labels(kind)
            for state in ("waiting", "running"):
                self._jobs.labels(kind, state)

    async def watch(self) -> None:
        """Ask for ever; while the broker is away the last numbers stand."""
        heed = heeding()
        while True:
            heed()
            try:
                for kind in KINDS:
                    await self.ask(kind)
            except (NatsError, TimeoutError, ConnectionError, KeyError, ValueError) as error:
                log.debug("queue not measured", reason=type(error).__name__)
            await asyncio.sleep(self._every)

    async def ask(self, kind: Kind) -> None:
        """Measure the queue of one kind."""
        consumer = f"$JS.API.CONSUMER.INFO.JOBS.{work_consumer(kind)}"
        info = await self._client.request(consumer, b"", timeout=_TIMEOUT)
        found = json.loads(info.data)
        self._jobs.labels(kind, "waiting").set(found["num_pending"])
        self._jobs.labels(kind, "running").set(found["num_ack_pending"])
        first = json.dumps({"seq": 1, "next_by_subj": f"jobs.train.{kind}.*.*"}).encode()
        oldest = await self._client.request("$JS.API.DIRECT.GET.JOBS", first, timeout=_TIMEOUT)
        stored = (oldest.headers or {}).get("Nats-Time-Stamp")
        age = datetime.now(UTC) - datetime.fromisoformat(stored) if stored else None
        self._oldest.labels(kind).set(age.total_seconds() if age else 0.0)
