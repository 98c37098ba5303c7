"""A search over a real ledger: the rows are the study, so whoever goes on asks for the same trials."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.trainer import handlers
from services.trainer.core.kinds import KINDS
from services.trainer.core.search import GENERATION, decide
from services.trainer.storage import LedgerRuns
from shared.contracts.base import Message, derive, new_id
from shared.contracts.events import CancelRequested, ModelDone, TrainingRequested
from shared.contracts.kinds import BoostSpec, LinearSpec, ModelSpec
from shared.contracts.trials import SEARCH_LOSS
from shared.storage.connect import Storage
from shared.storage.rows import DatasetRow, JobRow, RunRow, SessionRow
from tests.support.runs import SPEC, ledger, turns_of

N = 10
SPACE = KINDS["lgbmr"].space


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    """An empty ledger."""
    opened = await ledger(tmp_path)
    yield opened
    await opened.close()


async def planned(storage: Storage, *models: ModelSpec) -> RunRow:
    own = {"owner": "ada", "session_id": "5" * 32}
    dataset = DatasetRow(id=new_id(), spec=SPEC, status="ready", **own)
    run = RunRow(id="6" * 32, dataset_id=dataset.id, models=models or (BoostSpec(tune=N),), **own)
    for row in (SessionRow(id=own["session_id"], owner="ada"), dataset, run):
        await storage.records.insert([row])
    event = TrainingRequested.first(session_id=run.session_id, run_id=run.id, dataset_id=dataset.id)
    await handlers.plan_requested(event, LedgerRuns(storage), turns_of(storage))
    return run


async def jobs_of(storage: Storage, run: RunRow) -> tuple[JobRow, list[JobRow]]:
    jobs = await storage.records.select(JobRow, {"run_id": run.id}, order="position")
    return next(j for j in jobs if j.kind == "lgbmr" and not j.trial), [j for j in jobs if j.trial]


async def end(storage: Storage, job: JobRow) -> JobRow:
    """End a trial with a loss that has its least at a learning rate of 0.03, in every stage."""
    assert isinstance(job.spec, BoostSpec)
    loss = (job.spec.learning_rate - 0.03) ** 2 + 0.01 * (job.spec.max_depth or 12)
    ended = await storage.records.update(JobRow, job.id, {"status": "finished", "notes": {SEARCH_LOSS: loss}})
    assert ended is not None
    return ended


async def done(storage: Storage, job: JobRow) -> list[Message]:
    assert job.trial is not None
    said = ModelDone.first(
        session_id=job.session_id, run_id=job.run_id, job_id=job.id, kind=job.kind, label=job.label,
        status=job.status, trial=job.trial.number,
    )  # fmt: skip
    return await handlers.go_on_searching(said, LedgerRuns(storage), turns_of(storage))


async def search(storage: Storage, run: RunRow, *, backwards: bool = False) -> JobRow:
    """Play a search to its end; return the model's job."""
    for _ in range(4 * N):
        model, trials = await jobs_of(storage, run)
        if model.status != "searching":
            return model
        live = [job for job in trials if job.status == "queued"]
        for job in reversed(live) if backwards else live:
            await done(storage, await end(storage, job))
    raise AssertionError("the search does not end")


async def test_a_search_ends_with_the_best_trial_and_the_model_waits_no_more(storage: Storage) -> None:
    run = await planned(storage)
    asked, first = await jobs_of(storage, run)

    model = await search(storage, run)

    _, trials = await jobs_of(storage, run)
    whole = [job for job in trials if job.trial and job.trial.stage == 1]
    best = min(whole, key=lambda job: (job.notes[SEARCH_LOSS], job.position))
    assert (asked.status, len(first), model.status) == ("searching", GENERATION, "queued")
    assert {job.trial.number for job in trials if job.trial} == set(range(N))
    assert first[0].spec == BoostSpec(), "the first trial is the model as it was asked for"
    assert len(whole) < N, "the pruner lets the worse half of later trials go"
    assert model.spec == best.spec
    assert isinstance(model.notes["search"], dict)
    assert model.notes["search"]["loss"] == best.notes[SEARCH_LOSS]
    assert model.notes["search"]["n_trials"] == N


async def test_the_order_in_which_trials_end_changes_nothing(tmp_path: Path) -> None:
    found = []
    for backwards in (False, True):
        storage = await ledger(tmp_path / str(backwards))
        run = await planned(storage)
        model = await search(storage, run, backwards=backwards)
        found.append((model.spec, [(j.id, j.spec) for j in (await jobs_of(storage, run))[1]]))
        await storage.close()

    assert found[0] == found[1]


async def test_a_planner_that_dies_after_every_row_doubles_no_trial(storage: Storage) -> None:
    run = await planned(storage)

    for _ in range(4 * N):
        model, trials = await jobs_of(storage, run)
        live = [job for job in trials if job.status == "queued"]
        for job in live:
            ended = await end(storage, job)
        if model.status != "searching":
            break
        before = await jobs_of(storage, run)
        decision = decide(*before, SPACE)
        await storage.records.insert(decision.jobs[:1])  # one row of the next trials, and then a crash
        await done(storage, ended)
        await done(storage, ended)

    _, trials = await jobs_of(storage, run)
    places = [(job.trial.number, job.trial.stage) for job in trials if job.trial]
    assert len(places) == len(set(places))
    assert {number for number, _ in places} == set(range(N))
    assert [job.id for job in trials] == [derive("trial", model.id, *map(str, place)) for place in places]


async def test_what_was_set_is_not_searched(storage: Storage) -> None:
    run = await planned(storage, BoostSpec(tune=N, max_depth=3))

    await search(storage, run)

    _, trials = await jobs_of(storage, run)
    assert {job.spec.max_depth for job in trials if isinstance(job.spec, BoostSpec)} == {3}
    assert len({job.spec.learning_rate for job in trials if isinstance(job.spec, BoostSpec)}) > GENERATION


async def test_a_search_whose_every_trial_fails_says_why(storage: Storage) -> None:
    run = await planned(storage, BoostSpec(tune=2), LinearSpec())
    _, trials = await jobs_of(storage, run)
    for job in trials:
        await storage.records.update(JobRow, job.id, {"status": "failed"})

    said = await done(storage, trials[-1].changed(status="failed"))

    model, _ = await jobs_of(storage, run)
    assert model.status == "failed"
    assert model.problem is not None
    assert model.problem.code == "SEARCH_FOUND_NOTHING"
    assert [m.job_id for m in said if isinstance(m, ModelDone)] == [model.id]


@pytest.mark.parametrize("whole_run", [True, False])
async def test_cancelling_a_searched_model_ends_its_trials(storage: Storage, whole_run: bool) -> None:
    run = await planned(storage)
    model, trials = await jobs_of(storage, run)
    await storage.records.update(JobRow, trials[0].id, {"status": "running"})
    event = CancelRequested.first(
        session_id=run.session_id, run_id=run.id, job_id=None if whole_run else model.id
    )

    await handlers.cancel_queued(event, LedgerRuns(storage), turns_of(storage))

    model, trials = await jobs_of(storage, run)
    assert model.status == "cancelled"
    assert [job.status for job in trials] == ["running", *["cancelled"] * (GENERATION - 1)]
    assert trials[0].cancel_requested
    assert await done(storage, trials[0].changed(status="cancelled")) == []
