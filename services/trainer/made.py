"""What is made of a finished model on request and kept: its bytes, and its entry in the job's row."""

from pathlib import Path

from shared.errors import ModelNotFound, Unavailable
from shared.storage.connect import Storage
from shared.storage.folders import entry_of
from shared.storage.rows import JobRow

_TRIES = 8


class JobBusy(Unavailable):
    """The row of a job kept changing while something was to be added to it."""

    code = "JOB_BUSY"
    advice = ("Ask again.",)


async def keep_made(mine: Storage, job: JobRow, name: str, key: str, content: bytes | Path) -> None:
    """Store what was made in place of what was there, and its digest in the job's row.

    Raises
    ------
    ModelNotFound, JobBusy
        If the job was deleted meanwhile, or others change its row all the time.
    """
    entry = entry_of(key, await mine.objects.put(key, content))
    current: JobRow | None = job
    for _ in range(_TRIES):
        if current is None:
            raise ModelNotFound("the model was deleted meanwhile", job_id=job.id)
        made = {**current.made, name: entry}
        if await mine.records.update(JobRow, job.id, {"made": made}, expect={"revision": current.revision}):
            return
        current = await mine.records.get(JobRow, job.id)
    raise JobBusy("other answers about this model kept coming", job_id=job.id)
