"""What the evaluator does when a model is done, when a run may be over, and when a message is dead."""

import asyncio
from functools import partial
from typing import Annotated, Literal

import structlog
from faststream import Context
from faststream.nats import NatsMessage

from services.evaluator.core.backtest import score_folds
from services.evaluator.core.intervals import judge_intervals
from services.evaluator.core.scores import Scores, score
from services.evaluator.core.user_log import log_line
from services.evaluator.core.verdict import reach_verdict
from services.evaluator.dead_letters import DeadLetter, DeadLetters, Exhausted, read_event
from services.evaluator.metrics import ForecastMetrics
from services.evaluator.monitoring import ChallengeQuestion, LedgerMonitoring, MonitoringQuestion
from services.evaluator.ports import Ensembles, Results, RunState, ScoringContext, UserLog, Verdicts
from services.evaluator.questions import Json, PictureQuestion, PlotQuestion, draw_plot, picture
from services.evaluator.report import ReportWriter
from services.evaluator.shown_windows import ShownWindows, WindowQuestion
from shared.contracts.backtest import BacktestPart
from shared.contracts.base import Event, Message
from shared.contracts.events import (
    DatasetFailed,
    ForecastsScored,
    ModelDone,
    ModelEvaluated,
    RowsArrived,
    RunFinished,
    RunReported,
)
from shared.contracts.problems import Problem
from shared.errors import InvalidInput, SessionNotFound
from shared.messaging.broker import Reactions
from shared.messaging.streams import CHRONICLE, EVERY_EVENT
from shared.scoring.adaptive import adaptive_intervals
from shared.scoring.forecasts import Forecast
from shared.storage.announcements import model_done, run_finished
from shared.storage.rows import LIVE_RUN, RunRow

reactions = Reactions()
log = structlog.get_logger()

ResultsIn = Annotated[Results, Context("results")]
VerdictsIn = Annotated[Verdicts, Context("verdicts")]
EnsemblesIn = Annotated[Ensembles, Context("ensembles")]
ReporterIn = Annotated[ReportWriter, Context("reporter")]
ChronicleIn = Annotated[UserLog, Context("chronicle")]
ShownWindowsIn = Annotated[ShownWindows, Context("shown_windows")]
MetricsIn = Annotated[ForecastMetrics, Context("metrics")]
MonitoringIn = Annotated[LedgerMonitoring, Context("monitoring")]
DeadLettersIn = Annotated[DeadLetters, Context("dead_letters")]


@reactions.on(ModelDone, durable="evaluator-model-done")
async def evaluate(
    event: ModelDone, results: ResultsIn, verdicts: VerdictsIn, ensembles: EnsemblesIn, metrics: MetricsIn
) -> ModelEvaluated | ModelDone | RunFinished | None:
    """Score a finished model; one that failed or was cancelled may still end its run.

    A trial has no scores but the one its search goes by.
    """
    job = await results.job(event.job_id)
    if job is None:
        return None
    if job.trial or job.status != "finished":
        return await close_if_over(event, job.run_id, verdicts, ensembles, metrics)
    forecast, context = await results.forecast(job), await results.scoring_context(job)
    validation, test, folds, covered = await asyncio.to_thread(_score_parts, forecast, context, job.backtest)
    result = await results.save(job, validation, test, folds)
    metrics.covered(job.kind, covered)
    log.info("model evaluated", kind=job.kind, **{k: result.headline.get(k) for k in ("rmse", "mae")})
    return ModelEvaluated.caused_by(
        event, run_id=job.run_id, job_id=job.id, kind=job.kind, label=job.label, headline=result.headline
    )


@reactions.on(ModelEvaluated, durable="evaluator-model-evaluated")
async def close_run(
    event: ModelEvaluated, verdicts: VerdictsIn, ensembles: EnsemblesIn, metrics: MetricsIn
) -> ModelDone | RunFinished | None:
    """After the run's last model: average the models, and close the run after that."""
    return await close_if_over(event, event.run_id or "", verdicts, ensembles, metrics)


@reactions.on(RunFinished, durable="evaluator-run-finished")
async def report(event: RunFinished, verdicts: VerdictsIn, reporter: ReporterIn) -> RunReported | None:
    """Write the report of a closed run, or say why there is none; how it ended was said before."""
    state = await verdicts.state(event.run_id or "")
    if state is None or not state.results:
        return None
    try:
        plots = await reporter.report(state)
    except SessionNotFound:
        raise
    except InvalidInput as error:  # stored bytes are damaged, most likely
        log.error("no report", code=error.code, reason=error.message)
        await reporter.give_up(state.run, error.problem())
        return RunReported.caused_by(event, problem=error.problem())
    log.info("run reported", n_plots=len(plots))
    return RunReported.caused_by(event, plots=plots)


@reactions.on(DatasetFailed, durable="evaluator-dataset-failed")
async def fail_runs(event: DatasetFailed, verdicts: VerdictsIn) -> list[RunFinished]:
    """End every run that waited for a data set there will never be."""
    waiting = await verdicts.waiting_for(event.dataset_id)
    return [await _fail(event, run, event.problem, verdicts) for run in waiting]


@reactions.on(RowsArrived, durable="evaluator-rows-arrived")
async def score_forecasts(event: RowsArrived, monitoring: MonitoringIn) -> ForecastsScored | None:
    """Score the session's forecasts that the rows are the truth of."""
    n_forecasts = await monitoring.score(event.session_id, since=event.since)
    if not n_forecasts:
        return None
    log.info("forecasts scored", n_forecasts=n_forecasts)
    return ForecastsScored.caused_by(
        event, file_id=event.file_id, version=event.version, n_forecasts=n_forecasts
    )


@reactions.on_question("evaluator.monitoring")
async def monitor(question: MonitoringQuestion, monitoring: MonitoringIn) -> Json:
    """Return how the models of a session do since they forecast."""
    return await monitoring.report(question)


@reactions.on_question("evaluator.challenge")
async def challenge(question: ChallengeQuestion, monitoring: MonitoringIn) -> Json:
    """Return when, or how, a candidate and the champion compare on the last days' truth."""
    return await monitoring.challenge(question)


@reactions.on_subject(EVERY_EVENT, stream="EVT", durable=CHRONICLE)
async def write_log(message: NatsMessage, chronicle: ChronicleIn) -> None:
    """Tell the session's user what happened."""
    event = read_event(message.raw_message.subject, message.body)
    line = log_line(event) if event else None
    if event and line:
        await chronicle.note(event, *line)


@reactions.on_question("evaluator.plot")
async def plot(question: PlotQuestion, results: ResultsIn) -> Json:
    """Draw chosen or random test windows."""
    return await draw_plot(question, results)


@reactions.on_question("evaluator.picture")
async def dark(question: PictureQuestion, results: ResultsIn, reporter: ReporterIn) -> Json:
    """Draw a plot of a report in another theme, once."""
    return await picture(question, results, reporter)


@reactions.on_question("evaluator.window")
async def window(question: WindowQuestion, shown: ShownWindowsIn) -> Json:
    """Return one test window as numbers: past, truth, forecast, bands."""
    return await shown.show(question)


@reactions.on_subject("dlq.>", stream="DLQ", durable="evaluator-dead-letters")
async def dead_letter(letter: DeadLetter, dead_letters: DeadLettersIn) -> list[Message]:
    """Keep a message nobody could handle, and mark what it was about as failed."""
    return await dead_letters.handle(letter)


@reactions.on_subject(
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", stream="DLQ", durable="evaluator-exhausted"
)
async def dead_letter_exhausted(advisory: Exhausted, dead_letters: DeadLettersIn) -> list[Message]:
    """The same for a message whose every delivery ended in a crash."""
    return await dead_letters.handle_exhausted(advisory)


async def close_if_over(
    cause: Event, run_id: str, verdicts: Verdicts, ensembles: Ensembles, metrics: ForecastMetrics
) -> ModelDone | RunFinished | None:
    """Bring a run all of whose jobs have ended to its end: average its models, then close it.

    The average is a model like any other: it is said to be done, and the run is over once it is scored. Every
    step finds out from the ledger what is left to do, so it may be repeated; what was said is said again.
    """
    state = await verdicts.state(run_id)
    if state is None:
        return None
    if state.unbuilt:  # the data set failed before the run was there to be told
        return await _fail(cause, state.run, state.unbuilt, verdicts)
    made = state.ensemble()
    if made and made.status == "finished" and made.id not in state.results:
        return model_done(cause, made)
    if not state.is_over():
        return None
    if made or state.run.status not in LIVE_RUN:
        return await _close(cause, state, verdicts, metrics)
    try:
        return model_done(cause, await ensembles.make(state))
    except InvalidInput as error:
        log.info("no average of models", run_id=run_id, code=error.code, reason=error.message)
        return await _close(cause, state, verdicts, metrics, no_ensemble=error.message)


async def _fail(cause: Event, run: RunRow, problem: Problem, verdicts: Verdicts) -> RunFinished:
    """End a run that waited for a data set there will never be; asked to stop, it is cancelled."""
    status: Literal["cancelled", "failed"] = "cancelled" if run.cancel_requested else "failed"
    why = None if run.cancel_requested else problem
    closed = await verdicts.close(run, status, verdict={}, best_job_id=None, problem=why)
    return run_finished(cause, closed, best_label=None)


async def _close(
    cause: Event,
    state: RunState,
    verdicts: Verdicts,
    metrics: ForecastMetrics,
    *,
    no_ensemble: str | None = None,
) -> RunFinished:
    """Close a run, or find it closed, and say how it ended."""
    run = state.run
    if run.status in LIVE_RUN:
        verdict = reach_verdict(
            state.jobs,
            state.results,
            metric=run.metric,
            cancelled=run.cancel_requested,
            folds=run.backtest.folds if run.backtest else (),
            no_ensemble=no_ensemble,
        )
        log.info("run finished", run_id=run.id, status=verdict.status, best=verdict.best_label)
        run = await verdicts.close(
            run,
            verdict.status,
            verdict=verdict.leaderboard,
            best_job_id=verdict.best_job_id,
            problem=verdict.problem,
        )
        metrics.run_closed(run)
        metrics.leaderboard(verdict.leaderboard.get("rows"))
    labels = {job.id: job.backtest.model if job.backtest else job.label for job in state.jobs}
    return run_finished(cause, run, best_label=labels.get(run.best_job_id or ""))


def _score_parts(
    forecast: Forecast, context: ScoringContext, backtest: BacktestPart | None
) -> tuple[Scores, Scores, tuple[Scores, ...], float | None]:
    """Return the scores on validation, on test, and on each fold of a job that forecasts several.

    The last is the share of test values inside the intervals of a job that forecasts one part, or None.
    """
    scored = partial(score, y_train=context.y_train, delta_minutes=context.delta_minutes, names=context.names)
    folds = score_folds(forecast.test, backtest, scored)
    if folds:
        return scored(forecast.validation), scored(forecast.test), folds, None
    judged = judge_intervals(adaptive_intervals(forecast, context.offset_hours), forecast.test)
    test = scored(forecast.test, quantile_loss=judged.quantile_loss())
    return scored(forecast.validation), test, (), judged.covered_share()
