"""Plots and test windows on request: what the gateway asks, and the picture or the numbers it gets."""

import asyncio
import base64
from collections import OrderedDict
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from services.evaluator.core.figures.custom import PlotRequest, custom_figure
from services.evaluator.core.figures.render import render, to_json
from services.evaluator.core.shown_forecast import ShownForecast, shown_forecast
from services.evaluator.ports import Results
from shared.errors import ModelNotFound
from shared.scoring.forecasts import PartForecast
from shared.storage.rows import JobRow, RunRow
from shared.windows.dataset import Dataset

Json = dict[str, JsonValue]


class PlotQuestion(BaseModel):
    """A forecast plot somebody wants: which windows and variables, on which axes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    run_id: str
    job_id: str | None = None
    n_windows: int = 1
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    forecasts: tuple[str, ...] = ()
    x: Literal["utc", "step"] = "utc"
    scaled: bool = False
    shared_axis: bool = False
    seed: int = 0
    format: Literal["png", "json"] = "png"

    def request(self) -> PlotRequest:
        """Return what the figure is told."""
        return PlotRequest(
            n_windows=self.n_windows,
            inputs=self.inputs,
            outputs=self.outputs,
            forecasts=self.forecasts,
            x=self.x,
            scaled=self.scaled,
            shared_axis=self.shared_axis,
            seed=self.seed,
        )


class WindowQuestion(BaseModel):
    """Which test window of which model somebody looks at: by number, or the first at or after a time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    run_id: str
    job_id: str | None = None
    window: int | None = None
    at_ms: int | None = None


class TestWindows:
    """The test parts people look at, the newest few kept open: the next day comes at once."""

    __test__ = False
    _KEPT = 6

    def __init__(self, results: Results) -> None:
        self._results = results
        self._open: OrderedDict[str, ShownForecast] = OrderedDict()

    async def show(self, question: WindowQuestion) -> Json:
        """Return one window of a finished model.

        Raises
        ------
        ModelNotFound
            If the run or the model is not there.
        """
        run = await self._results.run(question.run_id)
        job = await self._results.job(question.job_id or (run.best_job_id if run else None) or "")
        if not _belongs(run, job, question) or job is None:
            raise ModelNotFound("there is no such finished model", run_id=question.run_id)
        shown = await self._shown(job)
        number = question.window or 0
        if question.at_ms is not None:
            number = shown.at(question.at_ms)
        return {"job_id": job.id, "label": job.label, **shown.window(number)}

    async def _shown(self, job: JobRow) -> ShownForecast:
        found = self._open.get(job.id)
        if found is None:
            dataset, forecast = await self._results.dataset(job), await self._results.forecast(job)
            found = await asyncio.to_thread(shown_forecast, dataset, forecast)
            while len(self._open) >= self._KEPT:
                self._open.popitem(last=False)
            self._open[job.id] = found
        self._open.move_to_end(job.id)
        return found


async def draw_plot(question: PlotQuestion, results: Results) -> Json:
    """Return the picture as a data URL, or the numbers in it.

    Without named variables all outputs are drawn, with their forecasts.

    Raises
    ------
    ModelNotFound
        If the run or the model is not there.
    """
    run = await results.run(question.run_id)
    job = await results.job(question.job_id or (run.best_job_id if run else None) or "")
    if not _belongs(run, job, question) or job is None:
        raise ModelNotFound("there is no such finished model", run_id=question.run_id)
    dataset, forecast = await results.dataset(job), await results.forecast(job)
    return await asyncio.to_thread(_drawn, question, job, dataset, forecast.test)


def _belongs(run: RunRow | None, job: JobRow | None, question: PlotQuestion | WindowQuestion) -> bool:
    if run is None or job is None:
        return False
    same = run.session_id == job.session_id == question.session_id and job.run_id == run.id
    return same and job.status == "finished"


def _drawn(question: PlotQuestion, job: JobRow, dataset: Dataset, forecast: PartForecast) -> Json:
    layout = dataset.layout
    request = question.request()
    if not (request.inputs or request.outputs or request.forecasts):
        names = tuple(column.name for column in layout.outputs)
        request = replace(request, outputs=names, forecasts=names)
    figure = custom_figure(
        f"{job.label}: chosen test windows",
        request,
        test=dataset.part("test"),
        layout=layout,
        forecast=forecast,
    )
    if question.format == "json":
        return {"data": to_json(figure)}
    picture = base64.b64encode(render(figure)).decode()
    return {"plot": f"data:image/png;base64,{picture}", "seed": question.seed}
