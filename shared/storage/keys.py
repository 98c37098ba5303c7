"""Where each kind of object lies: keys made of our own ids."""

BACKCAST = "backcast.npz"


def session(session_id: str) -> str:
    """Everything of a session."""
    return f"sessions/{session_id}"


def chunks(session_id: str, file_id: str) -> str:
    """The chunks of an upload."""
    return f"{session(session_id)}/files/{file_id}/chunks"


def chunk(session_id: str, file_id: str, index: int) -> str:
    """One chunk; keys sort as the chunks follow."""
    return f"{chunks(session_id, file_id)}/{index:06d}"


def series(session_id: str, series_id: str) -> str:
    """The canonical arrays of one series."""
    return f"{session(session_id)}/series/{series_id}.npz"


def series_version(session_id: str, series_id: str, version: int) -> str:
    """One series with all rows up to a version."""
    return f"{session(session_id)}/series/{series_id}-{version:06d}.npz"


def batches(session_id: str, file_id: str) -> str:
    """The rows of a file that came after its upload, batch by batch."""
    return f"{session(session_id)}/files/{file_id}/rows"


def dataset(session_id: str, dataset_id: str) -> str:
    """The files of a data set."""
    return f"{session(session_id)}/datasets/{dataset_id}"


def run(session_id: str, run_id: str) -> str:
    """Everything of a run."""
    return f"{session(session_id)}/runs/{run_id}"


def archive(session_id: str, run_id: str) -> str:
    """The archive of a run that people download."""
    return f"{run(session_id, run_id)}/results.zip"


def job(session_id: str, run_id: str, job_id: str) -> str:
    """Everything of a job, all attempts."""
    return f"{run(session_id, run_id)}/jobs/{job_id}"


def attempt(session_id: str, run_id: str, job_id: str, number: int) -> str:
    """What one attempt at a job produced."""
    return f"{job(session_id, run_id, job_id)}/{number}"


def checkpoint(session_id: str, run_id: str, job_id: str) -> str:
    """Where an unfinished fit stood, for whichever attempt is next; gone when the job has ended."""
    return f"{job(session_id, run_id, job_id)}/checkpoint.npz"


def importance(session_id: str, run_id: str, job_id: str, name: str) -> str:
    """Which inputs a job's model relies on, by the name its row keeps of it."""
    return f"{job(session_id, run_id, job_id)}/{name}"


def importance_name(seed: int) -> str:
    """Return what a job's row calls the importance measured with one seed."""
    return f"importance/{seed}.json"


def backcast(session_id: str, run_id: str, job_id: str) -> str:
    """What a job's model would have forecast at moments of the past, as it was asked last."""
    return f"{job(session_id, run_id, job_id)}/{BACKCAST}"


def forecast(session_id: str, forecast_id: str) -> str:
    """The document of one forecast of the future."""
    return f"{session(session_id)}/forecasts/{forecast_id}.json"
