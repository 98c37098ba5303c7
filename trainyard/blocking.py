"""The SDK for code without an event loop: every call waits for its answer."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from anyio.from_thread import start_blocking_portal
from pydantic import JsonValue

from shared.contracts.kinds import ModelSpec
from shared.contracts.specs import DatasetSpec, Role
from trainyard.client import AsyncClient
from trainyard.forecasting import Future
from trainyard.responses import (
    Backtest,
    Forecast,
    ForecastSummary,
    Importance,
    Live,
    ModelVersion,
    Monitoring,
    Run,
    RunResults,
    RunStatus,
    Series,
    UploadedFile,
    Versions,
)

T = TypeVar("T")


async def _next(events: AsyncIterator[Live]) -> Live | None:
    return await anext(events, None)


class Client:
    """``AsyncClient`` behind a portal: a loop of its own, in a thread of its own."""

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 60.0) -> None:
        self._opened = ExitStack()
        self._portal = self._opened.enter_context(start_blocking_portal())
        self._async = AsyncClient(url, token=token, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._wait(self._async.close())
        self._opened.close()

    def create_session(self, name: str = "") -> str:
        """Open a session and return its id."""
        return self._wait(self._async.create_session(name))

    def upload(
        self,
        session_id: str,
        source: Path | bytes,
        *,
        role: Role,
        name: str | None = None,
        options: Mapping[str, JsonValue] | None = None,
        on_bytes: Callable[[int, int], None] | None = None,
        timeout: float = 300.0,
    ) -> UploadedFile:
        """Send a file and wait until it is checked; see ``AsyncClient.upload``."""
        return self._wait(
            self._async.upload(
                session_id, source, role=role, name=name, options=options, on_bytes=on_bytes, timeout=timeout
            )
        )

    def answer(
        self, session_id: str, file_id: str, options: Mapping[str, JsonValue], *, timeout: float = 300.0
    ) -> UploadedFile:
        """Answer the question a file was rejected with; see ``AsyncClient.answer``."""
        return self._wait(self._async.answer(session_id, file_id, options, timeout=timeout))

    def files(self, session_id: str) -> list[UploadedFile]:
        """Return the session's files."""
        return self._wait(self._async.files(session_id))

    def series(self, session_id: str) -> list[Series]:
        """Return every checked series of the session."""
        return self._wait(self._async.series(session_id))

    def run(
        self,
        session_id: str,
        dataset: DatasetSpec,
        models: Sequence[ModelSpec],
        *,
        metric: str = "rmse",
        ensemble: bool = True,
        idempotency_key: str | None = None,
    ) -> Run:
        """Build the data set and train the models on it; return at once."""
        return self._wait(
            self._async.run(
                session_id,
                dataset,
                models,
                metric=metric,
                ensemble=ensemble,
                idempotency_key=idempotency_key,
            )
        )

    def status(self, session_id: str, *, run_id: str | None = None) -> RunStatus:
        """Return how far a run is, by default the newest that is no backtest."""
        return self._wait(self._async.status(session_id, run_id=run_id))

    def results(self, session_id: str, *, run_id: str | None = None) -> RunResults:
        """Return the scores and the leaderboard of a run, by default the newest."""
        return self._wait(self._async.results(session_id, run_id=run_id))

    def importance(
        self, session_id: str, *, run_id: str | None = None, job_id: str | None = None, seed: int = 0
    ) -> Importance:
        """Return what a model relies on; see ``AsyncClient.importance``."""
        return self._wait(self._async.importance(session_id, run_id=run_id, job_id=job_id, seed=seed))

    def backtest(
        self,
        session_id: str,
        *,
        run_id: str | None = None,
        models: Sequence[str | ModelSpec] | None = None,
        n_folds: int = 4,
        refit: bool = True,
        test_windows: int | None = None,
        window: Literal["expanding", "sliding"] = "expanding",
        metric: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Put the models of a finished run to the test at several cutoffs; see ``AsyncClient.backtest``."""
        return self._wait(
            self._async.backtest(
                session_id,
                run_id=run_id,
                models=models,
                n_folds=n_folds,
                refit=refit,
                test_windows=test_windows,
                window=window,
                metric=metric,
                idempotency_key=idempotency_key,
            )
        )

    def backtest_results(self, session_id: str, *, run_id: str | None = None) -> Backtest:
        """Return a backtest, by default the newest: its cutoffs, and every model on every fold."""
        return self._wait(self._async.backtest_results(session_id, run_id=run_id))

    def forecast(
        self,
        session_id: str,
        *,
        model: str = "champion",
        run_id: str | None = None,
        at: datetime | None = None,
        as_of: datetime | None = None,
        horizon: float | None = None,
        future: Future | None = None,
        intervals: Sequence[float] = (50, 80, 95),
    ) -> Forecast:
        """Return tomorrow's numbers; see ``AsyncClient.forecast``."""
        return self._wait(
            self._async.forecast(
                session_id,
                model=model,
                run_id=run_id,
                at=at,
                as_of=as_of,
                horizon=horizon,
                future=future,
                intervals=intervals,
            )
        )

    def extend(
        self,
        file_id: str,
        rows: str | Sequence[Mapping[str, JsonValue]],
        *,
        available_at: datetime | None = None,
        trust_values: bool = False,
    ) -> dict[str, Any]:
        """Add rows to a file; see ``AsyncClient.extend``."""
        return self._wait(
            self._async.extend(file_id, rows, available_at=available_at, trust_values=trust_values)
        )

    def forecasts(self, session_id: str, *, limit: int = 100) -> list[ForecastSummary]:
        """Return the session's forecasts, newest first."""
        return self._wait(self._async.forecasts(session_id, limit=limit))

    def schedule(
        self,
        session_id: str,
        *,
        at: str,
        timezone: str,
        action: Literal["forecast", "retrain"] = "forecast",
        day_of_month: int | None = None,
        condition: Literal["always", "skill_below_zero"] = "always",
        model: str = "champion",
        webhook_url: str | None = None,
    ) -> dict[str, Any]:
        """Do something at a local time; see ``AsyncClient.schedule``."""
        return self._wait(
            self._async.schedule(
                session_id, at=at, timezone=timezone, action=action, day_of_month=day_of_month,
                condition=condition, model=model, webhook_url=webhook_url,
            )
        )  # fmt: skip

    def schedules(self, session_id: str) -> dict[str, Any]:
        """Return the session's schedules and what became of their due times."""
        return self._wait(self._async.schedules(session_id))

    def pause_schedule(self, session_id: str, schedule_id: str, *, paused: bool = True) -> dict[str, Any]:
        """Pause a schedule, or let it go on with its next due time."""
        return self._wait(self._async.pause_schedule(session_id, schedule_id, paused=paused))

    def unschedule(self, session_id: str, schedule_id: str) -> None:
        """Remove a schedule."""
        self._wait(self._async.unschedule(session_id, schedule_id))

    def monitoring(
        self, session_id: str, *, model: str | None = None, last: int = 30, drift_days: float = 14
    ) -> Monitoring:
        """Return how forecasts met their truth; see ``AsyncClient.monitoring``."""
        return self._wait(self._async.monitoring(session_id, model=model, last=last, drift_days=drift_days))

    def forecast_template(self, session_id: str, *, model: str = "champion") -> dict[str, JsonValue]:
        """Return the stamps and columns a forecast needs that are known in advance."""
        return self._wait(self._async.forecast_template(session_id, model=model))

    def models(self, session_id: str) -> Versions:
        """Return the registered models, newest first, and the log of promotions."""
        return self._wait(self._async.models(session_id))

    def register(self, session_id: str, *, model: str = "best", run_id: str | None = None) -> ModelVersion:
        """Give a finished model a version, as a candidate."""
        return self._wait(self._async.register(session_id, model=model, run_id=run_id))

    def promote(
        self,
        session_id: str,
        *,
        version: int | None = None,
        model: str | None = None,
        run_id: str | None = None,
        reason: str = "",
        days: int | None = None,
        level: float = 0.05,
    ) -> Versions:
        """Make a version champion; see ``AsyncClient.promote``."""
        return self._wait(
            self._async.promote(
                session_id,
                version=version,
                model=model,
                run_id=run_id,
                reason=reason,
                days=days,
                level=level,
            )
        )

    def promote_by_rule(self, session_id: str, *, days: int | None = 14, level: float = 0.05) -> Versions:
        """Promote the newest run's best model by itself; see ``AsyncClient.promote_by_rule``."""
        return self._wait(self._async.promote_by_rule(session_id, days=days, level=level))

    def manifest(self, session_id: str, version: int) -> dict[str, Any]:
        """Return the signed manifest of a version, a DSSE envelope."""
        return self._wait(self._async.manifest(session_id, version))

    def signing_key(self) -> dict[str, Any]:
        """Return the public key manifests are signed with, and its id."""
        return self._wait(self._async.signing_key())

    def rollback(self, session_id: str, *, reason: str = "") -> Versions:
        """Make the champion before the present one champion again."""
        return self._wait(self._async.rollback(session_id, reason=reason))

    def retire(self, session_id: str, version: int, *, reason: str = "") -> Versions:
        """Retire a version that is not the champion."""
        return self._wait(self._async.retire(session_id, version, reason=reason))

    def cancel(self, session_id: str, *, run_id: str | None = None, job_id: str | None = None) -> None:
        """Stop a run, or one model of it."""
        self._wait(self._async.cancel(session_id, run_id=run_id, job_id=job_id))

    def download(self, session_id: str, target: Path, *, run_id: str | None = None) -> Path:
        """Save the results archive of a run to a file."""
        return self._wait(self._async.download(session_id, target, run_id=run_id))

    def watch(
        self, session_id: str, run_id: str, *, after: int = 0, until: str = "run.finished"
    ) -> Iterator[Live]:
        """Yield the events of a run until it is finished, or until another type of event."""
        events = self._async.watch(session_id, run_id, after=after, until=until)
        while (event := self._wait(_next(events))) is not None:
            yield event

    def wait(self, session_id: str, run_id: str, *, timeout: float = 3600.0) -> RunResults:
        """Wait until a run is over and return its results."""
        return self._wait(self._async.wait(session_id, run_id, timeout=timeout))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        async def working() -> T:
            return await work

        return self._portal.call(working)
