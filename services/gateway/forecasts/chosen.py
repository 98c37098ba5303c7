"""Which model a request means."""

from services.gateway.problems import InvalidModelParams, NothingThere, wrong_field
from services.gateway.registry.versions import Registry, registry_of
from services.gateway.results.routes import outcome
from shared.storage.records import Records, Where
from shared.storage.rows import JobRow, RunRow, SessionRow

_LOOKED_AT = 50  # newest runs among which a good one is looked for


async def for_forecasts(
    records: Records,
    session: SessionRow,
    run_id: str | None,
    model: str,
    *,
    known: Registry | None = None,
) -> JobRow:
    """Return the finished model of a forecast; without a champion it is the best of the newest good run."""
    if model != "champion":
        return await meant(records, session, run_id, model)
    champion = (known or await registry_of(records, session)).champion if run_id is None else None
    if champion is None:
        return await meant(records, session, run_id, "best")
    job = await records.get(JobRow, champion.job_id)
    if job is None or job.status != "finished":
        raise NothingThere(f"the model of version {champion.number}, the champion, is gone: promote another")
    return job


async def meant(records: Records, session: SessionRow, run_id: str | None, model: str) -> JobRow:
    """Return the finished model a request means: by job id, by label, or the best of the newest good run."""
    if run_id is None and model != "best":
        job = await records.get(JobRow, model)
        mine = job is not None and job.session_id == session.id and job.trial is None
        if job is not None and mine and job.status == "finished":
            return job
    run = await _good_run(records, session, run_id)
    if model == "best":
        job = await records.get(JobRow, run.best_job_id or "")
        if job is not None and job.status == "finished":
            return job
        raise NothingThere("the run has no best model (yet); name one by `model`")
    jobs = await records.select(JobRow, {"run_id": run.id, "status": "finished"}, order="position")
    jobs = [job for job in jobs if job.trial is None]
    named = [job for job in jobs if model in (job.id, job.label)]
    if not named:
        known = ", ".join(job.label for job in jobs) or "none"
        raise wrong_field(InvalidModelParams, "model", f"name a finished model of the run: {known}")
    return named[0]


async def _good_run(records: Records, session: SessionRow, run_id: str | None) -> RunRow:
    if run_id is not None:
        return (await outcome(records, session, run_id)).run
    done: Where = {"session_id": session.id, "status": "completed", "backtest_of": None}
    runs = await records.select(RunRow, done, order="-created_at", limit=_LOOKED_AT)
    good = next((run for run in runs if run.best_job_id), None)
    if good is None:
        raise NothingThere("no run of this session has a finished model yet: train models first")
    return good
