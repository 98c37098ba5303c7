"""Loss curves of fits under way."""

import httpx

from services.gateway.live.messages import parse
from shared.contracts.base import new_id, utc_now
from shared.contracts.events import EpochLoss, ModelProgress
from shared.contracts.kinds import DenseSpec
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
