"""What happened to a session, in sentences for its user: one line per event."""

from typing import Literal

from shared.contracts import events as e
from shared.contracts.base import Event
from shared.contracts.kinds import ENSEMBLE

Level = Literal["info", "warning", "error"]


def log_line(event: Event) -> tuple[Level, str] | None:
    """Return the level and the sentence an event is worth, or None.

    >>> log_line(e.FileReady.first(session_id="0" * 32, file_id="1" * 32, file_name="load.csv"))
    ('info', 'load.csv is checked')
    """
    match event:
        case e.FileReady():
            return "info", f"{event.file_name} is checked"
        case e.FileRejected():
            return "error", f"{event.file_name} cannot be used: {event.problem.message}"
        case e.RowsArrived():
            return "info", f"{event.n_rows} rows arrived"
        case e.ForecastsScored():
            return "info", f"{event.n_forecasts} forecasts met their truth"
        case e.ScheduleFired():
            level: Level = "error" if event.status == "failed" else "info"
            why = f": {event.problem.message}" if event.problem else ""
            return level, f"the schedule of {event.local_day} ({event.action}) is {event.status}{why}"
        case e.DatasetReady():
            return "info", f"the data set has {event.n_windows} windows, {event.n_train} of them for training"
        case e.DatasetFailed():
            return "error", f"the data set cannot be built: {event.problem.message}"
        case e.RunPlanned():
            if event.backtest:  # as many names as models times folds would say less
                return "info", f"{len(event.jobs)} fits of a backtest are queued"
            return "info", f"{len(event.jobs)} models are queued: {', '.join(j.label for j in event.jobs)}"
        case e.CancelRequested():
            return "warning", "somebody asked to stop " + ("one model" if event.job_id else "the run")
        case e.ModelDone():
            return _model_line(event)
        case e.RunFinished():
            what, ranked_on = ("backtest", "over all folds") if event.backtest else ("run", "on validation")
            if event.status == "completed":
                return "info", f"the {what} is finished; best {ranked_on}: {event.best_label or 'no model'}"
            if event.status == "cancelled":
                return "warning", f"the {what} was cancelled"
            reason = event.problem.message if event.problem else "no model finished"
            return "error", f"the {what} failed: {reason}"
        case _:
            return None


def _model_line(event: e.ModelDone) -> tuple[Level, str]:
    if event.status == "failed":
        reason = event.problem.message if event.problem else "for an unknown reason"
        return "error", f"{event.label} failed: {reason}"
    if event.status == "cancelled":
        return "warning", f"{event.label} was cancelled"
    if event.kind == ENSEMBLE:
        return "info", f"the models are averaged with weights chosen on validation: {event.label}"
    took = f" in {event.seconds:.1f} s" if event.seconds is not None else ""
    return "info", f"{event.label} is trained{took}"
