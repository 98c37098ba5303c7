"""Loss curves of fits under way, and the trials of a search."""

import httpx

from services.gateway.live.messages import parse
from shared.contracts.base import new_id, utc_now
from shared.contracts.events import EpochLoss, ModelProgress
from shared.contracts.kinds import BoostSpec, DenseSpec
from shared.contracts.trials import SEARCH_LOSS, Trial
from shared.storage.rows import DatasetRow, JobRow, RunRow, SessionRow
from tests.services.gateway.house import House
from tests.support.runs import SPEC


async def test_a_fit_that_tells_several_epochs_at_once_has_all_of_them_in_its_curve(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    session = await house.records.get(SessionRow, sid.replace("-", ""))
    assert session is not None
    own = {"owner": session.owner, "session_id": session.id}
    dataset = DatasetRow(id=new_id(), spec=SPEC, status="ready", **own)
    run = RunRow(id=new_id(), dataset_id=dataset.id, models=(DenseSpec(),), status="running", **own)
    job = JobRow(
        id=new_id(), run_id=run.id, dataset_id=dataset.id, position=0, kind="dense", label="Dense",
        spec=DenseSpec(), status="running", lease_until=utc_now(), **own,
    )  # fmt: skip
    for row in (dataset, run, job):
        await house.records.insert([row])
    for epochs in ((1,), (2, 3, 4), (5, 6)):
        curve = tuple(EpochLoss(epoch=e, loss=1 / e, val_loss=2 / e) for e in epochs)
        told = ModelProgress(
            session_id=session.id, run_id=run.id, job_id=job.id, kind="dense", label="Dense",
            fraction=epochs[-1] / 6, phase="fit", curve=curve, **curve[-1].model_dump(),
        )  # fmt: skip
        message = parse(told.subject(), told.model_dump_json().encode(), seq=None)
        assert message is not None
        house.past.latest.append(message)

    answer = await http.get(f"history/{sid}", params={"run_id": run.id})

    (drawn,) = answer.json()["curves"]
    assert drawn["epochs"] == [1, 2, 3, 4, 5, 6]
    assert drawn["loss"] == [1 / e for e in range(1, 7)]
    assert drawn["val_loss"] == [2 / e for e in range(1, 7)]


async def test_trials_are_told_with_the_model_they_are_of_and_have_no_curve(
    house: House, http: httpx.AsyncClient, sid: str
) -> None:
    session = await house.records.get(SessionRow, sid.replace("-", ""))
    assert session is not None
    own = {"owner": session.owner, "session_id": session.id}
    spec = BoostSpec(tune=4)
    dataset = DatasetRow(id=new_id(), spec=SPEC, status="ready", **own)
    run = RunRow(id=new_id(), dataset_id=dataset.id, models=(spec,), status="running", **own)
    its = {"run_id": run.id, "dataset_id": dataset.id, "kind": "lgbmr", **own}
    model = JobRow(id=new_id(), position=0, label="LGBMR", spec=spec, status="searching", **its)
    trials = [
        JobRow(
            id=new_id(), position=1 + k, label=f"LGBMR trial {k}", spec=BoostSpec(), status=status,
            trial=Trial(model=model.id, number=k), notes={SEARCH_LOSS: 0.25} if k == 0 else {}, **its,
        )
        for k, status in enumerate(("finished", "running"))
    ]  # fmt: skip
    for row in (dataset, run, model, *trials):
        await house.records.insert([row])
    told = ModelProgress(
        session_id=session.id, run_id=run.id, job_id=trials[1].id, kind="lgbmr", label="LGBMR trial 1",
        fraction=0.5, phase="fit", epoch=3, loss=1.0, val_loss=1.0, trial=1,
    )  # fmt: skip
    message = parse(told.subject(), told.model_dump_json().encode(), seq=None)
    assert message is not None
    house.past.latest.append(message)

    status = (await http.get(f"status/{sid}", params={"run_id": run.id})).json()
    curves = (await http.get(f"history/{sid}", params={"run_id": run.id})).json()["curves"]

    seen = [(job["trial"], job["trial_of"], job["trial_stage"], job["trial_loss"]) for job in status["jobs"]]
    assert seen == [(None, None, None, None), (0, model.id, 0, 0.25), (1, model.id, 0, None)]
    assert status["jobs"][2]["progress"] == 50
    assert curves == []
