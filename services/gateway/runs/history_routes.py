"""Loss curves: of fits under way from the stream, of finished ones as they were stored."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.gateway.context import LiveChannel, LiveDep, ObjectsDep, RecordsDep, Session
from services.gateway.http.wire import Answer
from services.gateway.runs.lifecycle import find_run
from shared.storage.objects import ObjectNotFound, Objects
from shared.storage.rows import JobRow, SessionRow
from shared.storage.verified import digest_in, get_verified

router = APIRouter(tags=["runs"])
_CURVES = ("loss", "val_loss")


class Curve(BaseModel):
    """The losses of one fit by epoch: mean squared error in scaled units; null = not told."""

    job_id: str
    label: str
    epochs: list[int]
    loss: list[float | None]
    val_loss: list[float | None]


class LossHistory(Answer):
    """Every fit of a run that has epochs."""

    run_id: str
    curves: list[Curve]


@router.get("/history/{sid}")
async def history(
    records: RecordsDep,
    objects: ObjectsDep,
    live: LiveDep,
    session: Session,
    run_id: Annotated[str | None, Query(description="default: the newest run")] = None,
) -> LossHistory:
    """Return the loss of every fit of a run, epoch by epoch, also while it goes on."""
    run = await find_run(records, session, run_id)
    every = await records.select(JobRow, {"run_id": run.id}, order="position")
    jobs = [job for job in every if job.trial is None]  # two hundred trials would be no picture
    running = any(job.status == "running" for job in jobs)
    told = await _told(live, session, run.id) if running or run.finished_at is None else {}
    curves = []
    for job in jobs:
        points = await _stored(objects, job) or told.get(job.id, {})
        if points:
            epochs = sorted(points)
            columns: dict[str, Any] = {name: [points[e].get(name) for e in epochs] for name in _CURVES}
            curves.append(Curve(job_id=job.id, label=job.label, epochs=epochs, **columns))
    return LossHistory(run_id=run.id, curves=curves)


async def _told(
    live: LiveChannel, session: SessionRow, run_id: str
) -> dict[str, dict[int, dict[str, float | None]]]:
    """Return what the fits of a run said, by job and epoch; of a fit that began again the newest counts."""
    found: dict[str, dict[int, dict[str, float | None]]] = {}
    async for message in live.history.progress_so_far(session.id, run_id):
        for point in (*(message.data.get("curve") or ()), message.data):
            epoch = point.get("epoch")
            if message.job_id and isinstance(epoch, int):
                losses = {name: point.get(name) for name in _CURVES}
                found.setdefault(message.job_id, {})[epoch] = losses
    return found


async def _stored(objects: Objects, job: JobRow) -> dict[int, dict[str, float | None]]:
    file = job.files.get("history.json")
    if not isinstance(file, dict):
        return {}
    try:
        columns = json.loads(
            await get_verified(objects, str(file["key"]), digest_in(job.files, "history.json"))
        )
    except ObjectNotFound:
        return {}
    length = max((len(columns.get(name, ())) for name in _CURVES), default=0)
    return {
        k + 1: {name: columns[name][k] if k < len(columns.get(name, ())) else None for name in _CURVES}
        for k in range(length)
    }
