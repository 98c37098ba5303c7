"""Test windows on request: one after the other as somebody turns the pages of a forecast."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, JsonValue

from services.evaluator.core.shown_forecast import ShownForecast, shown_forecast
from services.evaluator.ports import Results
from shared.errors import ModelNotFound

Json = dict[str, JsonValue]


class WindowQuestion(BaseModel):
    """Which test window of which model somebody looks at: by number, or the first at or after a time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    run_id: str
    job_id: str | None = None
    window: int | None = None
    at_ms: int | None = None


@dataclass(eq=False)
class ShownWindows:
    """The test parts people look at, the newest few kept open: the next day comes at once."""

    _results: Results
    _open: OrderedDict[str, ShownForecast] = field(default_factory=OrderedDict)

    _KEPT = 6

    async def show(self, question: WindowQuestion) -> Json:
        """Return one window of a finished model.

        Raises
        ------
        ModelNotFound
            If the run or the model is not there.
        """
        run = await self._results.run(question.run_id)
        job = await self._results.job(question.job_id or (run.best_job_id if run else None) or "")
        mine = run is not None and job is not None and job.run_id == run.id
        if not mine or job is None or job.session_id != question.session_id or job.status != "finished":
            raise ModelNotFound("there is no such finished model", run_id=question.run_id)
        shown = self._open.get(job.id)
        if shown is None:
            dataset, forecast = await self._results.dataset(job), await self._results.forecast(job)
            shown = await asyncio.to_thread(shown_forecast, dataset, forecast)
            while len(self._open) >= self._KEPT:
                self._open.popitem(last=False)
            self._open[job.id] = shown
        self._open.move_to_end(job.id)
        number = question.window or 0
        if question.at_ms is not None:
            number = shown.at(question.at_ms)
        return {"job_id": job.id, "label": job.label, **shown.window(number)}
