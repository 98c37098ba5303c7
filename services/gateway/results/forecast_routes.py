"""Forecasts of the test part beside the truth, one window at a time."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, JsonValue

from services.gateway.context import RecordsDep, Session, WorkersDep
from services.gateway.http.wire import Answer
from services.gateway.results.routes import RunId
from services.gateway.runs.lifecycle import find_run

router = APIRouter(tags=["results"])
Milliseconds = Annotated[list[int], Field(description="Unix milliseconds")]
Values = list[float | None]


class Band(BaseModel):
    """A prediction interval: so large a share of true values is expected inside."""

    level: float
    lower: Values
    upper: Values


class ForecastOutput(BaseModel):
    """One output of one window, in its own unit."""

    name: str
    times: Milliseconds
    actual: Values
    forecast: Values
    bands: list[Band]
    past_times: Milliseconds
    past: Values = Field(description="what the model saw of it; empty where its own past is no input")


class ForecastWindow(Answer):
    """One window of the test part: what was known, what was forecast, what came."""

    run_id: str
    job_id: str
    label: str
    window: int
    n_windows: int
    reference_ms: int
    first_reference_ms: int
    last_reference_ms: int
    outputs: list[ForecastOutput]


@router.get("/test-forecasts/{sid}")
async def forecasts(
    records: RecordsDep,
    workers: WorkersDep,
    session: Session,
    run_id: RunId = None,
    job_id: Annotated[str | None, Query(description="default: the best model", max_length=64)] = None,
    window: Annotated[int | None, Query(ge=0, description="number in the test part")] = None,
    at_ms: Annotated[
        int | None, Query(description="instead: the first window at or after this time, Unix milliseconds")
    ] = None,
) -> ForecastWindow:
    """Return one test window of a model: its past, the truth, the forecast and its bands."""
    run = await find_run(records, session, run_id)
    about: dict[str, JsonValue] = {
        "session_id": session.id,
        "run_id": run.id,
        "job_id": job_id,
        "window": window,
        "at_ms": at_ms,
    }
    return ForecastWindow(run_id=run.id, **await workers.ask("evaluator.window", about))
