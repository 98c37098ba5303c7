"""Backtests: a run's models at several cutoffs, started and read."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, ValidationError

from services.gateway.context import RecordsDep, RunDep, Session, WorkersDep
from services.gateway.http.idempotency import IdempotentRoute
from services.gateway.http.wire import Answer, Wire, YesNo, spelled
from services.gateway.models.wire import parameters
from services.gateway.problems import InvalidBacktest, NothingThere, refused_by
from services.gateway.runs.backtests import BacktestView, find_backtest, fold_wire, start_backtest
from services.gateway.runs.routes import IdempotencyKey
from services.gateway.runs.wire import MOST_MODELS
from shared.contracts.backtest import BacktestSpec
from shared.contracts.metrics import RankingMetric
from shared.contracts.problems import Problem
from shared.storage.rows import DatasetRow

router = APIRouter(tags=["backtests"], route_class=IdempotentRoute)


class StartBacktest(Wire):
    """Which models to put to the test, and how often; without any field the newest run's, four times."""

    run_id: str | None = Field(
        None,
        validation_alias=spelled("run_id", "runId"),
        description="the run whose data set and models are meant; default: the newest",
    )
    models: list[str | dict[str, JsonValue]] | None = Field(
        None,
        min_length=1,
        max_length=MOST_MODELS,
        description="models of that run by label or kind, or whole specs; default: all",
    )
    n_folds: int = Field(4, validation_alias=spelled("n_folds", "nFolds", "folds"), description="cutoffs")
    refit: YesNo = Field(True, description="fit anew at every cutoff; false: once, before the first")
    test_windows: int | None = Field(
        None,
        validation_alias=spelled("test_windows", "testWindows"),
        description="windows tested per cutoff; default: as many as the test part, all folds half the data",
    )
    window: Literal["expanding", "sliding"] = Field("expanding", description="what a later fold trains on")
    metric: RankingMetric | None = Field(None, description="ranks the models; default: that of the run")

    def spec(self) -> BacktestSpec:
        """Return the folds that are asked for."""
        names = ("n_folds", "refit", "test_windows", "window")
        try:
            return BacktestSpec.model_validate({name: getattr(self, name) for name in names})
        except ValidationError as error:
            raise refused_by(error, InvalidBacktest) from None


class FoldFacts(BaseModel):
    """One cutoff: its moment in UTC and by the data set's clock, the last one tested, windows per part."""

    fold: int
    cutoff: str
    cutoff_local: str
    last: str
    last_local: str
    n_train: int
    n_validation: int
    n_test: int


class BacktestAnswer(Answer):
    """A backtest: its folds at once, its models when it is over."""

    session_id: str
    run_id: str
    backtest_of: str | None = Field(description="the run whose models it repeats")
    dataset_id: str
    status: str
    metric: str
    n_folds: int
    refit: bool
    window: str
    timezone: str | None
    folds: list[FoldFacts]
    models: list[dict[str, JsonValue]] = Field(description="scores by fold and over all, best first")
    best_model: dict[str, JsonValue] | None
    problem: Problem | None
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None


class BacktestStarted(Answer):
    """A backtest that was written down and asked for."""

    status: str = "backtest_started"
    session_id: str
    run_id: str
    backtest_of: str | None
    dataset_id: str
    folds: list[FoldFacts]
    models: list[dict[str, Any]]


@router.post("/backtest/{sid}", status_code=202)
async def backtest(
    sid: str,
    context: RunDep,
    workers: WorkersDep,
    session: Session,
    body: StartBacktest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> BacktestStarted:
    """Fit a run's models at several cutoffs and forecast what came after each; a run of its own."""
    asked = body or StartBacktest()
    run = await start_backtest(
        context,
        workers,
        session,
        asked.spec(),
        of=asked.run_id,
        wanted=asked.models,
        metric=asked.metric,
        key=idempotency_key,
    )
    return BacktestStarted(
        session_id=sid,
        run_id=run.id,
        backtest_of=run.backtest_of,
        dataset_id=run.dataset_id,
        folds=[FoldFacts(**fold_wire(fold)) for fold in run.backtest.folds] if run.backtest else [],
        models=[parameters(model) for model in run.models],
    )


@router.get("/backtest/{sid}")
async def read_backtest(
    sid: str,
    records: RecordsDep,
    session: Session,
    run_id: Annotated[str | None, Query(description="a backtest, or the run it repeats")] = None,
) -> BacktestAnswer:
    """Return a backtest, by default the newest: its cutoffs, and every model on every fold."""
    run = await find_backtest(records, session, run_id)
    if run.backtest is None:
        raise NothingThere("the run is no backtest", run_id=run.id)
    dataset = await records.get(DatasetRow, run.dataset_id)
    return BacktestAnswer(session_id=sid, **BacktestView(run, run.backtest, dataset).wire())
